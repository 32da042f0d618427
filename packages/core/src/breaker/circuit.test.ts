import { expect, test } from "vitest";
import { Bench, circuitRules, type Permit, type SimpleRules } from "../../test/circuits.ts";
import type { Circuit, Outcome, Transition } from "./circuit.ts";
import { failuresNeeded } from "./circuit-rules.ts";

interface Setup {
  readonly circuit: Circuit;
  readonly bench: Bench;
  readonly moves: Transition[];
  readonly run: (outcome: Outcome, nowMs: number, times?: number) => void;
  readonly admit: (nowMs: number) => Permit;
}

const simple: SimpleRules = {
  window: { windowMs: 10_000 },
  failureRatio: 0.5,
  minimumCalls: 4,
  openForMs: 30_000,
  probes: 3,
  maxHalfOpenMs: 5_000,
};

function setup(rules: Partial<SimpleRules> = {}): Setup {
  const bench = new Bench(circuitRules({ ...simple, ...rules }));
  const { circuit, moves } = bench;
  const admit = (nowMs: number): Permit => {
    const permit = bench.admit(nowMs);
    if (permit === undefined) throw new Error(`no permit at ${nowMs}: ${circuit.snapshot(nowMs).state}`);
    return permit;
  };
  const run = (outcome: Outcome, nowMs: number, times = 1): void => {
    for (let time = 0; time < times; time += 1) admit(nowMs).settle(outcome, nowMs);
  };
  return { bench, circuit, moves, run, admit };
}

/** A circuit that was opened at 0 and is half-open from 30,000 on. */
function opened(rules: Partial<SimpleRules> = {}): Setup {
  const made = setup(rules);
  made.run("failure", 0, 4);
  expect(made.circuit.snapshot(0).state).toBe("open");
  return made;
}

test("it opens when the ratio is reached, not only when it is passed", () => {
  const { circuit, run } = setup();
  run("success", 0, 2);
  run("failure", 0);
  expect(circuit.snapshot(0).state).toBe("closed");
  run("failure", 0);
  expect(circuit.snapshot(0)).toMatchObject({ state: "open", failures: 2, calls: 4, failureRatio: 0.5 });
});

test.each([
  [1, 4, 4],
  [0.5, 4, 2],
  [0.51, 4, 3],
  [0.25, 4, 1],
  [0.001, 4, 1],
  [0.7, 10, 7],
  [0.07, 100, 7],
  [0.29, 100, 29],
  [1, 20, 20],
])(
  "at a ratio of %d, %d calls open it with %d failures and not with one less",
  (failureRatio, calls, needed) => {
    expect(failuresNeeded(failureRatio, calls)).toBe(needed);
    for (const failures of [needed - 1, needed]) {
      const { circuit, run } = setup({ failureRatio, minimumCalls: calls });
      run("success", 0, calls - failures);
      run("failure", 0, failures);
      expect(circuit.snapshot(0).state).toBe(failures === needed ? "open" : "closed");
    }
  },
);

test("the failures needed are the fewest whose share reaches the ratio", () => {
  for (let calls = 1; calls <= 60; calls += 1) {
    for (let percent = 1; percent <= 100; percent += 1) {
      const needed = failuresNeeded(percent / 100, calls);
      expect(needed / calls >= percent / 100 && (needed - 1) / calls < percent / 100).toBe(true);
    }
  }
});

test("it never opens on fewer than the minimum of calls", () => {
  const { circuit, run } = setup();
  run("failure", 0, 3);
  expect(circuit.snapshot(0).state).toBe("closed");
  run("failure", 0);
  expect(circuit.snapshot(0).state).toBe("open");
});

test("a success that completes the minimum opens it when enough calls before it failed", () => {
  const { circuit, run } = setup();
  run("failure", 0, 3);
  run("success", 0);
  expect(circuit.snapshot(0)).toMatchObject({ state: "open", failures: 3, calls: 4 });
});

test("failures that are older than the window do not open it, after traffic or after silence", () => {
  for (const laterMs of [10_000, 10_500, 3_600_000]) {
    const { circuit, run } = setup();
    run("failure", 0, 3);
    run("failure", laterMs, 3);
    expect(circuit.snapshot(laterMs)).toMatchObject({ state: "closed", failures: 3, calls: 3 });
  }
});

test("a snapshot forgets with time, without any call", () => {
  const { circuit, run } = setup();
  run("failure", 0, 3);
  expect(circuit.snapshot(9_999)).toMatchObject({ failures: 3, calls: 3, failureRatio: 1 });
  expect(circuit.snapshot(10_000)).toMatchObject({ failures: 0, calls: 0, failureRatio: 0 });
});

test("the last outcomes are judged instead of a time where that was asked for", () => {
  const { circuit, run } = setup({ window: { count: 4 } });
  run("failure", 0);
  run("success", 0, 4);
  run("failure", 3_600_000);
  expect(circuit.snapshot(3_600_000)).toMatchObject({ state: "closed", failures: 1, calls: 4 });
  run("failure", 7_200_000);
  expect(circuit.snapshot(7_200_000)).toMatchObject({
    state: "open",
    reason: "2 of the last 4 calls failed; at least 2 needed",
  });
});

test("open, it rejects until its time is over, and says how long that is", () => {
  const { circuit, admit } = opened();
  for (const [nowMs, retryAfterMs] of [
    [0, 30_000],
    [29_999, 1],
  ] as const) {
    expect(circuit.admit(nowMs)).toBe(-1);
    expect(circuit.retryAfterMs(nowMs)).toBe(retryAfterMs);
  }
  admit(30_000);
  expect(circuit.snapshot(30_000)).toMatchObject({ state: "halfOpen", rejected: 2 });
});

test("every change of state says why", () => {
  const { circuit, moves, run } = setup({ minimumCalls: 20 });
  run("success", 0, 6);
  run("failure", 0, 14);
  run("success", 30_000);
  run("failure", 30_000, 2);
  run("failure", 60_000);
  run("success", 60_000, 2);
  expect(moves).toEqual([
    { from: "closed", to: "open", reason: "14 of 20 calls failed in 10 s; at least 10 needed" },
    { from: "open", to: "halfOpen", reason: "30 s have passed since it opened" },
    { from: "halfOpen", to: "open", reason: "2 of 3 probes failed; at least 2 needed" },
    { from: "open", to: "halfOpen", reason: "30 s have passed since it opened" },
    { from: "halfOpen", to: "closed", reason: "2 of 3 probes succeeded" },
  ]);
  expect(circuit.snapshot(60_000)).toMatchObject({
    reason: "2 of 3 probes succeeded",
    failures: 0,
    calls: 0,
  });
});

test("a snapshot turns half-open by itself when the time has come", () => {
  const { circuit } = opened();
  expect(circuit.snapshot(29_999)).toMatchObject({ state: "open", retryAfterMs: 1 });
  expect(circuit.snapshot(30_000)).toMatchObject({ state: "halfOpen", retryAfterMs: undefined });
});

test("half-open admits its probes and turns everybody else away, with the time to come back", () => {
  const { circuit, admit } = opened();
  for (let probe = 0; probe < 3; probe += 1) admit(30_000);
  expect(circuit.admit(31_000)).toBe(-1);
  expect(circuit.retryAfterMs(31_000)).toBe(4_000);
});

test("half-open closes when all probes have answered and too few of them failed", () => {
  const { circuit, admit } = opened();
  const probes = [admit(30_000), admit(30_000), admit(30_000)];
  probes[0]?.settle("success", 30_100);
  probes[1]?.settle("failure", 30_100);
  expect(circuit.snapshot(30_100)).toMatchObject({ state: "halfOpen", failures: 1, calls: 2 });
  expect(circuit.admit(30_100)).toBe(-1);
  probes[2]?.settle("success", 30_200);
  expect(circuit.snapshot(30_200)).toMatchObject({ state: "closed", failures: 0, calls: 0 });
});

test("half-open opens again as soon as enough probes failed, for the whole time", () => {
  const { circuit, admit } = opened();
  const probes = [admit(30_000), admit(30_000), admit(30_000)];
  probes[0]?.settle("failure", 30_100);
  probes[1]?.settle("failure", 30_200);
  expect(circuit.snapshot(30_200)).toMatchObject({ state: "open", retryAfterMs: 30_000 });
  probes[2]?.settle("success", 30_300);
  expect(circuit.snapshot(30_300)).toMatchObject({ state: "open", stale: 1 });
});

test("a probe that says nothing about health frees its place for another", () => {
  const { circuit, admit } = opened({ probes: 1 });
  for (let round = 0; round < 50; round += 1) {
    admit(30_000 + round).settle("ignored", 30_000 + round);
    expect(circuit.snapshot(30_000 + round)).toMatchObject({ state: "halfOpen", calls: 0 });
  }
  admit(30_100).settle("success", 30_100);
  expect(circuit.snapshot(30_100).state).toBe("closed");
});

test("an outcome from before the last change of state moves nothing", () => {
  for (const late of ["success", "failure", "ignored"] as const) {
    const { circuit, run, admit, moves } = setup({ probes: 1 });
    const slowWhileClosed = [admit(0), admit(0)];
    run("failure", 0, 4);
    slowWhileClosed[0]?.settle(late, 10_000);
    expect(circuit.snapshot(10_000)).toMatchObject({ state: "open", stale: 1 });
    const probe = admit(30_000);
    slowWhileClosed[1]?.settle(late, 30_100);
    expect(circuit.snapshot(30_100)).toMatchObject({ state: "halfOpen", calls: 0, stale: 2 });
    expect(circuit.admit(30_100)).toBe(-1);
    probe.settle("success", 30_200);
    expect(circuit.snapshot(30_200)).toMatchObject({ state: "closed", calls: 0 });
    expect(moves.map(({ to }) => to)).toEqual(["open", "halfOpen", "closed"]);
  }
});

test("a call of an earlier closed time does not count in the next one", () => {
  const { circuit, run, admit } = setup({ minimumCalls: 1, failureRatio: 1, probes: 1 });
  const slow = admit(0);
  run("failure", 0);
  run("success", 30_000);
  slow.settle("failure", 30_001);
  expect(circuit.snapshot(30_001)).toMatchObject({ state: "closed", calls: 0, stale: 1 });
});

test("settling a permit twice does nothing", () => {
  const { circuit, admit } = setup();
  const permit = admit(0);
  for (const outcome of ["failure", "failure", "success"] as const) permit.settle(outcome, 0);
  expect(circuit.snapshot(0)).toMatchObject({ failures: 1, calls: 1, stale: 0 });
  const half = opened();
  const probe = half.admit(30_000);
  for (let time = 0; time < 5; time += 1) probe.settle("ignored", 30_000);
  for (let place = 0; place < 3; place += 1) half.admit(30_000);
  expect(half.circuit.admit(30_000)).toBe(-1);
});

test("probes that never end are replaced after their time, and their late results move nothing", () => {
  const { circuit, admit, moves } = opened({ probes: 2 });
  const hung = [admit(30_000), admit(31_000)];
  expect(circuit.admit(35_999)).toBe(-1);
  expect(circuit.retryAfterMs(35_999)).toBe(1);
  const fresh = [admit(36_000), admit(36_000)];
  expect(moves.at(-1)).toEqual({
    from: "halfOpen",
    to: "halfOpen",
    reason: "2 of 2 probes did not end within 5 s",
  });
  for (const probe of hung) probe.settle("failure", 36_100);
  expect(circuit.snapshot(36_100)).toMatchObject({ state: "halfOpen", calls: 0, stale: 2 });
  expect(circuit.admit(36_100)).toBe(-1);
  for (const probe of fresh) probe.settle("success", 36_200);
  expect(circuit.snapshot(36_200).state).toBe("closed");
});

test("what other probes have answered still counts when a hung one is replaced", () => {
  const { circuit, admit } = opened();
  admit(30_000);
  admit(30_000).settle("success", 30_100);
  admit(30_000).settle("success", 30_100);
  admit(35_000).settle("success", 35_100);
  expect(circuit.snapshot(35_100).state).toBe("closed");
});

test("at little traffic, probes may come as far apart as they like", () => {
  const { circuit, run } = opened();
  const hourMs = 3_600_000;
  for (let probe = 1; probe <= 3; probe += 1) run("success", probe * hourMs);
  expect(circuit.snapshot(3 * hourMs).state).toBe("closed");
});

test("many failures at one moment open it once, and it still comes back", () => {
  const { circuit, admit, moves } = setup();
  const permits = Array.from({ length: 50 }, () => admit(0));
  for (const permit of permits) permit.settle("failure", 0);
  expect(moves).toHaveLength(1);
  expect(circuit.snapshot(0)).toMatchObject({ failures: 4, stale: 46 });
  expect(circuit.admit(30_000)).toBeGreaterThan(0);
});

test("who listens to a change sees the state after it", () => {
  const { bench, run } = setup({ window: { count: 1 }, failureRatio: 1, minimumCalls: 1 });
  const seen: string[] = [];
  bench.onMove = ({ to }) => seen.push(`${to}: ${bench.circuit.snapshot(0).state}`);
  run("failure", 0);
  expect(seen).toEqual(["open: open"]);
});
