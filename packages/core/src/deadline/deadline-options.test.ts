import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { deadline } from "../index.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

test.each<[unknown, string]>([
  [null, "deadline.total must not be null; write a value or leave it out"],
  [5, `deadline.total ${unit}`],
  [{ total: 5 }, `deadline.total ${unit}`],
  [{ total: "1s", name: "" }, 'deadline.name must be a non-empty string; got ""'],
  [{ total: "1s", speed: 1 }, "deadline.speed is not an option; known options: total, name, onEvent"],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => deadline(options as never))).toBe(message);
});

test.each<[unknown, string]>([
  [{ total: 5 }, `deadline.total ${unit}`],
  [{ name: "x" }, "deadline.name is not an option; known options: total"],
  [5, "deadline must be an object; got 5"],
])("so is a wrong change, and it changes nothing: %o", (change, message) => {
  const policy = deadline("1s");
  const before = policy.snapshot();
  expect(refusal(() => policy.reconfigure(change as never))).toBe(message);
  expect(policy.snapshot()).toEqual(before);
});

test("what it is set to can be read and changed", () => {
  const policy = deadline({ total: "1ms", name: "toss" });
  expect(policy.snapshot()).toEqual({ kind: "deadline", name: "toss", totalMs: 1 });
  policy.reconfigure({ total: "2s" });
  expect(policy.snapshot()).toEqual({ kind: "deadline", name: "toss", totalMs: 2_000 });
});
