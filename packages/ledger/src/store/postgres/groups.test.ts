import { expect, test } from "vitest";
import { inGroups } from "./groups.ts";

const grouped = (records: readonly object[]): unknown => JSON.parse(inGroups(records, ["id"]));

test("what several have in common is said once, and what is false or undefined not at all", () => {
  const alike = { to: "DONE", failed: false, by: undefined, list: ["a", "b"] };
  expect(
    grouped([
      { id: 1, ...alike },
      { id: 2, ...alike, list: ["a", "b"] },
      { id: 3, to: "DONE" },
    ]),
  ).toEqual([
    { to: "DONE", list: ["a", "b"], rows: [{ id: 1 }, { id: 2 }] },
    { to: "DONE", rows: [{ id: 3 }] },
  ]);
});

test("those that differ in anything, in lists too, stand in groups of their own", () => {
  const all = [
    { list: ["a"] },
    { list: ["a", "b"] },
    { list: ["b"] },
    { to: "x" },
    { to: null },
    { from: "x" },
  ];
  expect(grouped(all.map((each, id) => ({ id, ...each })))).toEqual(
    all.map((each, id) => ({ ...each, rows: [{ id }] })),
  );
});

test("however different they are, none is lost, and no more is compared than a few", () => {
  const records = Array.from({ length: 500 }, (_, id) => ({ id, kind: id % 7 }));
  const groups = grouped(records) as {
    readonly kind: number;
    readonly rows: readonly { readonly id: number }[];
  }[];
  const ids = groups.flatMap(({ kind, rows }) => rows.map(({ id }) => (id % 7 === kind ? id : -1)));
  expect(ids.toSorted((a, b) => a - b)).toEqual(records.map(({ id }) => id));
});

test("nothing is an empty list", () => {
  expect(inGroups([], ["id"])).toBe("[]");
});
