import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cancelKeyOf, checkedKey, exactJson, fingerprintOf, storableText } from "./request.ts";

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

test("different inputs have different fingerprints", () => {
  const inputs = [
    {},
    [],
    null,
    "",
    0,
    "0",
    { a: 1 },
    { a: "1" },
    { a: { b: 1 } },
    { "a.b": 1 },
    [["a", 1]],
    { object: [["a", 1]] },
  ];
  expect(new Set(inputs.map((input) => fingerprintOf(JSON.stringify(input)))).size).toBe(inputs.length);
});

test("a key is 1 to 255 visible ASCII characters, and a wrong one is told why", () => {
  expect(checkedKey("!".repeat(255))).toHaveLength(255);
  for (const [key, why] of [
    ["", "it is empty"],
    ["x".repeat(256), "it has 256"],
    ["a b", '"a b" contains a character outside'],
    ["주문", "contains a character outside"],
    ["a\n", "contains a character outside"],
    [7, "got 7"],
  ] as const) {
    expect(() => checkedKey(key)).toThrow(why);
    expect(() => checkedKey(key)).toThrow(expect.objectContaining({ code: "KEY_INVALID", effect: "none" }));
  }
});

test("a cancel has a key of its own that is never too long", () => {
  expect(cancelKeyOf("order-1")).toBe("order-1:cancel");
  const long = cancelKeyOf("x".repeat(255));
  expect(checkedKey(long)).toBe(long);
  expect(cancelKeyOf(`${"x".repeat(254)}y`)).not.toBe(long);
});

test("text for the database has no NUL, no lone surrogate, and an end", () => {
  expect(storableText("a\0b\ud800c")).toBe("a\u{fffd}b\u{fffd}c");
  expect(storableText("x".repeat(5_000))).toHaveLength(1_000);
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
