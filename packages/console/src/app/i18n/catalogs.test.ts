import { expect, test } from "vitest";
import { faultKinds } from "../../snapshot.ts";
import { en } from "./en.ts";
import { ko } from "./ko.ts";

test("both languages have the same messages, none of them empty", () => {
  expect(Object.keys(flat(ko)).sort()).toEqual(Object.keys(flat(en)).sort());
  for (const text of [...Object.values(flat(en)), ...Object.values(flat(ko))])
    expect(text.trim()).not.toBe("");
});

test("Korean messages are Korean, apart from names that have no other form", () => {
  const foreign = Object.entries(flat(ko)).filter(([, text]) => !/[가-힣]/.test(text));
  expect(foreign.map(([key]) => key).sort()).toEqual(["faults.unavailable.name", "lanes.outrigger.name"]);
});

test("English messages hold no Korean", () => {
  expect(Object.values(flat(en)).filter((text) => /[가-힣]/.test(text))).toEqual([]);
});

test("a number or name that a message is given appears in both languages or in neither", () => {
  const shown = (catalog: object): Record<string, string[]> =>
    Object.fromEntries(
      functionsIn(catalog).map(({ key, make }) => [
        key,
        marks.filter((mark) => make(...marks).includes(mark)),
      ]),
    );
  expect(shown(ko)).toEqual(shown(en));
  for (const { key, make } of functionsIn(en))
    expect(make(...marks), key).toContain(marks[Math.max(0, make.length - 1)]);
});

test("one defect and one restart are singular in English", () => {
  expect(en.lanes.verdict.bad(1, "1")).toContain("1 defect:");
  expect(en.lanes.verdict.bad(2, "2")).toContain("2 defects:");
  expect(en.shop.restarts(1, "1")).toBe("1 restart");
});

test("every fault has a name and an explanation of its own", () => {
  for (const { faults } of [en, ko]) {
    expect(Object.keys(faults).sort()).toEqual([...faultKinds, "down"].sort());
    const all = Object.values(faults).flatMap(({ name, explanation }) => [name, explanation]);
    expect(new Set(all).size).toBe(all.length);
  }
});

const marks = ["<1>", "<2>", "<3>"] as const;

type Make = (...values: readonly unknown[]) => string;

function functionsIn(catalog: object, path = ""): { key: string; make: Make }[] {
  return Object.entries(catalog).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === "function") return [{ key: path + name, make: value as Make }];
    return typeof value === "object" && value !== null ? functionsIn(value, `${path}${name}.`) : [];
  });
}

function flat(catalog: object, path = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(catalog).flatMap(([name, value]: [string, unknown]) => {
      if (typeof value === "string") return [[path + name, value]];
      if (typeof value === "function") return [[path + name, String((value as Make)("1", "2", "3"))]];
      return Object.entries(flat(value as object, `${path}${name}.`));
    }),
  );
}
