import { expect, test } from "vitest";
import { cancelKeyOf, checkedKey } from "./key.ts";

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
