import { expect, test } from "vitest";
import { fingerprintOf } from "./fingerprint.ts";

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
