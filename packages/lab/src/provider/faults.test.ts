import { expect, test } from "vitest";
import { faultKinds, parseFault } from "./faults.ts";

test("every kind can be named alone; what it needs has a default", () => {
  expect(faultKinds.map((kind) => parseFault({ kind }))).toEqual(
    faultKinds.map((kind) => ({
      kind,
      ...(kind === "slow" && { delayMs: 800 }),
      ...(kind === "applyLate" && { delayMs: 2_000 }),
      ...(kind === "closeIdle" && { delayMs: 0 }),
      ...(kind === "unavailable" && { retryAfterSeconds: 1 }),
    })),
  );
});

test.each([
  [{ kind: "broken" }, /^kind must be one of "healthy", .*"failInquiry"; got "broken"$/],
  [{}, /^kind must be one of .*; got undefined$/],
  [[], "the fault must be an object; got an array"],
  [{ kind: "slow", delayMs: -1 }, "delayMs must be a whole number, between 0 and 600000; got -1"],
  [{ kind: "slow", delayMs: "1s" }, 'delayMs must be a whole number, between 0 and 600000; got "1s"'],
  [{ kind: "slow", delay: 1 }, 'delay is not an option; did you mean "delayMs"?'],
  [{ kind: "refuse", delayMs: 1 }, "delayMs is not an option; known options: kind"],
  [{ kind: "unavailable", retryAfterSeconds: 1.5 }, /^retryAfterSeconds must be a whole number/],
])("%j is refused, with the field and what it takes", (body, message) => {
  expect(() => parseFault(body)).toThrow(message);
});
