import fc from "fast-check";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import { Bench, circuitRules, type Permit, type SimpleRules } from "../../test/circuits.ts";
import type { Outcome } from "./circuit.ts";
import type { CircuitRules } from "./circuit-rules.ts";

const simple: SimpleRules = {
  window: { windowMs: 10_000 },
  failureRatio: 0.5,
  minimumCalls: 4,
  openForMs: 30_000,
  probes: 2,
  maxHalfOpenMs: 5_000,
};
const slowCall = { afterMs: 2_000, ratio: 0.5, minimumCalls: 4, window: simple.window };

function setup(
  more: Partial<CircuitRules> = {},
): Bench & { readonly run: (outcome: Outcome, nowMs: number, times?: number) => void } {
  const bench = new Bench(circuitRules(simple, more));
  const run = (outcome: Outcome, nowMs: number, times = 1): void => {
    for (let time = 0; time < times; time += 1) leave(bench, nowMs).settle(outcome, nowMs);
  };
  return Object.assign(bench, { run });
}

function leave(bench: Bench, nowMs: number): Permit {
  const permit = bench.admit(nowMs);
  if (permit === undefined) throw new Error(`no permit at ${nowMs}`);
  return permit;
}

test("failures in a row open it below the minimum of calls, and a success starts the count anew", () => {
  const { circuit, run } = setup({ consecutiveFailures: 3 });
  run("failure", 0, 2);
  run("success", 0);
  expect(circuit.snapshot(0)).toMatchObject({ state: "closed", consecutiveFailures: 0 });
  const alone = setup({ trips: [], consecutiveFailures: 3 });
  alone.run("failure", 0, 2);
  alone.run("ignored", 0, 5);
  expect(alone.circuit.snapshot(3_600_000)).toMatchObject({ state: "closed", failures: 2, calls: 2 });
  alone.run("failure", 3_600_000);
  expect(alone.moves).toEqual([{ from: "closed", to: "open", reason: "3 calls failed in a row; 3 needed" }]);
});

test("calls in a row are counted in the order in which they end, so a late success breaks the row", () => {
  const bench = setup({ trips: [], consecutiveFailures: 3 });
  const slow = leave(bench, 0);
  bench.run("failure", 100, 2);
  slow.settle("success", 200);
  bench.run("failure", 300, 2);
  expect(bench.circuit.state).toBe("closed");
  bench.run("failure", 300);
  expect(bench.circuit.state).toBe("open");
});

test("of several rules the first that is reached opens it", () => {
  const trips = [
    { window: { windowMs: 10_000 }, failureRatio: 0.5, minimumCalls: 10 },
    { window: { count: 5 }, failureRatio: 0.8, minimumCalls: 5 },
  ];
  const byCount = setup({ trips, consecutiveFailures: 100 });
  for (let minute = 0; minute < 4; minute += 1) byCount.run("failure", minute * 60_000);
  byCount.run("success", 240_000);
  expect(byCount.circuit.reason).toBe("4 of the last 5 calls failed; at least 4 needed");
  const byTime = setup({ trips, consecutiveFailures: 100 });
  for (let pair = 0; pair < 5; pair += 1) {
    byTime.run("failure", 0);
    byTime.run("success", 0);
  }
  expect(byTime.circuit.reason).toBe("5 of 10 calls failed in 10 s; at least 5 needed");
});

test("calls that still run count as slow from their time on, and open it without any of them having ended", () => {
  const bench = setup({ slowCall });
  for (let call = 0; call < 4; call += 1) leave(bench, call);
  expect(bench.circuit.snapshot(2_002)).toMatchObject({ state: "closed", slowCalls: { slow: 3, calls: 3 } });
  expect(bench.admit(2_003)).toBeUndefined();
  expect(bench.moves).toEqual([
    { from: "closed", to: "open", reason: "4 of 4 calls took 2 s or longer in 10 s; at least 2 needed" },
  ]);
});

test("half of the calls slow is enough, and one less is not", () => {
  for (const slow of [1, 2]) {
    const bench = setup({ slowCall });
    bench.run("success", 0, 4 - slow);
    for (let call = 0; call < slow; call += 1) leave(bench, 0).settle("success", 2_000);
    expect(bench.circuit.snapshot(2_000).state).toBe(slow === 2 ? "open" : "closed");
  }
});

test("a call is slow from exactly its time on", () => {
  const bench = setup({ slowCall });
  leave(bench, 0).settle("success", 1_999.9);
  leave(bench, 0).settle("success", 2_000);
  expect(bench.circuit.snapshot(2_000).slowCalls).toEqual({ slow: 1, calls: 2 });
});

test("a slow call that then fails counts once as slow and once as failed", () => {
  const bench = setup({ slowCall: { ...slowCall, ratio: 1 } });
  bench.run("success", 0, 3);
  const slow = leave(bench, 0);
  expect(bench.circuit.snapshot(2_500)).toMatchObject({ calls: 3, slowCalls: { slow: 1, calls: 4 } });
  slow.settle("failure", 3_000);
  expect(bench.circuit.snapshot(3_000)).toMatchObject({
    calls: 4,
    failures: 1,
    slowCalls: { slow: 1, calls: 4 },
  });
});

test("a call that took too long was slow, also when it then says nothing; a quick one that says nothing was nothing", () => {
  const bench = setup({ slowCall });
  leave(bench, 0).settle("ignored", 100);
  expect(bench.circuit.snapshot(100).slowCalls).toEqual({ slow: 0, calls: 0 });
  leave(bench, 100).settle("ignored", 3_000);
  expect(bench.circuit.snapshot(3_000)).toMatchObject({ calls: 0, slowCalls: { slow: 1, calls: 1 } });
});

test("probes that become slow while they run open it again", () => {
  const bench = setup({ slowCall: { ...slowCall, ratio: 1 } });
  bench.run("failure", 0, 4);
  const first = leave(bench, 30_000);
  leave(bench, 30_000);
  expect(bench.circuit.snapshot(31_999).state).toBe("halfOpen");
  expect(bench.circuit.snapshot(32_000)).toMatchObject({
    state: "open",
    reason: "2 of 2 probes took 2 s or longer; at least 2 needed",
  });
  first.settle("success", 32_100);
  expect(bench.circuit.snapshot(32_100)).toMatchObject({ state: "open", stale: 1 });
});

test("a slow probe that says nothing, or whose place was given away, is no slow probe", () => {
  const bench = setup({ slowCall: { ...slowCall, ratio: 1 } });
  bench.run("failure", 0, 4);
  const aborted = leave(bench, 30_000);
  const hung = leave(bench, 31_000);
  bench.circuit.snapshot(32_500);
  aborted.settle("ignored", 32_600);
  leave(bench, 32_600).settle("success", 32_700);
  // The other place is given away after five seconds without a new probe.
  leave(bench, 37_600).settle("success", 37_700);
  expect(bench.circuit.state).toBe("closed");
  hung.settle("failure", 40_000);
  expect(bench.circuit.snapshot(40_000)).toMatchObject({ state: "closed", stale: 1, calls: 0 });
});

test("a slow probe whose place was given away does not add to the slow ones of its successors", () => {
  const bench = setup({ slowCall: { ...slowCall, ratio: 0.6 }, probes: 3, probeFailureRatio: 1 });
  bench.run("failure", 0, 4);
  bench.run("success", 30_000, 2);
  leave(bench, 30_000);
  expect(bench.circuit.snapshot(32_000).state).toBe("halfOpen");
  const successor = leave(bench, 35_000);
  expect(bench.circuit.snapshot(37_000).state).toBe("halfOpen");
  successor.settle("success", 37_100);
  expect(bench.circuit.snapshot(37_100).state).toBe("closed");
});

test("slots of calls that have ended are used again: ten thousand calls one by one need one", () => {
  const bench = setup({ slowCall });
  for (let call = 0; call < 10_000; call += 1) {
    const atMs = call * 10_000;
    leave(bench, atMs).settle("success", atMs + (call % 50 === 0 ? 2_500 : 5));
  }
  expect(bench.slots.startedAtMs).toHaveLength(1);
});

test("however calls come and end, the slow ones are those that a list of all calls says", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ waitMs: fc.integer({ min: 0, max: 900 }), runsMs: fc.integer({ min: 0, max: 6_000 }) }),
        { minLength: 1, maxLength: 60 },
      ),
      (calls) => {
        const bench = setup({
          slowCall: { ...slowCall, minimumCalls: 1_000, window: { count: 1_000 } },
          trips: [],
        });
        let atMs = 0;
        const plan = calls.map(({ waitMs, runsMs }) => {
          atMs += waitMs;
          return { startMs: atMs, endMs: atMs + runsMs };
        });
        const happenings = plan
          .flatMap((call) => [
            { call, atMs: call.startMs, start: true },
            { call, atMs: call.endMs, start: false },
          ])
          .sort((a, b) => a.atMs - b.atMs || Number(b.start) - Number(a.start));
        const permits = new Map<object, Permit>();
        for (const { call, atMs: nowMs, start } of happenings) {
          if (start) permits.set(call, leave(bench, nowMs));
          else permits.get(call)?.settle("success", nowMs);
          const slow = plan.filter(({ startMs, endMs }) => Math.min(endMs, nowMs) - startMs >= 2_000);
          expect(bench.circuit.snapshot(nowMs).slowCalls?.slow).toBe(slow.length);
        }
        expect(bench.circuit.snapshot(atMs + 10_000).slowCalls?.calls).toBe(calls.length);
      },
    ),
    { numRuns: 60 },
  );
});

const growing = {
  firstMs: 10_000,
  factor: 2,
  maxMs: 60_000,
  jitter: 0,
  resetAfterMs: 5_000,
  maxRetryAfterMs: 90_000,
};

test("each opening that follows another is longer, up to the maximum, and a stable time starts anew", () => {
  const { circuit, run } = setup({ openTime: growing, probes: 1, maxHalfOpenMs: 1_000 });
  run("failure", 0, 4);
  let nowMs = 0;
  for (const openForMs of [10_000, 20_000, 40_000, 60_000, 60_000]) {
    expect(circuit.snapshot(nowMs)).toMatchObject({ state: "open", retryAfterMs: openForMs });
    nowMs += openForMs;
    run("failure", nowMs);
  }
  nowMs += 60_000;
  run("success", nowMs);
  nowMs += 4_999;
  run("failure", nowMs, 4);
  expect(circuit.snapshot(nowMs)).toMatchObject({ openings: 7, retryAfterMs: 60_000 });
  nowMs += 60_000;
  run("success", nowMs);
  nowMs += 5_000;
  run("failure", nowMs, 4);
  expect(circuit.snapshot(nowMs)).toMatchObject({ openings: 1, retryAfterMs: 10_000 });
});

test("a million openings in a row are as long as the maximum", () => {
  const { circuit, run } = setup({ openTime: { ...growing, factor: 10 }, probes: 1 });
  run("failure", 0, 4);
  for (let opening = 1; opening < 10_000; opening += 1) run("failure", opening * 60_000);
  expect(circuit.snapshot(9_999 * 60_000)).toMatchObject({ openings: 10_000, retryAfterMs: 60_000 });
});

test("chance only makes it longer, by at most its share", () => {
  for (const [chance, openForMs] of [
    [0, 10_000],
    [0.5, 11_000],
    [0.999, 11_998],
  ] as const) {
    const bench = setup({ openTime: { ...growing, jitter: 0.2 } });
    bench.random = () => chance;
    bench.run("failure", 0, 4);
    expect(bench.circuit.retryAfterMs(0)).toBeCloseTo(openForMs, 6);
  }
});

test.each([
  [undefined, 10_000],
  [0, 10_000],
  [9_000, 10_000],
  [45_000, 45_000],
  [3_600_000, 90_000],
  [Number.POSITIVE_INFINITY, 90_000],
  [Number.NaN, 10_000],
  [-1, 10_000],
])("a failure that asks for %s ms opens it for %d ms", (retryAfterMs, openForMs) => {
  const bench = setup({ openTime: growing });
  bench.run("failure", 0, 3);
  leave(bench, 0).settle("failure", 0, failure({ retryAfterMs }));
  expect(bench.circuit.retryAfterMs(0)).toBe(openForMs);
});

test("after closing a growing share goes through, counted and not drawn, and the rest is told when to come back", () => {
  const bench = setup({ rampUpMs: 10_000, probes: 1 });
  bench.run("failure", 0, 4);
  bench.run("success", 30_000);
  const shares = [0, 2_500, 5_000, 7_500, 10_000].map((afterMs) => {
    const nowMs = 30_000 + afterMs;
    let admitted = 0;
    for (let call = 0; call < 1_000; call += 1) {
      const permit = bench.admit(nowMs);
      if (permit === undefined) {
        const waitMs = bench.circuit.comeBackAfterMs(nowMs);
        expect(waitMs > 0 && nowMs + waitMs <= 40_000).toBe(true);
        expect(bench.circuit.retryAfterMs(nowMs)).toBeUndefined();
      } else admitted += 1;
    }
    return admitted;
  });
  for (const [index, exact] of [100, 325, 550, 775, 1_000].entries()) {
    expect(Math.abs((shares[index] ?? 0) - exact)).toBeLessThanOrEqual(1);
  }
  expect(bench.circuit.snapshot(40_000).admittedShare).toBeUndefined();
});

test("the first caller after closing goes through", () => {
  const bench = setup({ rampUpMs: 10_000, probes: 1 });
  bench.run("failure", 0, 4);
  bench.run("success", 30_000);
  expect(bench.admit(30_000)).toBeDefined();
  expect(bench.admit(30_000)).toBeUndefined();
  expect(bench.circuit.snapshot(30_000)).toMatchObject({ state: "closed", admittedShare: 0.1, rejected: 1 });
});

test("those who are turned away while it ramps up come back spread over the time that is left", () => {
  const bench = setup({ rampUpMs: 10_000, probes: 1 });
  bench.run("failure", 0, 4);
  bench.run("success", 30_000);
  const quarters = [0, 0, 0, 0];
  for (let call = 0; call < 1_000; call += 1) {
    if (bench.admit(30_000) !== undefined) continue;
    const quarter = Math.floor(bench.circuit.comeBackAfterMs(30_000) / 2_500);
    quarters[quarter] = (quarters[quarter] ?? 0) + 1;
  }
  for (const quarter of quarters) expect(Math.abs(quarter - 899 / 4)).toBeLessThan(5);
});

test("it opens during the ramp-up like at any other time", () => {
  const bench = setup({ rampUpMs: 10_000, probes: 1 });
  bench.run("failure", 0, 4);
  bench.run("success", 30_000);
  bench.run("failure", 39_999, 4);
  expect(bench.circuit.snapshot(39_999)).toMatchObject({ state: "open", admittedShare: undefined });
});

test("a ramp-up that is configured away while it runs is over", () => {
  const bench = setup({ rampUpMs: 10_000, probes: 1 });
  bench.run("failure", 0, 4);
  bench.run("success", 30_000);
  bench.change(circuitRules(simple), 30_000);
  for (let call = 0; call < 10; call += 1) expect(bench.admit(30_000)).toBeDefined();
  expect(bench.circuit.snapshot(30_000).admittedShare).toBeUndefined();
});
