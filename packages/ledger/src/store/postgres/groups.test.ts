import { expect, test } from "vitest";
import { inGroups, type Parameter } from "./groups.ts";

const parameters: readonly Parameter[] = [
  { field: "to", name: "p_to", type: "text" },
  { field: "by", name: "p_by", type: "text" },
  { field: "list", name: "p_list", type: "text[]" },
  { field: "id", name: "p_ids", type: "bigint[]", each: true },
  { field: "note", name: "p_notes", type: "text[]", each: true },
];

test("what several have in common is sent once, and what nobody has is sent as nothing", () => {
  const alike = { to: "DONE", list: ["a", "b"] };
  expect(
    inGroups(
      [
        { id: 1, ...alike },
        { id: 2, ...alike, list: ["a", "b"] },
        { id: 3, to: "DONE", note: "x" },
        { id: 4, to: "DONE", by: undefined },
      ],
      parameters,
    ),
  ).toEqual([
    ["DONE", null, '{"a","b"}', "{1,2}", null],
    ["DONE", null, null, "{3,4}", '{"x",NULL}'],
  ]);
});

test("those that differ in anything, in lists too, stand in groups of their own", () => {
  const all = [
    { list: ["a"] },
    { list: ["a", "b"] },
    { list: ["b"] },
    { to: "x" },
    { by: "x" },
    { to: "x", by: "x" },
  ];
  const groups = inGroups(
    all.map((each, id) => ({ id, ...each })),
    parameters,
  );
  expect(groups.map(([, , , ids]) => ids)).toEqual(all.map((_, id) => `{${id}}`));
});

test("however different they are, none is lost, and no more is compared than a few", () => {
  const records = Array.from({ length: 500 }, (_, id) => ({ id, to: `${id % 7}` }));
  const groups = inGroups(records, parameters);
  const ids = groups.flatMap(([to, , , list]) =>
    String(list)
      .slice(1, -1)
      .split(",")
      .map((id) => (Number(id) % 7 === Number(to) ? Number(id) : -1)),
  );
  expect(ids.toSorted((a, b) => a - b)).toEqual(records.map(({ id }) => id));
});

test("what a list of PostgreSQL means something by is taken as it is", () => {
  const note = 'a "b" \\ {c,d} NULL \n é';
  expect(inGroups([{ id: 1, note }], parameters)).toEqual([
    [null, null, null, "{1}", '{"a \\"b\\" \\\\ {c,d} NULL \n é"}'],
  ]);
});

test("nothing is no group", () => {
  expect(inGroups([], parameters)).toEqual([]);
});
