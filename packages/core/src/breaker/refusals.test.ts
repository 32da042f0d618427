import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import {
  type BreakerOptions,
  circuitBreaker,
  type KeyedBreakerOptions,
  keyedBreaker,
  type TripRule,
} from "../index.ts";
import { circuitRules } from "./breaker-options.ts";
import { Circuit } from "./circuit.ts";
import { savedCircuit } from "./circuit-snapshot.ts";
import { CallSlots } from "./slow-calls.ts";

const noDuration = 'must be a duration with a unit (ms, s, m, h or d), such as "250ms" or "3s"';

test.each<[options: unknown, message: string]>([
  [
    { slowCall: { after: "1s", minimumCalls: 6 }, count: 5 },
    "circuitBreaker.slowCall.minimumCalls must be at most circuitBreaker.count (5), or the breaker could never open; got 6",
  ],
  [
    { count: 10, minimumCalls: 11 },
    "circuitBreaker.minimumCalls must be at most circuitBreaker.count (10), or the breaker could never open; got 11",
  ],
  [
    { trip: [{ count: 10 }, { consecutiveFailures: 11 }] },
    "circuitBreaker.trip: consecutiveFailures must be at most 10, or failureRatio 0.5 of the last 10 calls would " +
      "always be reached first; got 11: make it smaller or leave one of the two out",
  ],
  [
    { trip: [{ consecutiveFailures: 3 }, { consecutiveFailures: 5 }] },
    "circuitBreaker.trip[1].consecutiveFailures stands there a second time; leave the larger one out",
  ],
  [
    { trip: Array.from({ length: 11 }, (): TripRule => ({})) },
    "circuitBreaker.trip must be a list of 1 to 10 rules; got 11 rules",
  ],
  [
    { trip: [{ window: "5s", count: 5 }] },
    'circuitBreaker.trip[0].window and circuitBreaker.trip[0].count exclude each other; got "5s" and 5: leave one ' +
      "out, or write two rules in trip",
  ],
  [
    { window: "2s", slowCall: { after: "2s" } },
    "circuitBreaker.slowCall.after must be shorter than the window (2000ms), or the calls of a slow time would be " +
      'forgotten before it shows; got "2s": make it shorter or the window longer',
  ],
  [{ slowCall: {} }, `circuitBreaker.slowCall.after ${noDuration}; got undefined`],
  [
    { openFor: { first: "1m", max: "30s" } },
    'circuitBreaker.openFor.max must not be shorter than circuitBreaker.openFor.first (60000ms); got "30s"',
  ],
  [{ openFor: "never" }, `circuitBreaker.openFor ${noDuration}; got "never"`],
  [{ openFor: { first: "x" } }, `circuitBreaker.openFor.first ${noDuration}; got "x"`],
  [{ openFor: { max: "x" } }, `circuitBreaker.openFor.max ${noDuration}; got "x"`],
  [{ openFor: { resetAfter: "x" } }, `circuitBreaker.openFor.resetAfter ${noDuration}; got "x"`],
  [{ openFor: { maxRetryAfter: "x" } }, `circuitBreaker.openFor.maxRetryAfter ${noDuration}; got "x"`],
  [{ openFor: { factor: "2" } }, 'circuitBreaker.openFor.factor must be a number between 1 and 10; got "2"'],
  [
    { openFor: { factor: 10.1 } },
    "circuitBreaker.openFor.factor must be a number between 1 and 10; got 10.1",
  ],
  [{ openFor: { jitter: -1 } }, "circuitBreaker.openFor.jitter must be a number between 0 and 1; got -1"],
  [
    { openFor: { jitter: Number.NaN } },
    "circuitBreaker.openFor.jitter must be a number between 0 and 1; got NaN",
  ],
  [{ maxHalfOpen: "x" }, `circuitBreaker.maxHalfOpen ${noDuration}; got "x"`],
  [{ rampUp: "x" }, `circuitBreaker.rampUp ${noDuration}; got "x"`],
])("what is wrong with an option is said in full: %j", (options, message) => {
  expect(refusal(() => circuitBreaker(options as BreakerOptions))).toBe(message);
});

test("the ends of every range are within it", () => {
  const trip = Array.from({ length: 10 }, (): TripRule => ({}));
  for (const options of [
    { trip },
    { trip: [{}] },
    { openFor: { factor: 10, jitter: 1 } },
    { openFor: { factor: 1, jitter: 0 } },
    { openFor: { first: "1m", max: "1m" } },
    { openFor: { first: "1ms", max: "1ms", resetAfter: "1ms", maxRetryAfter: "0ms" } },
  ] as const) {
    expect(refusal(() => circuitBreaker(options as BreakerOptions))).toBeUndefined();
  }
});

const random = (): number => 0;
test.each<[options: object, message: string | undefined]>([
  [{ clock: {} }, "keyedBreaker.clock.now must be a function; got undefined"],
  [{ random: 4 }, "keyedBreaker.random must be a function; got 4"],
  [{ onEvent: 4 }, "keyedBreaker.onEvent must be a function; got 4"],
  [{ openFor: { first: "x" } }, `keyedBreaker.openFor.first ${noDuration}; got "x"`],
  [{ clock: new VirtualClock(), random, name: "x", onEvent: () => {} }, undefined],
])("a keyed breaker takes and refuses what a breaker does: %j", (options, message) => {
  const given = { key: String, ...options } as KeyedBreakerOptions;
  expect(refusal(() => keyedBreaker(given))).toBe(message);
});

test("what is wrong with a call of a keyed breaker's methods is said in full, and changes nothing", () => {
  const breaker = keyedBreaker({ key: String, clock: new VirtualClock() });
  const notAnOption = refusal(() => breaker.reconfigure({ probe: 3 } as never));
  expect(notAnOption).toBe('keyedBreaker.probe is not an option; did you mean "probes"?');
  const notAState = refusal(() => breaker.force("a", "ajar" as never, { reason: "x" }));
  expect(notAState).toBe('keyedBreaker.force must be one of "open", "closed", "disabled"; got "ajar"');
  expect(refusal(() => breaker.restore(null))).toBe("snapshot must be an object; got null");
  expect(breaker.snapshot().circuits).toEqual({});
});

test.each(["yesterday", Number.NaN, Number.POSITIVE_INFINITY, null])(
  "a snapshot that was taken at %s is refused",
  (takenAtMs) => {
    const breaker = circuitBreaker({ clock: new VirtualClock() });
    expect(refusal(() => breaker.restore({ ...breaker.snapshot(), takenAtMs }))).toMatch(
      /^snapshot\.takenAtMs must be milliseconds since 1970; got /,
    );
  },
);

const rules = circuitRules("breaker", {});
const good = new Circuit({
  rules,
  random,
  slots: new CallSlots(),
  moved: () => {},
  released: () => {},
}).snapshot(0).saved;
const whole = "must be a whole number, at least 0";

test.each<[change: object, message: string]>([
  [{ state: "ajar" }, 'it.state must be one of "closed", "open", "halfOpen"; got "ajar"'],
  [{ sinceAgoMs: "1" }, 'it.sinceAgoMs must be a number; got "1"'],
  [{ sinceAgoMs: Number.NaN }, "it.sinceAgoMs must be a number; got NaN"],
  [{ sinceAgoMs: -1 }, "it.sinceAgoMs must be milliseconds, 0 or more; got -1"],
  [{ reason: 7 }, "it.reason must be a string; got 7"],
  [{ openForMs: -1 }, "it.openForMs must be milliseconds, 0 or more; got -1"],
  [{ openings: -1 }, `it.openings ${whole}; got -1`],
  [{ windows: {} }, "it.windows must be a list; got an object"],
  [{ windows: [null] }, "it.windows[0] must be an object; got null"],
  [{ windows: [{ runs: [] }, 7] }, "it.windows[1] must be an object; got 7"],
  [{ windows: [{}] }, "it.windows[0].buckets must be a list, or it.windows[0].runs one; got undefined"],
  [{ windows: [{ runs: [0, -1] }] }, `it.windows[0].runs[1] ${whole}; got -1`],
  [{ windows: [{ buckets: [7] }] }, "it.windows[0].buckets[0] must be a list; got 7"],
  [{ windows: [{ buckets: [["x", 1, 1]] }] }, 'it.windows[0].buckets[0][0] must be a number; got "x"'],
  [{ windows: [{ buckets: [[0, -1, 0]] }] }, `it.windows[0].buckets[0][1] ${whole}; got -1`],
  [
    { windows: [{ buckets: [[0, 1, 2]] }] },
    "it.windows[0].buckets[0][2] must be a whole number, between 0 and 1; got 2",
  ],
  [{ slowWindow: 7 }, "it.slowWindow must be an object; got 7"],
  [{ consecutiveFailures: 0.5 }, `it.consecutiveFailures ${whole}; got 0.5`],
  [{ trial: "x" }, 'it.trial must be an object; got "x"'],
  [{ trial: { answered: -1 } }, `it.trial.answered ${whole}; got -1`],
  [
    { trial: { answered: 1, failed: 2, slow: 0 } },
    "it.trial.failed must be a whole number, between 0 and 1; got 2",
  ],
  [
    { trial: { answered: 1, failed: 0, slow: 2 } },
    "it.trial.slow must be a whole number, between 0 and 1; got 2",
  ],
  [{ rampUpAgoMs: "x" }, 'it.rampUpAgoMs must be a number; got "x"'],
  [{ forced: "open" }, 'it.forced must be an object; got "open"'],
  [{ forced: { to: "ajar" } }, 'it.forced.to must be one of "open", "closed", "disabled"; got "ajar"'],
  [{ forced: { to: "open", reason: 1 } }, "it.forced.reason must be a string; got 1"],
  [
    { forced: { to: "open", reason: "x", leftMs: Number.POSITIVE_INFINITY } },
    "it.forced.leftMs must be a number; got Infinity",
  ],
  [{ rejected: -1 }, `it.rejected ${whole}; got -1`],
  [{ stale: null }, `it.stale ${whole}; got null`],
])("what is wrong with a snapshot is said in full: %j", (change, message) => {
  expect(refusal(() => savedCircuit("it", { ...good, ...change }))).toBe(message);
});

test("what is not there may be written as null, as some do who write JSON", () => {
  const nothing = { reason: null, slowWindow: null, trial: null, rampUpAgoMs: null, forced: null };
  expect(savedCircuit("it", { ...good, ...nothing })).toEqual(savedCircuit("it", good));
});
