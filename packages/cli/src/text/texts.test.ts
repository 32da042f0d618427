import { evidenceKinds, operationStates } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { en } from "./en.ts";
import { ko } from "./ko.ts";
import { languageOf } from "./language.ts";

type Make = (...values: readonly unknown[]) => string;
const marks = ["<1>", "<2>", "<3>"] as const;

function flat(catalog: object, path = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(catalog).flatMap(([name, value]: [string, unknown]) => {
      if (typeof value === "string") return [[path + name, value]];
      if (typeof value === "function") return [[path + name, (value as Make)(...marks)]];
      return Object.entries(flat(value as object, `${path}${name}.`));
    }),
  );
}

test("both languages say the same things, none of them empty, each in its own script", () => {
  const [english, korean] = [flat(en), flat(ko)];
  const own = (all: object) => Object.keys(all).filter((key) => !key.startsWith("move.yes."));
  expect(own(korean).toSorted()).toEqual(own(english).toSorted());
  expect(Object.values({ ...english, ...korean }).filter((text) => text.trim() === "")).toEqual([]);
  expect(Object.entries(english).filter(([, text]) => /[가-힣]/.test(text))).toEqual([]);
  const foreign = Object.entries(korean).filter(
    ([key, text]) => own({ [key]: text }).length > 0 && !/[가-힣]/.test(text),
  );
  expect(foreign.map(([key]) => key).toSorted()).toEqual([
    "doctor.checks.durability.engineFix",
    "doctor.checks.reachable.ok",
    "doctor.checks.statistics.unanalyzedFix",
    "doctor.checks.tables.invalidFix",
    "doctor.checks.tables.unloggedFix",
    "list.head.id",
    "show.facts.id",
    "when.ended",
    "when.units.ms",
  ]);
});

test("what a text is given appears in both languages or in neither", () => {
  const shown = (catalog: object) =>
    Object.fromEntries(
      Object.entries(flat(catalog)).map(([key, text]) => [key, marks.filter((mark) => text.includes(mark))]),
    );
  const [english, korean] = [shown(en), shown(ko)];
  // English has plurals, Korean has none.
  for (const key of Object.keys(english))
    expect([key, korean[key] ?? english[key]]).toEqual([key, english[key]]);
});

test("every state and every kind of evidence has words", () => {
  for (const { show } of [en, ko]) {
    expect(Object.keys(show.states).toSorted()).toEqual(operationStates.toSorted());
    expect(Object.keys(show.why)).toEqual(expect.arrayContaining([...evidenceKinds]));
  }
});

test.each([
  [["ledger", "list", "--lang", "ko"], {}, "ko"],
  [["--lang=ko"], { LANG: "en_US.UTF-8" }, "ko"],
  [["--lang", "de"], { LANG: "ko_KR.UTF-8" }, "ko"],
  [[], { LC_ALL: "", LC_MESSAGES: "ko_KR", LANG: "en_US" }, "ko"],
  [[], { LC_ALL: "en_US", LANG: "ko_KR" }, "en"],
  [["--lang", "en"], { LANG: "ko_KR" }, "en"],
  [[], {}, "en"],
] as const)("the language of %j in %j is %s", (args, env, language) => {
  expect(languageOf(args, env)).toBe(language);
});
