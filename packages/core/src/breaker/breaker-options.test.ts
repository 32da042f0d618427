import { expect, test } from "vitest";
import { type BreakerOptions, circuitBreaker, openForDefaults, planOf, slowCallDefaults } from "../index.ts";
import { type BreakerRules, circuitRules } from "./breaker-options.ts";

const refused = (options: unknown, message: string): void => {
  expect(() => circuitBreaker(options as BreakerOptions)).toThrow(message);
};

test("what is left out takes its default, and one option does not switch another off", () => {
  expect(circuitRules("breaker", { consecutiveFailures: 5 })).toEqual({
    trips: [{ window: { windowMs: 10_000 }, failureRatio: 0.5, minimumCalls: 20 }],
    consecutiveFailures: 5,
    slowCall: undefined,
    openTime: {
      firstMs: 30_000,
      factor: 1,
      maxMs: 30_000,
      jitter: 0,
      resetAfterMs: 60_000,
      maxRetryAfterMs: 300_000,
    },
    probes: 5,
    probeFailureRatio: 0.5,
    maxHalfOpenMs: 30_000,
    rampUpMs: 0,
  });
  expect(openForDefaults).toEqual({
    first: "30s",
    factor: 2,
    max: "5m",
    jitter: 0.2,
    resetAfter: "1m",
    maxRetryAfter: "5m",
  });
  expect(slowCallDefaults).toEqual({ ratio: 0.5 });
});

test("probes are judged by the ratio of the calls, unless they have their own", () => {
  const ratio = (options: BreakerRules): number => circuitRules("breaker", options).probeFailureRatio;
  expect(ratio({ failureRatio: 0.3 })).toBe(0.3);
  expect(ratio({ failureRatio: 0.3, probeFailureRatio: 1 })).toBe(1);
  expect(ratio({ trip: [{ failureRatio: 0.3 }] })).toBe(0.5);
});

test("slow calls are judged over the same window as failed ones, with the same minimum", () => {
  const rules = circuitRules("breaker", { count: 8, slowCall: { after: "2s" } });
  expect(rules.slowCall).toEqual({ window: { count: 8 }, afterMs: 2_000, ratio: 0.5, minimumCalls: 8 });
  const alone = circuitRules("breaker", { trip: [{ consecutiveFailures: 3 }], slowCall: { after: "2s" } });
  expect(alone).toMatchObject({ trips: [], slowCall: { window: { windowMs: 10_000 }, minimumCalls: 20 } });
});

test("a growing open time takes what it is not told from the defaults, and its maximum follows a long first one", () => {
  const openTime = (openFor: BreakerRules["openFor"]): unknown =>
    circuitRules("breaker", { openFor }).openTime;
  expect(openTime({})).toMatchObject({ firstMs: 30_000, factor: 2, maxMs: 300_000, jitter: 0.2 });
  expect(openTime({ first: "10m" })).toMatchObject({ firstMs: 600_000, maxMs: 600_000 });
  expect(openTime({ maxRetryAfter: "0ms", resetAfter: "2m", jitter: 0, factor: 1.5 })).toMatchObject({
    maxRetryAfterMs: 0,
    resetAfterMs: 120_000,
    jitter: 0,
    factor: 1.5,
  });
});

test("any number of rules may stand in a list", () => {
  const rules = circuitRules("breaker", {
    trip: [{ window: "5s", failureRatio: 0.8 }, { count: 10 }, { consecutiveFailures: 3 }],
  });
  expect(rules).toMatchObject({
    trips: [
      { window: { windowMs: 5_000 }, failureRatio: 0.8, minimumCalls: 20 },
      { window: { count: 10 }, failureRatio: 0.5, minimumCalls: 10 },
    ],
    consecutiveFailures: 3,
  });
});

test("rules that contradict each other are refused with the fix", () => {
  refused(
    { trip: [{}], window: "5s" },
    "circuitBreaker.trip stands in place of circuitBreaker.window; got both: move window into a rule of circuitBreaker.trip",
  );
  refused({ trip: [] }, "circuitBreaker.trip must be a list of 1 to 10 rules; got 0 rules");
  refused({ trip: { count: 5 } }, "circuitBreaker.trip must be a list of 1 to 10 rules; got an object");
  refused({ trip: [{ counts: 5 }] }, 'circuitBreaker.trip[0].counts is not an option; did you mean "count"?');
  refused(
    { trip: [{}, { consecutiveFailures: 3, count: 5 }] },
    "circuitBreaker.trip[1].consecutiveFailures and circuitBreaker.trip[1].count exclude each other; got both: write two rules",
  );
  refused(
    { trip: [{ consecutiveFailures: 3 }, { consecutiveFailures: 5 }] },
    "circuitBreaker.trip[1].consecutiveFailures stands there a second time",
  );
  refused(
    { trip: [{ window: "5s", count: 5 }] },
    "circuitBreaker.trip[0].window and circuitBreaker.trip[0].count exclude",
  );
  refused(
    { trip: [{ count: 5, minimumCalls: 6 }] },
    "circuitBreaker.trip[0].minimumCalls must be at most circuitBreaker.trip[0].count (5)",
  );
});

test("failures in a row that a count window always notices first are refused, and one less is not", () => {
  refused(
    { count: 10, minimumCalls: 4, consecutiveFailures: 6 },
    "circuitBreaker.consecutiveFailures must be at most 5, or failureRatio 0.5 of the last 10 calls would always be reached " +
      "first; got 6: make it smaller or leave one of the two out",
  );
  refused({ trip: [{ count: 10 }, { consecutiveFailures: 11 }] }, "must be at most 10");
  expect(() => circuitBreaker({ count: 10, minimumCalls: 4, consecutiveFailures: 5 })).not.toThrow();
  expect(() => circuitBreaker({ window: "10s", consecutiveFailures: 1_000 })).not.toThrow();
});

test("what is wrong with slow calls, open times and the rest is said with path, value and range", () => {
  refused({ slowCall: {} }, "circuitBreaker.slowCall.after must be a duration with a unit");
  refused({ slowCall: "2s" }, 'circuitBreaker.slowCall must be an object; got "2s"');
  refused(
    { window: "2s", slowCall: { after: "2s" } },
    "circuitBreaker.slowCall.after must be shorter than the window (2000ms), or the calls of a slow time would be forgotten",
  );
  expect(() => circuitBreaker({ count: 10, slowCall: { after: "1m" } })).not.toThrow();
  refused({ slowCall: { after: "1s", ratio: 0 } }, "circuitBreaker.slowCall.ratio must be a ratio above 0");
  refused(
    { count: 5, slowCall: { after: "1s", minimumCalls: 6 } },
    "circuitBreaker.slowCall.minimumCalls must be at most circuitBreaker.count (5)",
  );
  refused(
    { openFor: { first: "1m", max: "30s" } },
    "circuitBreaker.openFor.max must not be shorter than circuitBreaker.openFor.first",
  );
  refused(
    { openFor: { factor: 0.5 } },
    "circuitBreaker.openFor.factor must be a number between 1 and 10; got 0.5",
  );
  refused(
    { openFor: { jitter: 2 } },
    "circuitBreaker.openFor.jitter must be a number between 0 and 1; got 2",
  );
  refused({ openFor: { base: "1s" } }, "circuitBreaker.openFor.base is not an option");
  refused({ openFor: [] }, "circuitBreaker.openFor must be an object; got an array");
  refused({ consecutiveFailures: 0 }, "circuitBreaker.consecutiveFailures must be a whole number");
  refused({ probeFailureRatio: 2 }, "circuitBreaker.probeFailureRatio must be a ratio");
  refused({ rampUp: 10 }, "circuitBreaker.rampUp must be a duration with a unit");
  refused({ shadow: "yes" }, 'circuitBreaker.shadow must be true or false; got "yes"');
  refused({ random: 4 }, "circuitBreaker.random must be a function; got 4");
});

test("a pipeline can ask a breaker for its probes, also after they were changed", () => {
  const breaker = circuitBreaker({ probes: 3, name: "toss" });
  expect(planOf(breaker)).toMatchObject({ kind: "gate", policy: "circuitBreaker", name: "toss", probes: 3 });
  breaker.reconfigure({ probes: 2 });
  expect(planOf(breaker)).toMatchObject({ probes: 2 });
});
