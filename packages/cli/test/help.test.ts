import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ran } from "./support/in-process.ts";

// A page shows the help as it is printed:  <!-- help: ledger list -->  above a fence.
const pages = { en: "cli.md", ko: "cli.ko.md" } as const;

const shown = Object.entries(pages).flatMap(([language, page]) => {
  const text = readFileSync(new URL(`../../../docs/ledger/${page}`, import.meta.url), "utf8");
  const found = text.matchAll(/<!-- help: ([\w ]+) -->\n```text\n([\s\S]*?)```/g);
  return [...found].map(([, command = "", help = ""]) => ({ page, language, command, help }));
});

test.each(shown)("$page shows the help of $command as it is printed", async ({ language, command, help }) => {
  const { code, stdout } = await ran([...command.split(" "), "--help", "--lang", language]);
  expect([code, help.trimEnd()]).toEqual([0, stdout.trimEnd()]);
});

test("each page shows the help of every command", async () => {
  const under = async (group: string): Promise<readonly string[]> => {
    const { stdout } = await ran([...group.split(" "), "--help"]);
    return [...stdout.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => `${group} ${name}`);
  };
  const group = "ledger sagas";
  const commands = [...(await under("ledger")).filter((each) => each !== group), ...(await under(group))];
  expect(commands).toHaveLength(11);
  for (const page of Object.values(pages)) {
    const there = shown.filter((each) => each.page === page).map(({ command }) => command);
    expect([page, ...there.toSorted()]).toEqual([page, ...commands.toSorted()]);
  }
});
