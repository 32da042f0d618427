import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { type AdaptiveConcurrencyOptions, adaptiveConcurrency } from "../index.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

test.each<[object, string]>([
  [
    { algorithm: "any" },
    'adaptiveConcurrency.algorithm must be one of "gradient", "gradient2", "vegas", "aimd"; got "any"',
  ],
  [{ min: 0 }, "adaptiveConcurrency.min must be a whole number, between 1 and 1000000; got 0"],
  [{ max: 0 }, "adaptiveConcurrency.max must be a whole number, between 1 and 1000000; got 0"],
  [{ max: 1_000_001 }, "adaptiveConcurrency.max must be a whole number, between 1 and 1000000; got 1000001"],
  [{ min: 1_000_001 }, "adaptiveConcurrency.min must be a whole number, between 1 and 1000000; got 1000001"],
  [{ min: 5, max: 4 }, "adaptiveConcurrency.max must be a whole number, between 5 and 1000000; got 4"],
  [{ initial: 2 }, "adaptiveConcurrency.initial must be a whole number, between 3 and 200; got 2"],
  [{ initial: 201 }, "adaptiveConcurrency.initial must be a whole number, between 3 and 200; got 201"],
  [{ window: 5 }, `adaptiveConcurrency.window ${unit}`],
  [{ minimumCalls: 0 }, "adaptiveConcurrency.minimumCalls must be a whole number, at least 1; got 0"],
  [
    { backoffRatio: 0.09 },
    "adaptiveConcurrency.backoffRatio must be a number, between 0.1 and 0.99; got 0.09",
  ],
  [{ backoffRatio: 1 }, "adaptiveConcurrency.backoffRatio must be a number, between 0.1 and 0.99; got 1"],
  [
    { backoffRatio: "0.5" },
    'adaptiveConcurrency.backoffRatio must be a number, between 0.1 and 0.99; got "0.5"',
  ],
  [{ retryAfter: 5 }, `adaptiveConcurrency.retryAfter ${unit}`],
  [{ isDrop: 5 }, "adaptiveConcurrency.isDrop must be a function; got 5"],
  [
    { vegas: {} },
    'adaptiveConcurrency.vegas is for the algorithm "vegas", and the algorithm is "gradient"; change one of the two, or leave it out',
  ],
  [
    { gradient: { speed: 1 } },
    "adaptiveConcurrency.gradient.speed is not an option; known options: buffer, probeEvery",
  ],
  [
    { gradient: { buffer: -1 } },
    "adaptiveConcurrency.gradient.buffer must be a number, between 0 and 10; got -1",
  ],
  [
    { gradient: { buffer: 11 } },
    "adaptiveConcurrency.gradient.buffer must be a number, between 0 and 10; got 11",
  ],
  [
    { gradient: { probeEvery: 1 } },
    "adaptiveConcurrency.gradient.probeEvery must be a number, between 2 and 1000000; got 1",
  ],
  [
    { gradient: { probeEvery: 1_000_001 } },
    "adaptiveConcurrency.gradient.probeEvery must be a number, between 2 and 1000000; got 1000001",
  ],
  [
    { algorithm: "gradient2", gradient2: { queueSize: 0 } },
    "adaptiveConcurrency.gradient2.queueSize must be a whole number, between 1 and 1000000; got 0",
  ],
  [
    { algorithm: "gradient2", gradient2: { smoothing: 0 } },
    "adaptiveConcurrency.gradient2.smoothing must be a ratio above 0 and at most 1; got 0",
  ],
  [
    { algorithm: "gradient2", gradient2: { longWindow: 9 } },
    "adaptiveConcurrency.gradient2.longWindow must be a whole number, at least 10; got 9",
  ],
  [
    { algorithm: "gradient2", gradient2: { tolerance: 0.9 } },
    "adaptiveConcurrency.gradient2.tolerance must be a number, between 1 and 10; got 0.9",
  ],
  [
    { algorithm: "gradient2", gradient2: { tolerance: 11 } },
    "adaptiveConcurrency.gradient2.tolerance must be a number, between 1 and 10; got 11",
  ],
  [
    { algorithm: "vegas", vegas: { alpha: 7 } },
    "adaptiveConcurrency.vegas.alpha must be a number, between 0.1 and 6; got 7",
  ],
  [
    { algorithm: "vegas", vegas: { alpha: 0 } },
    "adaptiveConcurrency.vegas.alpha must be a number, between 0.1 and 6; got 0",
  ],
  [
    { algorithm: "vegas", vegas: { beta: 0 } },
    "adaptiveConcurrency.vegas.beta must be a number, between 0.1 and 1000; got 0",
  ],
  [
    { algorithm: "vegas", vegas: { beta: 1_001 } },
    "adaptiveConcurrency.vegas.beta must be a number, between 0.1 and 1000; got 1001",
  ],
  [
    { algorithm: "vegas", vegas: { smoothing: 2 } },
    "adaptiveConcurrency.vegas.smoothing must be a ratio above 0 and at most 1; got 2: write 0.02 for 2 %",
  ],
  [
    { algorithm: "vegas", vegas: { probeEvery: 1 } },
    "adaptiveConcurrency.vegas.probeEvery must be a number, between 2 and 1000000; got 1",
  ],
  [{ algorithm: "aimd", aimd: { slowAfter: 5 } }, `adaptiveConcurrency.aimd.slowAfter ${unit}`],
  [{ name: "" }, 'adaptiveConcurrency.name must be a non-empty string; got ""'],
  [{ onEvent: 5 }, "adaptiveConcurrency.onEvent must be a function; got 5"],
  [{ clock: {} }, "adaptiveConcurrency.clock.now must be a function; got undefined"],
  [{ random: 5 }, "adaptiveConcurrency.random must be a function; got 5"],
  [
    { speed: 1 },
    "adaptiveConcurrency.speed is not an option; known options: algorithm, min, max, window, minimumCalls, backoffRatio, retryAfter, isDrop, gradient, gradient2, vegas, aimd, initial, clock, random, name, onEvent",
  ],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => adaptiveConcurrency(options))).toBe(message);
});

test.each<[object, string]>([
  [
    { speed: 1 },
    "adaptiveConcurrency.speed is not an option; known options: algorithm, min, max, window, minimumCalls, backoffRatio, retryAfter, isDrop, gradient, gradient2, vegas, aimd",
  ],
  [{ min: 0 }, "adaptiveConcurrency.min must be a whole number, between 1 and 1000000; got 0"],
  [
    { initial: 5 },
    "adaptiveConcurrency.initial is not an option; known options: algorithm, min, max, window, minimumCalls, backoffRatio, retryAfter, isDrop, gradient, gradient2, vegas, aimd",
  ],
])("so is a wrong change, and it changes nothing: %o", (change, message) => {
  const policy = adaptiveConcurrency({ initial: 7 });
  const before = policy.snapshot();
  expect(refusal(() => policy.reconfigure(change))).toBe(message);
  expect(policy.snapshot()).toEqual(before);
});

test("the least and the most of every range are accepted", () => {
  const accepted: readonly AdaptiveConcurrencyOptions[] = [
    { min: 1, max: 1, initial: 1 },
    { max: 1_000_000, initial: 1_000_000 },
    { window: "0ms", minimumCalls: 1, retryAfter: "0ms" },
    { backoffRatio: 0.1, gradient: { buffer: 0, probeEvery: 2 } },
    { backoffRatio: 0.99, gradient: { buffer: 10, probeEvery: 1_000_000 } },
    { gradient: { buffer: undefined } },
    { algorithm: "gradient2", gradient2: { queueSize: 1, smoothing: 1, longWindow: 10, tolerance: 1 } },
    { algorithm: "gradient2", gradient2: { tolerance: 10 } },
    { algorithm: "vegas", vegas: { alpha: 0.1, beta: 0.1, probeEvery: 2 } },
    { algorithm: "vegas", vegas: { alpha: 1_000, beta: 1_000 } },
    { algorithm: "aimd", aimd: { slowAfter: "1ms" } },
  ];
  for (const options of accepted) expect(refusal(() => adaptiveConcurrency(options))).toBeUndefined();
});
