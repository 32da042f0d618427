import { expect, test } from "vitest";
import { checkKey, quoted } from "./key.ts";

test.each(["k", "order-1", "~".repeat(255), '!"#\\'])("%j is a key", (key) => {
  expect(checkKey(key)).toBe(key);
});

test.each(["", " ", "a b", "a\n", "é", "k".repeat(256), 7, null])("%j is no key, and is not shown", (key) => {
  expect(() => checkKey(key)).toThrow(/^key must be 1 to 255 visible ASCII characters/);
});

test("a quoted key escapes what ends a string", () => {
  expect(quoted('a"b\\c')).toBe('"a\\"b\\\\c"');
});
