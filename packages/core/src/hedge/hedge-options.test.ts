import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { hedge, loadBudget } from "../index.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

test.each<[object, string]>([
  [
    { budget: undefined },
    "hedge.budget is required, or a slow service would get double the load: loadBudget()",
  ],
  [{ budget: null }, "hedge.budget must not be null; write a value or leave it out"],
  [{ budget: {} }, "hedge.budget.reserve must be a function; got undefined"],
  [{ delay: 5 }, `hedge.delay ${unit}`],
  [
    { delay: "1s", percentile: 0.9 },
    'hedge.delay and hedge.percentile exclude each other; got "1s" and 0.9: leave one out',
  ],
  [
    { delay: "1s", minDelay: "1ms" },
    'hedge.delay and hedge.minDelay exclude each other; got "1s" and "1ms": leave one out',
  ],
  [{ percentile: 95 }, "hedge.percentile must be a share between 0.5 and 0.999; got 95: write 0.95"],
  [{ percentile: 1 }, "hedge.percentile must be a share between 0.5 and 0.999; got 1"],
  [{ percentile: 150 }, "hedge.percentile must be a share between 0.5 and 0.999; got 150"],
  [{ percentile: "x" }, 'hedge.percentile must be a share between 0.5 and 0.999; got "x"'],
  [{ percentile: 0.4 }, "hedge.percentile must be a share between 0.5 and 0.999; got 0.4"],
  [{ percentile: 0.9991 }, "hedge.percentile must be a share between 0.5 and 0.999; got 0.9991"],
  [{ percentile: "95" }, 'hedge.percentile must be a share between 0.5 and 0.999; got "95": write 0.95'],
  [{ percentile: "0.9" }, 'hedge.percentile must be a share between 0.5 and 0.999; got "0.9"'],
  [{ minDelay: 5 }, `hedge.minDelay ${unit}`],
  [{ maxHedges: 0 }, "hedge.maxHedges must be a whole number, between 1 and 10; got 0"],
  [{ maxHedges: 11 }, "hedge.maxHedges must be a whole number, between 1 and 10; got 11"],
  [{ name: "" }, 'hedge.name must be a non-empty string; got ""'],
  [{ onEvent: 5 }, "hedge.onEvent must be a function; got 5"],
  [
    { speed: 1 },
    "hedge.speed is not an option; known options: delay, percentile, minDelay, maxHedges, budget, name, onEvent",
  ],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => hedge({ budget: loadBudget(), ...options }))).toBe(message);
});

test.each<[object, string]>([
  [{ delay: 5 }, `hedge.delay ${unit}`],
  [{ maxHedges: 0 }, "hedge.maxHedges must be a whole number, between 1 and 10; got 0"],
  [{ budget: 1 }, "hedge.budget is not an option; known options: delay, percentile, minDelay, maxHedges"],
  [
    { delay: "1s", percentile: 0.9 },
    'hedge.delay and hedge.percentile exclude each other; got "1s" and 0.9: leave one out',
  ],
])("so is a wrong change, and it changes nothing: %o", (change, message) => {
  const policy = hedge({ budget: loadBudget(), delay: "30ms", maxHedges: 2 });
  const before = policy.snapshot();
  expect(refusal(() => policy.reconfigure(change))).toBe(message);
  expect(policy.snapshot()).toEqual(before);
});

test("the least and the most of every range are accepted", () => {
  for (const options of [
    { delay: "0ms", maxHedges: 1 },
    { percentile: 0.5, minDelay: "0ms", maxHedges: 10 },
    { percentile: 0.999 },
  ] as const) {
    expect(refusal(() => hedge({ budget: loadBudget(), ...options }))).toBeUndefined();
  }
});
