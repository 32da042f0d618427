import { expect, test } from "vitest";
import { assertKnownKeys, assertObject, integerIn, join, nonEmptyString, oneOf, ratioIn } from "./options.ts";
import { functionAt, observerOf } from "./policy-options.ts";

test("an unknown option is refused with the option that was meant", () => {
  const check = (value: unknown) => () => assertKnownKeys("retry", value, ["maxRetries", "backoff"]);
  expect(check({ maxRetries: 1, backoff: 2 })).not.toThrow();
  expect(check({})).not.toThrow();
  expect(check({ maxRetry: 1 })).toThrow('retry.maxRetry is not an option; did you mean "maxRetries"?');
  expect(check({ MAXRETRIES: 1 })).toThrow('did you mean "maxRetries"?');
  expect(check({ colour: 1 })).toThrow("retry.colour is not an option; known options: maxRetries, backoff");
});

test.each([
  [undefined, "undefined"],
  [null, "null"],
  [[], "an array"],
  [3, "3"],
  ["3s", '"3s"'],
])("%j is refused where an object of options is due", (value, shown) => {
  expect(() => assertObject("retry", value)).toThrow(`retry must be an object; got ${shown}`);
});

test("a whole number must lie in its range, both ends included", () => {
  expect([integerIn("x", 0, 0, 3), integerIn("x", 3, 0, 3), integerIn("x", 5, 5)]).toEqual([0, 3, 5]);
  for (const value of [2.5, -1, 4, Number.NaN, Number.POSITIVE_INFINITY, "2", undefined]) {
    expect(() => integerIn("x", value, 0, 3)).toThrow(RangeError);
    expect(() => integerIn("x", value, 0, 3)).toThrow("x must be a whole number, between 0 and 3; got ");
  }
  expect(() => integerIn("x", 0, 1)).toThrow("x must be a whole number, at least 1; got 0");
});

test("a ratio lies above 0 and at most at 1, and a percentage is told how to be written", () => {
  expect([ratioIn("x", 1), ratioIn("x", 0.001), ratioIn("x", 2, 2)]).toEqual([1, 0.001, 2]);
  for (const value of [0, -0.5, 1.001, Number.NaN, "0.5", undefined]) {
    expect(() => ratioIn("x", value)).toThrow("x must be a ratio above 0 and at most 1; got ");
  }
  expect(() => ratioIn("x", 50)).toThrow("got 50: write 0.5 for 50 %");
  expect(() => ratioIn("x", 101)).toThrow(/got 101$/);
});

test("a choice must be one of the choices", () => {
  expect(oneOf("x", "a", ["a", "b"])).toBe("a");
  expect(() => oneOf("x", "c", ["a", "b"])).toThrow('x must be one of "a", "b"; got "c"');
});

test("a name must not be empty", () => {
  expect(nonEmptyString("x", "a")).toBe("a");
  for (const value of ["", " ", 3, undefined])
    expect(() => nonEmptyString("x", value)).toThrow("x must be a non-empty");
});

test("a listener must be a function", () => {
  expect(() => functionAt("x", () => 1)).not.toThrow();
  expect(() => functionAt("x", "f")).toThrow('x must be a function; got "f"');
  expect(() => observerOf("retry", { onEvent: 3 as never })).toThrow(
    "retry.onEvent must be a function; got 3",
  );
  expect(() => observerOf("retry", { name: "" })).toThrow("retry.name must be a non-empty string");
});

test("a nested path is joined by a dot, and the root has none", () => {
  expect([join("timeout", "read"), join("", "name")]).toEqual(["timeout.read", "name"]);
});
