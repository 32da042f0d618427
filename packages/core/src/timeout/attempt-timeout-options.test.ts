import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { attemptTimeout } from "../index.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

test.each<[unknown, string]>([
  [null, "attemptTimeout.timeout must not be null; write a value or leave it out"],
  [5, `attemptTimeout.timeout ${unit}`],
  [{ timeout: 5 }, `attemptTimeout.timeout ${unit}`],
  [{ timeout: "1s", name: "" }, 'attemptTimeout.name must be a non-empty string; got ""'],
  [
    { timeout: "1s", speed: 1 },
    "attemptTimeout.speed is not an option; known options: timeout, name, onEvent",
  ],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => attemptTimeout(options as never))).toBe(message);
});

test.each<[unknown, string]>([
  [{ timeout: 5 }, `attemptTimeout.timeout ${unit}`],
  [{ name: "x" }, "attemptTimeout.name is not an option; known options: timeout"],
  [5, "attemptTimeout must be an object; got 5"],
])("so is a wrong change, and it changes nothing: %o", (change, message) => {
  const policy = attemptTimeout("1s");
  const before = policy.snapshot();
  expect(refusal(() => policy.reconfigure(change as never))).toBe(message);
  expect(policy.snapshot()).toEqual(before);
});

test("what it is set to can be read and changed", () => {
  const policy = attemptTimeout({ timeout: "1ms", name: "toss" });
  expect(policy.snapshot()).toEqual({ kind: "attemptTimeout", name: "toss", timeoutMs: 1 });
  policy.reconfigure({ timeout: "2s" });
  expect(policy.snapshot()).toEqual({ kind: "attemptTimeout", name: "toss", timeoutMs: 2_000 });
});
