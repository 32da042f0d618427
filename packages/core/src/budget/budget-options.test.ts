import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { loadBudget, retryThrottle } from "../index.ts";
import { budgetAt } from "./load-budget.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

test.each<[object, string]>([
  [{ ratio: 1.5 }, "loadBudget.ratio must be a number between 0 and 1; got 1.5: write 0.015 for 1.5 %"],
  [{ ratio: 100 }, "loadBudget.ratio must be a number between 0 and 1; got 100: write 1 for 100 %"],
  [{ ratio: 101 }, "loadBudget.ratio must be a number between 0 and 1; got 101"],
  [{ ratio: -0.1 }, "loadBudget.ratio must be a number between 0 and 1; got -0.1"],
  [{ ratio: "20" }, 'loadBudget.ratio must be a number between 0 and 1; got "20"'],
  [{ minPerSecond: -1 }, "loadBudget.minPerSecond must be a number between 0 and 1000000; got -1"],
  [
    { minPerSecond: 1_000_001 },
    "loadBudget.minPerSecond must be a number between 0 and 1000000; got 1000001",
  ],
  [
    { ratio: 0, minPerSecond: 0 },
    "loadBudget.ratio and loadBudget.minPerSecond must not both be 0: the budget would never allow anything",
  ],
  [{ window: 5 }, `loadBudget.window ${unit}`],
  [{ window: "99ms" }, 'loadBudget.window must lie between 100ms and 1h; got "99ms"'],
  [{ window: "3601s" }, 'loadBudget.window must lie between 100ms and 1h; got "3601s"'],
  [
    { perOperationShare: 50 },
    "loadBudget.perOperationShare must be a ratio above 0 and at most 1; got 50: write 0.5 for 50 %",
  ],
  [{ name: "" }, 'loadBudget.name must be a non-empty string; got ""'],
  [
    { limit: 1 },
    "loadBudget.limit is not an option; known options: name, window, ratio, minPerSecond, perOperationShare",
  ],
])("a wrong option of a budget is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => loadBudget(options))).toBe(message);
});

test.each<[object, string]>([
  [{ maxTokens: 0.0009 }, "retryThrottle.maxTokens must be a number between 0.001 and 1000; got 0.0009"],
  [{ maxTokens: 1_000.1 }, "retryThrottle.maxTokens must be a number between 0.001 and 1000; got 1000.1"],
  [{ tokenRatio: "1" }, 'retryThrottle.tokenRatio must be a number between 0.001 and 1000; got "1"'],
  [{ name: "" }, 'retryThrottle.name must be a non-empty string; got ""'],
  [{ limit: 1 }, "retryThrottle.limit is not an option; known options: name, maxTokens, tokenRatio"],
])("so is one of a throttle: %o", (options, message) => {
  expect(refusal(() => retryThrottle(options))).toBe(message);
});

test.each<[object, string]>([
  [{ ratio: 2 }, "loadBudget.ratio must be a number between 0 and 1; got 2: write 0.02 for 2 %"],
  [
    { window: "1s" },
    "loadBudget.window is not an option; known options: ratio, minPerSecond, perOperationShare",
  ],
])("a wrong change of a budget changes nothing: %o", (change, message) => {
  const budget = loadBudget({ name: "toss", ratio: 0.5, minPerSecond: 3 });
  const before = budget.snapshot();
  expect(refusal(() => budget.reconfigure(change))).toBe(message);
  expect(budget.snapshot()).toEqual(before);
});

test.each<[object, string]>([
  [{ maxTokens: 0 }, "retryThrottle.maxTokens must be a number between 0.001 and 1000; got 0"],
  [{ name: "other" }, "retryThrottle.name is not an option; known options: maxTokens, tokenRatio"],
])("nor does one of a throttle: %o", (change, message) => {
  const throttle = retryThrottle({ name: "toss", maxTokens: 5 });
  expect(refusal(() => throttle.reconfigure(change))).toBe(message);
  expect(throttle.snapshot()).toMatchObject({ maxTokens: 5, tokens: 5 });
});

test("the least and the most of every range are accepted", () => {
  for (const options of [
    { ratio: 0 },
    { ratio: 1, minPerSecond: 1_000_000, perOperationShare: 1 },
    { minPerSecond: 0, window: "100ms" },
    { window: "1h", perOperationShare: 0.001 },
  ] as const) {
    expect(refusal(() => loadBudget(options))).toBeUndefined();
  }
  for (const edge of [0.001, 1_000])
    expect(refusal(() => retryThrottle({ maxTokens: edge, tokenRatio: edge }))).toBeUndefined();
});

test("a new budget has nothing to tell yet, and says what it allows", () => {
  const budget = loadBudget({ name: "toss", ratio: 0.25, minPerSecond: 7 });
  expect(budget.snapshot()).toEqual({
    kind: "loadBudget",
    name: "toss",
    ratio: 0.25,
    minPerSecond: 7,
    windowMs: 10_000,
    reserved: 0,
    refunded: 0,
    refused: 0,
    operations: {},
  });
  expect([budget.name, budget.ratio, budget.minPerSecond]).toEqual(["toss", 0.25, 7]);
});

test("what a change leaves out stays, and undefined stands for the default", () => {
  const budget = loadBudget({ ratio: 0.5, minPerSecond: 3 });
  budget.reconfigure({ minPerSecond: 4 });
  expect(budget.snapshot()).toMatchObject({ ratio: 0.5, minPerSecond: 4 });
  budget.reconfigure({ ratio: undefined });
  expect(budget.snapshot()).toMatchObject({ ratio: 0.2, minPerSecond: 4 });
  const throttle = retryThrottle({ maxTokens: 8, tokenRatio: 0.5 });
  throttle.failed?.();
  throttle.reconfigure({ maxTokens: 20 });
  expect(throttle.snapshot()).toMatchObject({ tokens: 7, maxTokens: 20 });
  expect(throttle.ratio).toBe(0.5);
  throttle.reconfigure({ maxTokens: 2 });
  expect(throttle.snapshot()).toMatchObject({ tokens: 2, maxTokens: 2 });
  throttle.reconfigure({ maxTokens: undefined, tokenRatio: undefined });
  expect(throttle.snapshot().maxTokens).toBe(10);
  expect(throttle.ratio).toBe(0.1);
});

test("what a throttle lets through costs nothing more, so giving it back gives nothing", () => {
  const throttle = retryThrottle({ maxTokens: 4 });
  throttle.began(0);
  throttle.failed?.();
  throttle.reserve(0)?.refund();
  expect(throttle.snapshot()).toEqual({
    kind: "retryThrottle",
    name: undefined,
    tokens: 3,
    maxTokens: 4,
    refused: 0,
  });
});

test.each<[unknown, string]>([
  [undefined, "retry.budget.reserve must be a function; got undefined"],
  [null, "retry.budget.reserve must be a function; got undefined"],
  [{ reserve() {} }, "retry.budget.began must be a function; got undefined"],
  [{ began() {}, reserve: 5 }, "retry.budget.reserve must be a function; got 5"],
])("what is no budget is refused: %o", (given, message) => {
  expect(refusal(() => budgetAt("retry.budget", given))).toBe(message);
  expect(refusal(() => budgetAt("retry.budget", loadBudget()))).toBeUndefined();
});
