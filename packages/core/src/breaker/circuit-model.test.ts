import { seededRandom } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Bench, circuitRules, type Permit } from "../../test/circuits.ts";
import { ReferenceBreaker, type ReferenceCall, type ReferenceRules } from "../../test/reference-breaker.ts";
import type { Circuit, Outcome } from "./circuit.ts";
import type { ForcedState } from "./forced.ts";

/** What can happen to a breaker. Who settles takes the oldest or the newest call that still runs. */
const steps = [
  "call",
  "oldestSucceeds",
  "oldestFails",
  "oldestSaysNothing",
  "newestSucceeds",
  "newestFails",
  "shortWait",
  "longWait",
  "forceOpen",
  "forceClosed",
  "disable",
  "release",
] as const;
type Step = (typeof steps)[number];

const outcomes: Partial<Record<Step, Outcome>> = {
  oldestSucceeds: "success",
  oldestFails: "failure",
  oldestSaysNothing: "ignored",
  newestSucceeds: "success",
  newestFails: "failure",
};

const forces: Partial<Record<Step, ForcedState>> = {
  forceOpen: "open",
  forceClosed: "closed",
  disable: "disabled",
};

const shortWaitMs = 50;
const longWaitMs = 100;

const rules: ReferenceRules = {
  window: { ms: 100 },
  failureRatio: 0.5,
  minimumCalls: 2,
  openForMs: 100,
  probes: 2,
  maxHalfOpenMs: 50,
};

/** The same with slow calls: two that run at once for as long as a short wait open it. */
const slowRules: ReferenceRules = {
  ...rules,
  failureRatio: 1,
  maxHalfOpenMs: 100,
  slowCall: { afterMs: 50, ratio: 0.6, minimumCalls: 2 },
};

interface Run {
  /** Where the two differ; undefined when they never do. */
  readonly difference: string | undefined;
  /** Calls that still run. */
  readonly running: number;
  readonly states: ReadonlySet<string>;
}

interface RunningCall {
  readonly permit: Permit;
  readonly call: ReferenceCall;
}

/** Takes the same steps with both breakers and compares them after each. */
function run(given: ReferenceRules, sequence: readonly Step[]): Run {
  const { window, consecutiveFailures = Number.POSITIVE_INFINITY, slowCall, ...rest } = given;
  const shape = "ms" in window ? { windowMs: window.ms } : window;
  const bench = new Bench(
    circuitRules(
      { ...rest, window: shape },
      { consecutiveFailures, slowCall: slowCall && { ...slowCall, window: shape } },
    ),
  );
  const { circuit } = bench;
  const reference = new ReferenceBreaker(given);
  const running: RunningCall[] = [];
  const states = new Set<string>();
  let nowMs = 0;

  const take = (step: Step): string | undefined => {
    const outcome = outcomes[step];
    const to = forces[step];
    if (step === "shortWait") nowMs += shortWaitMs;
    else if (step === "longWait") nowMs += longWaitMs;
    else if (to !== undefined) {
      circuit.force({ to, reason: "test", untilMs: Number.POSITIVE_INFINITY }, nowMs);
      reference.force(to, nowMs);
    } else if (step === "release") {
      circuit.release("test", nowMs);
      reference.release(nowMs);
    } else if (outcome === undefined) {
      const permit = bench.admit(nowMs);
      const call = reference.admit(nowMs);
      if (permit !== undefined && call !== undefined) running.push({ permit, call });
      else if (permit !== undefined || call !== undefined) return "only one admits";
    } else {
      const chosen = step.startsWith("oldest") ? running.shift() : running.pop();
      chosen?.permit.settle(outcome, nowMs);
      if (chosen !== undefined) reference.settle(chosen.call, outcome, nowMs);
    }
    states.add(circuit.state);
    return compare(circuit, reference, nowMs);
  };

  for (const [index, step] of sequence.entries()) {
    const difference = take(step);
    if (difference !== undefined) {
      const story = sequence.slice(Math.max(0, index - 60), index + 1).join(", ");
      return { difference: `${story}: ${difference}`, running: running.length, states };
    }
  }
  return { difference: undefined, running: running.length, states };
}

function compare(circuit: Circuit, reference: ReferenceBreaker, nowMs: number): string | undefined {
  const retryAfterMs = circuit.retryAfterMs(nowMs);
  const expectedState = reference.state(nowMs);
  if (circuit.state !== expectedState) return `${circuit.state}, not ${expectedState}`;
  const comeBackAtMs = reference.comeBackAtMs(nowMs);
  if ((retryAfterMs === undefined ? undefined : nowMs + retryAfterMs) !== comeBackAtMs) {
    return `come back after ${retryAfterMs} ms, not at ${comeBackAtMs} ms`;
  }
  if (expectedState === "open") return undefined;
  const { failures, calls } = circuit.snapshot(nowMs);
  const [expectedFailures, expectedCalls] = reference.counts(nowMs);
  return failures === expectedFailures && calls === expectedCalls
    ? undefined
    : `${failures}/${calls}, not ${expectedFailures}/${expectedCalls}`;
}

/** Steps that differ in what they do: with one call running, the oldest is the newest. */
function choices(alphabet: readonly Step[], running: number): readonly Step[] {
  return alphabet.filter(
    (step) => outcomes[step] === undefined || running > (step.startsWith("newest") ? 1 : 0),
  );
}

/** Visits every sequence of `depth` more steps; gives back how many there were. */
function explore(
  given: ReferenceRules,
  alphabet: readonly Step[],
  start: readonly Step[],
  depth: number,
): number {
  const here = run(given, start);
  if (here.difference !== undefined) expect.fail(here.difference);
  if (depth === 0) return 1;
  return choices(alphabet, here.running).reduce(
    (sum, step) => sum + explore(given, alphabet, [...start, step], depth - 1),
    0,
  );
}

const open: readonly Step[] = ["call", "call", "call", "oldestFails", "oldestFails"];
const starts: [string, readonly Step[]][] = [
  ["closed", []],
  ["open, with a call from before still running", open],
  ["half-open, with a call from before still running", [...open, "longWait"]],
  [
    "half-open, with one probe running and one answered",
    [...open, "longWait", "call", "call", "newestSucceeds"],
  ],
  ["half-open, with hung probes", [...open, "longWait", "call", "call", "shortWait"]],
];

const usual = steps.slice(0, 8);

test.each(starts)(
  "every sequence of six events leads where the reference leads, starting %s",
  (_, start) => {
    expect(explore(rules, usual, start, 6)).toBeGreaterThan(5_000);
  },
  120_000,
);

test("every sequence of eight events leads where the reference leads from a fresh breaker on", () => {
  expect(explore(rules, usual, [], 8)).toBeGreaterThan(100_000);
}, 300_000);

test.each(starts)(
  "every sequence of eight of the four most telling events leads where the reference leads, starting %s",
  (_, start) => {
    const telling: readonly Step[] = ["call", "oldestFails", "newestSucceeds", "longWait"];
    expect(explore(rules, telling, start, 8)).toBeGreaterThan(3_000);
  },
  120_000,
);

test.each<[string, readonly Step[]]>([
  ["closed", []],
  ["half-open after two slow calls that still run", ["call", "call", "shortWait", "longWait"]],
])(
  "every sequence of eight events with slow calls leads where the reference leads, starting %s",
  (_, start) => {
    const telling: readonly Step[] = ["call", "oldestSucceeds", "oldestSaysNothing", "shortWait"];
    expect(explore(slowRules, telling, start, 8)).toBeGreaterThan(3_000);
  },
  120_000,
);

test("every sequence of six events with an operator leads where the reference leads", () => {
  const telling: readonly Step[] = ["call", "oldestFails", "longWait", "forceOpen", "forceClosed", "release"];
  const settled = { ...rules, minimumCalls: 1, probes: 1 };
  expect(explore(settled, telling, ["call"], 6)).toBeGreaterThan(3_000);
}, 120_000);

const anyRules: fc.Arbitrary<ReferenceRules> = fc.record(
  {
    window: fc.oneof(
      fc.record({ ms: fc.constantFrom(10, 100, 250, 1_000) }),
      fc.record({ count: fc.integer({ min: 5, max: 9 }) }),
    ),
    failureRatio: fc.constantFrom(0.1, 0.3, 0.5, 0.7, 1),
    minimumCalls: fc.integer({ min: 1, max: 5 }),
    openForMs: fc.constantFrom(1, 50, 100, 175),
    probes: fc.integer({ min: 1, max: 5 }),
    maxHalfOpenMs: fc.constantFrom(1, 50, 125),
    consecutiveFailures: fc.integer({ min: 1, max: 6 }),
    slowCall: fc.record({
      afterMs: fc.constantFrom(50, 60, 150),
      ratio: fc.constantFrom(0.2, 0.5, 1),
      minimumCalls: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    requiredKeys: ["window", "failureRatio", "minimumCalls", "openForMs", "probes", "maxHalfOpenMs"],
  },
);

test("random sequences under random rules lead where the reference leads", () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.array(fc.constantFrom(...steps, ...usual, ...usual), { minLength: 20, maxLength: 300 }),
      (given, sequence) => {
        expect(run(given, sequence).difference).toBeUndefined();
      },
    ),
    { numRuns: 400 },
  );
}, 120_000);

test("random sequences of ten thousand steps lead where the reference leads, through every state", () => {
  const seen = new Set<string>();
  // Forcing is rarer than calls, or an operator would decide everything.
  const dice: readonly Step[] = [...steps, ...usual, ...usual, ...usual];
  fc.assert(
    fc.property(anyRules, fc.nat(), (given, seed) => {
      const random = seededRandom(seed);
      const any = (): Step => dice[Math.floor(random() * dice.length)] ?? "call";
      const { difference, states } = run(given, Array.from({ length: 10_000 }, any));
      expect(difference).toBeUndefined();
      for (const state of states) seen.add(state);
    }),
    { numRuns: 15 },
  );
  expect([...seen].sort()).toEqual(["closed", "halfOpen", "open"]);
}, 120_000);
