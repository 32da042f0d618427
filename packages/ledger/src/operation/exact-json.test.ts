import * as fc from "fast-check";
import { expect, test } from "vitest";
import { exactJson } from "./exact-json.ts";
import { fingerprintOf } from "./fingerprint.ts";

test("what JSON would drop or change is refused, and the message names the place", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const cases: readonly [unknown, string][] = [
    [undefined, "input is undefined"],
    [{ a: [1, undefined] }, "input.a[1] is undefined"],
    [new Array(1), "input[0] is undefined"],
    [{ amount: 10n }, "input.amount is a bigint"],
    [{ amount: Number.NaN }, "input.amount is NaN"],
    [{ amount: Number.POSITIVE_INFINITY }, "input.amount is Infinity"],
    [{ at: new Date(0) }, "input.at is a Date"],
    [{ items: new Map() }, "input.items is a Map"],
    [{ run: () => 1 }, "input.run is a function"],
    [{ toJSON: () => 1 }, "input is a Object"],
    [Symbol("x"), "input is a symbol"],
    [cycle, "input.self is a cycle"],
  ];
  for (const [value, message] of cases) {
    expect(() => exactJson("input", value)).toThrow(message);
    expect(() => exactJson("input", value)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID", effect: "none" }),
    );
  }
});

test("an object that appears twice is no cycle, and an absent property may be undefined", () => {
  const shared = { a: 1 };
  expect(exactJson("input", [shared, shared, { b: undefined }])).toBe('[{"a":1},{"a":1},{}]');
});

test("input nested beyond reason is refused instead of overflowing the stack", () => {
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  expect(() => exactJson("input", deep)).toThrow("deeper than 200 levels");
});

test("any JSON value comes back as it was given, and has the same fingerprint in any order of its keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = exactJson("input", value);
      expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify(value));
      expect(fingerprintOf(JSON.stringify(reversed(JSON.parse(json))))).toBe(fingerprintOf(json));
    }),
  );
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, each]) => [key, reversed(each)]),
  );
}
