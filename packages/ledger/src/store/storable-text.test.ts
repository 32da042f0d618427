import { expect, test } from "vitest";
import { storableText } from "./storable-text.ts";

test("text for the database has no NUL, no lone surrogate, and an end", () => {
  expect(storableText("a\0b\ud800c")).toBe("a\u{fffd}b\u{fffd}c");
  expect(storableText("x".repeat(5_000))).toHaveLength(1_000);
});
