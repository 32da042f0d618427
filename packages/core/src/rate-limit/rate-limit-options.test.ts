import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { type RateLimitOptions, rateLimit } from "../index.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

const ten = { permits: 10, per: "1s" } as const;

test.each<[object, string]>([
  [{ permits: 0 }, "rateLimit.permits must be a whole number, at least 1; got 0"],
  [{ per: 5 }, `rateLimit.per ${unit}`],
  [{ burst: 0 }, "rateLimit.burst must be a whole number, at least 1; got 0"],
  [{ mode: "any" }, 'rateLimit.mode must be one of "reject", "wait"; got "any"'],
  [{ maxWait: "1s" }, 'rateLimit.maxWait counts only with the mode "wait"; got mode "reject"'],
  [{ maxWaiting: 5 }, 'rateLimit.maxWaiting counts only with the mode "wait"; got mode "reject"'],
  [{ mode: "wait", maxWait: 5 }, `rateLimit.maxWait ${unit}`],
  [{ mode: "wait", maxWaiting: 0 }, "rateLimit.maxWaiting must be a whole number, at least 1; got 0"],
  [{ obeyRetryAfter: 1 }, "rateLimit.obeyRetryAfter must be true or false; got 1"],
  [
    { obeyRetryAfter: false, maxPause: "1s" },
    "rateLimit.maxPause counts only with obeyRetryAfter: leave one out",
  ],
  [{ maxPause: 5 }, `rateLimit.maxPause ${unit}`],
  [{ cost: 5 }, "rateLimit.cost must be a function; got 5"],
  [{ clock: null }, "rateLimit.clock must not be null; write a value or leave it out"],
  [{ clock: {} }, "rateLimit.clock.now must be a function; got undefined"],
  [{ name: "" }, 'rateLimit.name must be a non-empty string; got ""'],
  [{ onEvent: 5 }, "rateLimit.onEvent must be a function; got 5"],
  [
    { speed: 1 },
    "rateLimit.speed is not an option; known options: permits, per, burst, mode, maxWait, maxWaiting, cost, obeyRetryAfter, maxPause, clock, name, onEvent",
  ],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => rateLimit({ ...ten, ...options }))).toBe(message);
});

test.each<[object, string]>([
  [
    { speed: 1 },
    "rateLimit.speed is not an option; known options: permits, per, burst, maxWait, maxWaiting, obeyRetryAfter, maxPause",
  ],
  [{ permits: 0 }, "rateLimit.permits must be a whole number, at least 1; got 0"],
  [{ maxWait: "1s" }, 'rateLimit.maxWait counts only with the mode "wait"; got mode "reject"'],
])("so is a wrong change, and it changes nothing: %o", (change, message) => {
  const policy = rateLimit(ten);
  const before = policy.snapshot();
  expect(refusal(() => policy.reconfigure(change))).toBe(message);
  expect(policy.snapshot()).toEqual(before);
});

test.each<[unknown, string]>([
  ["5", `rateLimit.drain needs an instant in milliseconds on the limiter's clock; got "5"`],
  [Number.NaN, "rateLimit.drain needs an instant in milliseconds on the limiter's clock; got NaN"],
  [
    Number.POSITIVE_INFINITY,
    "rateLimit.drain needs an instant in milliseconds on the limiter's clock; got Infinity",
  ],
])("and what is no instant: %o", (untilMs, message) => {
  expect(refusal(() => rateLimit(ten).drain(untilMs as number))).toBe(message);
});

test("the least and the most of every range are accepted", () => {
  const accepted: readonly Partial<RateLimitOptions>[] = [
    { permits: 1, per: "1ms", burst: 1 },
    { mode: "wait", maxWait: "1ms", maxWaiting: 1 },
    { obeyRetryAfter: false },
    { obeyRetryAfter: true, maxPause: "1ms" },
  ];
  for (const options of accepted) expect(refusal(() => rateLimit({ ...ten, ...options }))).toBeUndefined();
});
