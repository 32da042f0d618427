import { expect, test } from "vitest";
import { Bench, circuitRules, type Permit, type SimpleRules } from "../../test/circuits.ts";
import { CallSlots, SlowCalls } from "./slow-calls.ts";

const simple: SimpleRules = {
  window: { windowMs: 10_000 },
  failureRatio: 0.5,
  minimumCalls: 4,
  openForMs: 100,
  probes: 2,
  maxHalfOpenMs: 60_000,
};
const slowCall = { afterMs: 2_000, ratio: 0.5, minimumCalls: 4, window: simple.window };

function leave(bench: Bench, nowMs: number): Permit {
  const permit = bench.admit(nowMs);
  if (permit === undefined) throw new Error(`no permit at ${nowMs}`);
  return permit;
}

test("a quick call from before an opening does not count among the calls whose pace is known after it", () => {
  const bench = new Bench(circuitRules(simple, { trips: [], consecutiveFailures: 2, probes: 1, slowCall }));
  const early = leave(bench, 0);
  for (let call = 0; call < 2; call += 1) leave(bench, 0).settle("failure", 0);
  leave(bench, 100).settle("success", 100);
  expect(bench.circuit.snapshot(100)).toMatchObject({ state: "closed", slowCalls: { slow: 0, calls: 0 } });
  early.settle("success", 200);
  expect(bench.circuit.snapshot(200)).toMatchObject({ stale: 1, slowCalls: { slow: 0, calls: 0 } });
});

test("probes are not counted among the calls whose pace is known", () => {
  const bench = new Bench(circuitRules(simple, { trips: [], consecutiveFailures: 2, slowCall }));
  for (let call = 0; call < 2; call += 1) leave(bench, 0).settle("failure", 0);
  expect(bench.circuit.snapshot(0)).toMatchObject({ state: "open", slowCalls: { slow: 0, calls: 2 } });
  leave(bench, 100).settle("success", 110);
  expect(bench.circuit.snapshot(110)).toMatchObject({ state: "halfOpen", slowCalls: { slow: 0, calls: 2 } });
});

test("a call from before an opening that becomes slow while probes run is no slow probe", () => {
  const bench = new Bench(circuitRules({ ...simple, probes: 1 }, { slowCall: { ...slowCall, ratio: 1 } }));
  leave(bench, 0);
  for (let call = 0; call < 4; call += 1) leave(bench, 0).settle("failure", 0);
  leave(bench, 1_000);
  expect(bench.circuit.snapshot(2_500)).toMatchObject({ state: "halfOpen" });
  expect(bench.circuit.snapshot(2_999).state).toBe("halfOpen");
  expect(bench.circuit.snapshot(3_000).state).toBe("open");
});

test("a probe that began before slow calls were looked for is judged by its answer alone", () => {
  const bench = new Bench(circuitRules({ ...simple, probes: 1 }));
  for (let call = 0; call < 4; call += 1) leave(bench, 0).settle("failure", 0);
  const probe = leave(bench, 100);
  bench.change(circuitRules({ ...simple, probes: 1 }, { slowCall }), 200);
  expect(bench.circuit.snapshot(5_000)).toMatchObject({ state: "halfOpen" });
  probe.settle("success", 5_000);
  expect(bench.circuit.snapshot(5_000)).toMatchObject({ state: "closed" });
});

test("an answered probe is saved with the answer alone where slow calls are not looked for", () => {
  const bench = new Bench(circuitRules({ ...simple, failureRatio: 1 }));
  for (let call = 0; call < 4; call += 1) leave(bench, 0).settle("failure", 0);
  leave(bench, 100).settle("failure", 200);
  leave(bench, 200).settle("ignored", 300);
  expect(bench.circuit.snapshot(300).saved.trial).toEqual({ answered: 1, failed: 1, slow: 0 });
});

test("rules that the circuit was not told of yet are judged as far as it has counted for them", () => {
  const watching = circuitRules(simple, { slowCall });
  const bench = new Bench(watching);
  leave(bench, 0).settle("success", 2_000);
  const { trips } = watching;
  bench.rules = circuitRules(simple, { trips: [...trips, { ...trips[0], window: { count: 1 } } as never] });
  leave(bench, 2_000).settle("failure", 2_000);
  expect(bench.circuit.snapshot(2_000)).toMatchObject({ state: "closed", calls: 2, failures: 1 });
});

test("a circuit that turns nobody away has nobody come back later", () => {
  expect(new Bench(circuitRules(simple)).circuit.comeBackAfterMs(0)).toBe(0);
});

test("calls that come in waves need as many slots as ran at a time", () => {
  const slots = new CallSlots();
  const calls = new SlowCalls(slots);
  for (let wave = 0; wave < 5; wave += 1) {
    const running = [0, 1, 2].map(() => calls.start(1, wave * 1_000));
    expect([...running].sort()).toEqual([0, 1, 2]);
    for (const slot of running) expect(calls.end(slot)).toBe(false);
  }
  expect(slots.startedAtMs).toHaveLength(3);
});

test("a quick call that says nothing is not counted among the calls whose pace is known, beside a slow one either", () => {
  const bench = new Bench(circuitRules(simple, { slowCall }));
  leave(bench, 0);
  expect(bench.circuit.snapshot(2_000).slowCalls).toEqual({ slow: 1, calls: 1 });
  leave(bench, 2_000).settle("ignored", 2_100);
  expect(bench.circuit.snapshot(2_100).slowCalls).toEqual({ slow: 1, calls: 1 });
  leave(bench, 2_100).settle("success", 2_200);
  expect(bench.circuit.snapshot(2_200).slowCalls).toEqual({ slow: 1, calls: 2 });
});

test("of calls that began before slow calls were looked for no pace is known, however often rules change meanwhile", () => {
  const bench = new Bench(circuitRules(simple));
  const early = leave(bench, 0);
  for (const probes of [2, 3]) bench.change(circuitRules({ ...simple, probes }, { slowCall }), 0);
  early.settle("success", 100);
  expect(bench.circuit.snapshot(100)).toMatchObject({ calls: 1, slowCalls: { slow: 0, calls: 0 } });
});

test("the same where the rules before had no window at all", () => {
  const bench = new Bench(circuitRules(simple, { trips: [], consecutiveFailures: 3 }));
  const early = leave(bench, 0);
  leave(bench, 0).settle("failure", 0);
  bench.change(circuitRules(simple, { slowCall }), 0);
  early.settle("success", 100);
  expect(bench.circuit.snapshot(100)).toMatchObject({ calls: 1, slowCalls: { slow: 0, calls: 0 } });
});

test("where the rules after have no window, what is known of the pace stays", () => {
  const bench = new Bench(circuitRules(simple, { slowCall }));
  for (let call = 0; call < 3; call += 1) leave(bench, 0).settle("success", 100);
  bench.change(circuitRules(simple, { trips: [], consecutiveFailures: 3, slowCall }), 100);
  expect(bench.circuit.snapshot(100).slowCalls).toEqual({ slow: 0, calls: 3 });
});

test("a probe that was slow and has answered is saved as a slow one", () => {
  const bench = new Bench(circuitRules({ ...simple, probes: 3 }, { slowCall: { ...slowCall, ratio: 1 } }));
  for (let call = 0; call < 4; call += 1) leave(bench, 0).settle("failure", 0);
  leave(bench, 100).settle("success", 2_100);
  expect(bench.circuit.snapshot(2_100).saved.trial).toEqual({ answered: 1, failed: 0, slow: 1 });
});

test("a quick success that completes the minimum opens it when enough calls before it were slow", () => {
  const bench = new Bench(circuitRules(simple, { slowCall }));
  for (let call = 0; call < 2; call += 1) leave(bench, 0);
  leave(bench, 2_000).settle("success", 2_000);
  expect(bench.circuit.snapshot(2_000)).toMatchObject({ state: "closed", slowCalls: { slow: 2, calls: 3 } });
  leave(bench, 2_000).settle("success", 2_000);
  expect(bench.circuit.snapshot(2_000)).toMatchObject({ state: "open" });
});

test("without any window of outcomes the pace of calls is counted also after an opening", () => {
  const bench = new Bench(circuitRules(simple, { trips: [], consecutiveFailures: 2, probes: 1, slowCall }));
  for (let call = 0; call < 2; call += 1) leave(bench, 0).settle("failure", 0);
  leave(bench, 100).settle("success", 100);
  for (let call = 0; call < 3; call += 1) leave(bench, 200).settle("success", 200);
  expect(bench.circuit.snapshot(200)).toMatchObject({ state: "closed", slowCalls: { slow: 0, calls: 3 } });
});
