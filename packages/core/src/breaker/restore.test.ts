import { seededRandom, VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { failure, manual, watch } from "../../test/calls.ts";
import { Bench, circuitRules, type Permit, type SimpleRules } from "../../test/circuits.ts";
import { type BreakerOptions, CallContext, circuitBreaker, execute } from "../index.ts";
import { type Circuit, turnedAway } from "./circuit.ts";
import type { CircuitRules } from "./circuit-rules.ts";
import { type CircuitSnapshot, savedCircuit } from "./circuit-snapshot.ts";

const simple: SimpleRules = {
  window: { windowMs: 1_000 },
  failureRatio: 0.5,
  minimumCalls: 3,
  openForMs: 500,
  probes: 2,
  maxHalfOpenMs: 300,
};
const rules: CircuitRules = circuitRules(simple, {
  trips: [
    { window: { windowMs: 1_000 }, failureRatio: 0.5, minimumCalls: 3 },
    { window: { count: 7 }, failureRatio: 0.7, minimumCalls: 5 },
  ],
  consecutiveFailures: 6,
  slowCall: { window: { windowMs: 1_000 }, afterMs: 150, ratio: 0.6, minimumCalls: 4 },
  rampUpMs: 400,
  openTime: { firstMs: 500, factor: 2, maxMs: 4_000, jitter: 0, resetAfterMs: 700, maxRetryAfterMs: 0 },
});

const through = (snapshot: CircuitSnapshot): unknown => JSON.parse(JSON.stringify(snapshot.saved));

/** Everything but the numbers that only look back, and with times as people compare them. */
function seen(circuit: Circuit, nowMs: number): unknown {
  const { saved, reason, ...rest } = circuit.snapshot(nowMs);
  const rounded = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : Math.round(value * 1_000) / 1_000;
  return { ...rest, retryAfterMs: rounded(rest.retryAfterMs), admittedShare: rounded(rest.admittedShare) };
}

/** Takes random steps; calls that run are settled at the end, so that nothing is in flight. */
function lived(random: () => number, steps: number): { bench: Bench; nowMs: number } {
  const bench = new Bench(rules);
  const running: Permit[] = [];
  let nowMs = 10_000;
  for (let step = 0; step < steps; step += 1) {
    const dice = random();
    if (dice < 0.5) {
      const permit = bench.admit(nowMs);
      if (permit !== undefined) running.push(permit);
    } else if (dice < 0.8) running.shift()?.settle(random() < 0.5 ? "failure" : "success", nowMs);
    else if (dice < 0.98) nowMs += Math.floor(random() * 300);
    else if (random() < 0.5) bench.circuit.force({ to: "open", reason: "test", untilMs: nowMs + 200 }, nowMs);
    else bench.circuit.release("test", nowMs);
  }
  for (const permit of running) permit.settle("ignored", nowMs);
  bench.circuit.snapshot(nowMs);
  return { bench, nowMs };
}

test("a circuit that was restored from JSON looks and then behaves like the one that was saved", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 80 }), (seed, steps) => {
      const random = seededRandom(seed);
      const { bench: original, nowMs } = lived(random, steps);
      const copy = new Bench(rules);
      const { circuit } = original;
      const snapshot = circuit.snapshot(nowMs);
      copy.circuit.restore(savedCircuit("saved", through(snapshot)), 0, nowMs);
      expect(seen(copy.circuit, nowMs)).toEqual(seen(circuit, nowMs));
      if (snapshot.admittedShare !== undefined || snapshot.state === "halfOpen") return;

      let laterMs = nowMs;
      for (let step = 0; step < 60; step += 1) {
        laterMs += Math.floor(random() * 200);
        const permits = [original.admit(laterMs), copy.admit(laterMs)];
        expect(permits[1] === undefined).toBe(permits[0] === undefined);
        const outcome = random() < 0.5 ? "failure" : "success";
        for (const permit of permits) permit?.settle(outcome, laterMs);
        expect(seen(copy.circuit, laterMs)).toEqual(seen(circuit, laterMs));
      }
    }),
    { numRuns: 300 },
  );
});

test("the copy of a copy is the copy", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { bench, nowMs } = lived(seededRandom(seed), 60);
      const once = new Bench(rules);
      once.circuit.restore(savedCircuit("saved", through(bench.circuit.snapshot(nowMs))), 0, nowMs);
      const first = through(once.circuit.snapshot(nowMs));
      const twice = new Bench(rules);
      twice.circuit.restore(savedCircuit("saved", first), 0, nowMs);
      expect(through(twice.circuit.snapshot(nowMs))).toEqual(first);
    }),
    { numRuns: 100 },
  );
});

test("on another clock, some time later, a window remembers what is not too old, to half a bucket", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 999 }), fc.boolean()), { maxLength: 12 }),
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      fc.integer({ min: 0, max: 1_500 }),
      (calls, zeroMs, elapsedMs) => {
        const calm = circuitRules({ ...simple, minimumCalls: 1_000 });
        const old = new Bench(calm);
        for (const [atMs, failed] of calls.toSorted(([a], [b]) => a - b)) {
          old.admit(atMs)?.settle(failed ? "failure" : "success", atMs);
        }
        const young = new Bench(calm);
        const saved = savedCircuit("saved", through(old.circuit.snapshot(999)));
        young.circuit.restore(saved, elapsedMs, zeroMs);
        const { calls: kept } = young.circuit.snapshot(zeroMs);
        const age = ([atMs]: readonly [number, boolean]): number => 999 - atMs + elapsedMs;
        expect(kept).toBeGreaterThanOrEqual(calls.filter((call) => age(call) <= 850).length);
        expect(kept).toBeLessThanOrEqual(calls.filter((call) => age(call) < 1_050).length);
      },
    ),
  );
});

test("permits that were given before a restore move nothing after it", () => {
  const { bench, nowMs } = lived(seededRandom(1), 0);
  const permit = bench.admit(nowMs);
  const saved = savedCircuit("saved", through(bench.circuit.snapshot(nowMs)));
  bench.circuit.restore(saved, 0, nowMs);
  permit?.settle("failure", nowMs);
  expect(bench.circuit.snapshot(nowMs)).toMatchObject({ calls: 0, stale: 1 });
});

function breakerOn(clock: VirtualClock, options: BreakerOptions = {}): ReturnType<typeof circuitBreaker> {
  return circuitBreaker({ minimumCalls: 2, probes: 1, clock, ...options });
}

async function fail(
  breaker: ReturnType<typeof circuitBreaker>,
  clock: VirtualClock,
  times: number,
): Promise<void> {
  const failing = breaker(async () => Promise.reject(failure()));
  for (let time = 0; time < times; time += 1) await failing("", new CallContext({ clock })).catch(() => {});
}

test("an open circuit stays open in the next process for the rest of its time, by the wall clock", async () => {
  const clock = new VirtualClock();
  const first = breakerOn(clock);
  await fail(first, clock, 2);
  await clock.advance(10_000);
  const paper = JSON.stringify(first.snapshot());
  await clock.advance(5_000);
  const second = breakerOn(clock);
  second.restore(JSON.parse(paper));
  expect(second.snapshot()).toMatchObject({
    state: "open",
    retryAfterMs: 15_000,
    reason: "2 of 2 calls failed in 10 s; at least 1 needed",
  });
});

test("a wall clock that was set back or far ahead makes it wait no longer than its open time", async () => {
  const clock = new VirtualClock();
  const first = breakerOn(clock);
  await fail(first, clock, 2);
  const snapshot = first.snapshot();
  for (const [shiftMs, expected] of [
    [3_600_000, { state: "open", retryAfterMs: 30_000 }],
    [-3_600_000, { state: "halfOpen" }],
  ] as const) {
    const second = breakerOn(clock);
    second.restore({ ...snapshot, takenAtMs: snapshot.takenAtMs + shiftMs });
    expect(second.snapshot()).toMatchObject(expected);
  }
});

test("a forced state survives with what is left of its time, and can be released", async () => {
  const clock = new VirtualClock();
  const first = breakerOn(clock);
  first.force("open", { reason: "drill", for: "1m" });
  await clock.advance(20_000);
  const second = breakerOn(clock);
  second.restore(JSON.parse(JSON.stringify(first.snapshot())));
  expect(second.snapshot()).toMatchObject({ forced: { to: "open", reason: "drill", leftMs: 40_000 } });
  second.force(undefined, { reason: "over" });
  expect(second.snapshot()).toMatchObject({ state: "halfOpen", forced: undefined });
});

test("a snapshot does not change with the breaker that it was taken of", async () => {
  const clock = new VirtualClock();
  const breaker = breakerOn(clock);
  const snapshot = breaker.snapshot();
  const before = JSON.stringify(snapshot);
  await fail(breaker, clock, 5);
  expect(JSON.stringify(snapshot)).toBe(before);
});

test("what is not a snapshot is refused with the path of what is wrong, and nothing is changed", async () => {
  const clock = new VirtualClock();
  const breaker = breakerOn(clock);
  await fail(breaker, clock, 2);
  const good = breaker.snapshot();
  const refused = (snapshot: unknown, message: string): void => {
    expect(() => breaker.restore(snapshot)).toThrow(message);
    expect(breaker.snapshot()).toEqual(good);
  };
  const saved = (change: object): unknown => ({ ...good, saved: { ...good.saved, ...change } });
  refused(null, "snapshot must be an object; got null");
  refused({}, "snapshot.takenAtMs must be milliseconds since 1970; got undefined");
  refused({ ...good, saved: undefined }, "snapshot.saved must be an object; got undefined");
  refused(saved({ state: "ajar" }), 'snapshot.saved.state must be one of "closed", "open", "halfOpen"');
  refused(saved({ sinceAgoMs: -1 }), "snapshot.saved.sinceAgoMs must be milliseconds, 0 or more; got -1");
  refused(saved({ openForMs: "30s" }), 'snapshot.saved.openForMs must be a number; got "30s"');
  refused(saved({ windows: {} }), "snapshot.saved.windows must be a list; got an object");
  refused(saved({ windows: [{}] }), "snapshot.saved.windows[0].buckets must be a list");
  refused(saved({ windows: [{ buckets: [[0, 1, 2]] }] }), "snapshot.saved.windows[0].buckets[0][2] must be");
  refused(
    saved({ windows: [{ buckets: [7] }] }),
    "snapshot.saved.windows[0].buckets[0] must be a list; got 7",
  );
  refused(saved({ windows: [{ runs: [1.5] }] }), "snapshot.saved.windows[0].runs[0] must be a whole number");
  refused(saved({ trial: { answered: 1, failed: 2, slow: 0 } }), "snapshot.saved.trial.failed must be");
  refused(saved({ forced: { to: "ajar" } }), "snapshot.saved.forced.to must be one of");
  refused(
    saved({ forced: { to: "open", reason: 1 } }),
    "snapshot.saved.forced.reason must be a string; got 1",
  );
});

test("other rules keep the counts that fit them and the calls in flight", async () => {
  const clock = new VirtualClock();
  const breaker = breakerOn(clock, { window: "10s", minimumCalls: 10 });
  await fail(breaker, clock, 2);
  await clock.advance(8_000);
  await fail(breaker, clock, 3);
  const { call, calls } = manual();
  const inFlight = watch(execute(breaker(call), "", { clock }));
  breaker.reconfigure({ window: "20s", minimumCalls: 100 });
  expect(breaker.snapshot()).toMatchObject({ calls: 5, failures: 5 });
  breaker.reconfigure({ window: "5s", minimumCalls: 4 });
  expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 3, failures: 3 });
  calls[0]?.reject(failure());
  await clock.advance(0);
  expect(inFlight.status).toBe("rejected");
  expect(breaker.snapshot()).toMatchObject({ state: "open", calls: 4, failures: 4, stale: 0 });
});

test("a count window keeps its newest outcomes when it shrinks, and all when it grows", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 20 }),
      fc.integer({ min: 1, max: 12 }),
      (outcomes, size) => {
        const sized = (count: number): CircuitRules =>
          circuitRules(
            { ...simple, window: { count }, minimumCalls: count, failureRatio: 1 },
            { trips: [{ window: { count }, failureRatio: 1, minimumCalls: 1_000 }] },
          );
        const bench = new Bench(sized(8));
        for (const failed of outcomes) bench.admit(0)?.settle(failed ? "failure" : "success", 0);
        bench.change(sized(size), 0);
        const kept = outcomes.slice(-8).slice(-size);
        const expected = { calls: kept.length, failures: kept.filter(Boolean).length };
        expect(bench.circuit.snapshot(0)).toMatchObject(expected);
      },
    ),
  );
});

test("looking for slow calls may begin and end while calls run", () => {
  const plain = circuitRules({ ...simple, minimumCalls: 100 });
  const watching = {
    ...plain,
    slowCall: { window: { windowMs: 1_000 }, afterMs: 100, ratio: 1, minimumCalls: 100 },
  };
  const bench = new Bench(plain);
  const before = bench.admit(0);
  bench.change(watching, 0);
  const meanwhile = [bench.admit(0), bench.admit(0)];
  before?.settle("success", 50);
  meanwhile[0]?.settle("failure", 200);
  expect(bench.circuit.snapshot(200)).toMatchObject({ calls: 2, slowCalls: { slow: 2, calls: 2 } });
  bench.change(plain, 200);
  meanwhile[1]?.settle("success", 300);
  bench.admit(300)?.settle("success", 300);
  expect(bench.circuit.snapshot(300)).toMatchObject({
    calls: 4,
    failures: 1,
    slowCalls: undefined,
    stale: 0,
  });
});

test("fewer probes than have answered decide at once", () => {
  const bench = new Bench(circuitRules({ ...simple, probes: 5 }));
  for (let call = 0; call < 3; call += 1) bench.admit(0)?.settle("failure", 0);
  for (let probe = 0; probe < 3; probe += 1) bench.admit(500)?.settle("success", 500);
  expect(bench.circuit.snapshot(500).state).toBe("halfOpen");
  bench.change(circuitRules({ ...simple, probes: 2 }), 600);
  expect(bench.circuit.snapshot(600)).toMatchObject({ state: "closed", reason: "3 of 3 probes succeeded" });
});

test("whatever the rules become while calls run, every permit comes back and the circuit recovers", () => {
  const anyRules = fc.record({
    probes: fc.integer({ min: 1, max: 4 }),
    slow: fc.boolean(),
    rampUpMs: fc.constantFrom(0, 400),
    windowMs: fc.constantFrom(100, 1_000, 7_000),
  });
  fc.assert(
    fc.property(fc.nat(), fc.array(anyRules, { minLength: 1, maxLength: 6 }), (seed, changes) => {
      const random = seededRandom(seed);
      const bench = new Bench(rules);
      const running: Permit[] = [];
      let nowMs = 0;
      for (const { probes, slow, rampUpMs, windowMs } of changes) {
        for (let step = 0; step < 30; step += 1) {
          const permit = random() < 0.6 ? bench.admit(nowMs) : undefined;
          if (permit !== undefined) running.push(permit);
          if (random() < 0.4) running.shift()?.settle(random() < 0.6 ? "failure" : "success", nowMs);
          nowMs += random() < 0.2 ? 300 : 1;
        }
        const window = { windowMs };
        const slowCall = slow ? { window, afterMs: 50, ratio: 0.5, minimumCalls: 3 } : undefined;
        bench.change(circuitRules({ ...simple, window, probes }, { slowCall, rampUpMs }), nowMs);
      }
      for (const permit of running) permit.settle("success", nowMs);
      // Healthy from here on: it must close, whatever happened before.
      for (let round = 0; round < 400; round += 1) {
        nowMs += 20;
        bench.admit(nowMs)?.settle("success", nowMs);
      }
      expect(bench.circuit.snapshot(nowMs)).toMatchObject({ state: "closed", retryAfterMs: undefined });
      expect(bench.circuit.admit(nowMs)).not.toBe(turnedAway);
    }),
    { numRuns: 200 },
  );
});

test("rules that are wrong change nothing", () => {
  const breaker = breakerOn(new VirtualClock(), { shadow: true });
  expect(() => breaker.reconfigure({ probes: 0 })).toThrow("circuitBreaker.probes must be");
  expect(() => breaker.reconfigure({ name: "x" } as never)).toThrow("circuitBreaker.name is not an option");
  expect(breaker.snapshot().shadow).toBe(true);
});
