import fc from "fast-check";
import { expect, test } from "vitest";
import { ReferenceBreaker, type ReferenceCall, type ReferenceRules } from "../../test/reference-breaker.ts";
import { Circuit, type Outcome, type Permit } from "./circuit.ts";
import { CountWindow, TimeWindow } from "./outcome-window.ts";

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

/** Runs the steps on both breakers; says where they differ, or nothing. */
function difference(given: ReferenceRules, sequence: readonly Step[]): string | undefined {
  const { window, ...rest } = given;
  const circuit = new Circuit({
    ...rest,
    window: "ms" in window ? new TimeWindow(window.ms) : new CountWindow(window.count),
  });
  const reference = new ReferenceBreaker(given);
  const calls: { readonly permit: Permit; readonly call: ReferenceCall; done: boolean }[] = [];
  let nowMs = 0;

  for (const [index, step] of sequence.entries()) {
    const outcome = outcomes[step];
    if (step === "shortWait") nowMs += shortWaitMs;
    else if (step === "longWait") nowMs += longWaitMs;
    else if (outcome === undefined) {
      const permit = circuit.admit(nowMs);
      const call = reference.admit(nowMs);
      if (permit !== undefined && call !== undefined) calls.push({ permit, call, done: false });
      else if (permit !== undefined || call !== undefined) return `step ${index}: only one admits`;
    } else {
      const open = calls.filter(({ done }) => !done);
      const chosen = (step.startsWith("oldest") ? open[0] : open.at(-1)) ?? calls[0];
      // Without a call that runs, one that has ended is settled again, which must do nothing.
      if (chosen !== undefined) {
        chosen.done = true;
        chosen.permit.settle(outcome, nowMs);
        reference.settle(chosen.call, outcome, nowMs);
      }
    }
    const { state, failures, calls: counted, retryAfterMs } = circuit.snapshot(nowMs);
    const expectedState = reference.state(nowMs);
    if (state !== expectedState) return `step ${index}: ${state}, not ${expectedState}`;
    const comeBackAtMs = reference.comeBackAtMs(nowMs);
    if ((retryAfterMs === undefined ? undefined : nowMs + retryAfterMs) !== comeBackAtMs) {
      return `step ${index}: come back after ${retryAfterMs} ms, not at ${comeBackAtMs} ms`;
    }
    const [expectedFailures, expectedCalls] = reference.counts(nowMs);
    if (state !== "open" && (failures !== expectedFailures || counted !== expectedCalls)) {
      return `step ${index}: ${failures}/${counted}, not ${expectedFailures}/${expectedCalls}`;
    }
  }
  return undefined;
}

function* sequences(depth: number): Generator<readonly Step[]> {
  const digits = new Array<number>(depth).fill(0);
  for (let number = 0; number < steps.length ** depth; number += 1) {
    let rest = number;
    for (let place = 0; place < depth; place += 1) {
      digits[place] = rest % steps.length;
      rest = Math.floor(rest / steps.length);
    }
    yield digits.map((digit) => steps[digit] ?? "call");
  }
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
    for (const sequence of sequences(6)) {
      const found = difference(rules, [...start, ...sequence]);
      if (found !== undefined) expect.fail(`${[...start, ...sequence].join(", ")}: ${found}`);
    }
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
        expect(difference(given, sequence)).toBeUndefined();
      },
    ),
    { numRuns: 300 },
  );
});
