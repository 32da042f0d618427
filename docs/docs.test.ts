import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

// A page's code is a part of a file in docs/examples that the type checker and the suite run:
//   <!-- example: file#region -->  above a fence  =  // #region region ... // #endregion  in file.ts
const pages = globSync("**/*.md", { cwd: root(), exclude: (path) => /node_modules|dist/.test(path) });

interface Example {
  readonly page: string;
  readonly name: string;
  readonly code: string;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(new URL(page, root()), "utf8");
  const found = text.matchAll(/<!-- example: (\S+) -->\n```ts\n([\s\S]*?)```/g);
  return [...found].map(([, name = "", code = ""]) => ({ page, name, code }));
}

function region(name: string): string {
  const [file, label] = name.split("#");
  const source = readFileSync(new URL(`docs/examples/${file}.ts`, root()), "utf8");
  const start = source.indexOf(`// #region ${label}\n`);
  const end = source.indexOf("// #endregion", start);
  if (start === -1 || end === -1) throw new Error(`docs/examples/${file}.ts has no region "${label}"`);
  // Regions stand inside functions; a page shows them without that indentation.
  const lines = source
    .slice(source.indexOf("\n", start) + 1, end)
    .trimEnd()
    .split("\n");
  const indent = /^ */.exec(lines[0] ?? "")?.[0].length ?? 0;
  return lines
    .map((line) => line.slice(indent))
    .join("\n")
    .trim();
}

function root(): URL {
  return new URL("../", import.meta.url);
}

test.each(pages.flatMap(examplesOf))("$page shows $name as it runs", ({ name, code }) => {
  expect(code.trim()).toBe(region(name));
});

test("every TypeScript fence of a page is such an example", () => {
  for (const page of pages) {
    const fences = readFileSync(new URL(page, root()), "utf8").match(/^```ts$/gm)?.length ?? 0;
    expect([page, examplesOf(page).length]).toEqual([page, fences]);
  }
});
