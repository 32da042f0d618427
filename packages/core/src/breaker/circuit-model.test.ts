import fc from "fast-check";
import { expect, test } from "vitest";
import { Bench, circuitRules, type Permit } from "../../test/circuits.ts";
import { ReferenceBreaker, type ReferenceCall, type ReferenceRules } from "../../test/reference-breaker.ts";
import type { Circuit, Outcome } from "./circuit.ts";

/** What can happen to a breaker. Who settles takes the oldest or the newest call that it ever admitted. */
const steps = [
  "call",
  "oldestSucceeds",
  "oldestFails",
  "oldestSaysNothing",
  "newestSucceeds",
  "newestFails",
  "shortWait",
  "longWait",
] as const;
type Step = (typeof steps)[number];

const outcomes: Partial<Record<Step, Outcome>> = {
  oldestSucceeds: "success",
  oldestFails: "failure",
  oldestSaysNothing: "ignored",
  newestSucceeds: "success",
  newestFails: "failure",
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

interface Run {
  /** Where the two differ; undefined when they never do. */
  readonly difference: string | undefined;
  /** Calls that still run, and calls that have ended. */
  readonly running: number;
  readonly ended: number;
}

/** Takes the same steps with both breakers and compares them after each. */
function run(given: ReferenceRules, sequence: readonly Step[]): Run {
  const { window, ...rest } = given;
  const bench = new Bench(
    circuitRules({ ...rest, window: "ms" in window ? { windowMs: window.ms } : window }),
  );
  const { circuit } = bench;
  const reference = new ReferenceBreaker(given);
  const running: { readonly permit: Permit; readonly call: ReferenceCall }[] = [];
  const ended: typeof running = [];
  let nowMs = 0;
  const take = (step: Step): string | undefined => {
    const outcome = outcomes[step];
    if (step === "shortWait") nowMs += shortWaitMs;
    else if (step === "longWait") nowMs += longWaitMs;
    else if (outcome === undefined) {
      const permit = bench.admit(nowMs);
      const call = reference.admit(nowMs);
      if (permit !== undefined && call !== undefined) running.push({ permit, call });
      else if (permit !== undefined || call !== undefined) return "only one admits";
    } else {
      // Without a call that runs, one that has ended is settled again, which must do nothing.
      const chosen = (step.startsWith("oldest") ? running.shift() : running.pop()) ?? ended[0];
      if (chosen === undefined) return undefined;
      if (chosen !== ended[0]) ended.push(chosen);
      chosen.permit.settle(outcome, nowMs);
      reference.settle(chosen.call, outcome, nowMs);
    }
    return compare(circuit, reference, nowMs);
  };
  for (const [index, step] of sequence.entries()) {
    const difference = take(step);
    if (difference !== undefined) {
      const story = sequence.slice(0, index + 1).join(", ");
      return { difference: `${story}: ${difference}`, running: running.length, ended: ended.length };
    }
  }
  return { difference: undefined, running: running.length, ended: ended.length };
}

function compare(circuit: Circuit, reference: ReferenceBreaker, nowMs: number): string | undefined {
  const { state, failures, calls, retryAfterMs } = circuit.snapshot(nowMs);
  const expectedState = reference.state(nowMs);
  if (state !== expectedState) return `${state}, not ${expectedState}`;
  const comeBackAtMs = reference.comeBackAtMs(nowMs);
  if ((retryAfterMs === undefined ? undefined : nowMs + retryAfterMs) !== comeBackAtMs) {
    return `come back after ${retryAfterMs} ms, not at ${comeBackAtMs} ms`;
  }
  const [expectedFailures, expectedCalls] = reference.counts(nowMs);
  const same = failures === expectedFailures && calls === expectedCalls;
  return same || state === "open"
    ? undefined
    : `${failures}/${calls}, not ${expectedFailures}/${expectedCalls}`;
}

/** Steps that differ in what they do: with one call running, the oldest is the newest. */
function choices({ running, ended }: Run): readonly Step[] {
  return steps.filter((step) => {
    if (step.startsWith("newest")) return running > 1;
    if (running === 0 && outcomes[step] !== undefined) return ended > 0 && step === "oldestFails";
    return true;
  });
}

/** Visits every sequence of `depth` more steps; gives back how many there were. */
function explore(start: readonly Step[], depth: number): number {
  const here = run(rules, start);
  if (here.difference !== undefined) expect.fail(here.difference);
  if (depth === 0) return 1;
  return choices(here).reduce((sum, step) => sum + explore([...start, step], depth - 1), 0);
}

const open: readonly Step[] = ["call", "call", "call", "oldestFails", "oldestFails"];

test.each<[string, readonly Step[]]>([
  ["closed", []],
  ["open, with a call from before still running", open],
  ["half-open, with a call from before still running", [...open, "longWait"]],
  [
    "half-open, with one probe running and one answered",
    [...open, "longWait", "call", "call", "newestSucceeds"],
  ],
  ["half-open, with hung probes", [...open, "longWait", "call", "call", "shortWait"]],
])(
  "every sequence of six events leads where the reference leads, starting %s",
  (_, start) => {
    expect(explore(start, 6)).toBeGreaterThan(5_000);
  },
  120_000,
);

test("long random sequences under random rules lead where the reference leads", () => {
  const anyRules: fc.Arbitrary<ReferenceRules> = fc.record({
    window: fc.oneof(
      fc.record({ ms: fc.constantFrom(10, 100, 250, 1_000) }),
      fc.record({ count: fc.integer({ min: 5, max: 9 }) }),
    ),
    failureRatio: fc.constantFrom(0.1, 0.3, 0.5, 0.7, 1),
    minimumCalls: fc.integer({ min: 1, max: 5 }),
    openForMs: fc.constantFrom(1, 50, 100, 175),
    probes: fc.integer({ min: 1, max: 5 }),
    maxHalfOpenMs: fc.constantFrom(1, 50, 125),
  });
  fc.assert(
    fc.property(
      anyRules,
      fc.array(fc.constantFrom(...steps), { minLength: 20, maxLength: 300 }),
      (given, sequence) => {
        expect(run(given, sequence).difference).toBeUndefined();
      },
    ),
    { numRuns: 300 },
  );
});
