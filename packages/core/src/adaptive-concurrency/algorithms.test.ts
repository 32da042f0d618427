import { expect, test } from "vitest";
import { aimd } from "./aimd.ts";
import { gradient, gradientLimit } from "./gradient.ts";
import { gradient2 } from "./gradient2.ts";
import type { LimitAlgorithm, LimitSample, LimitState } from "./limit-algorithm.ts";
import { decades, type VegasRules, vegas } from "./vegas.ts";

const bounds = { min: 1, max: 1_000, backoffRatio: 0.9 };
/** No measurement comes in between. */
const never = { probeEvery: 1_000_000, random: () => 0 };

function sample(latencyMs: number, inFlight: number, more: Partial<LimitSample> = {}): LimitSample {
  return { latencyMs, inFlight, calls: 1, dropped: false, ...more };
}

const drop = sample(0, 1, { dropped: true });

/** The whole limits after each sample. */
function limits<S extends LimitState>(
  algorithm: LimitAlgorithm<S>,
  begin: number,
  samples: readonly LimitSample[],
): number[] {
  let state = algorithm.begin(begin);
  return samples.map((each) => {
    state = algorithm.step(state, each);
    return Math.floor(state.limit);
  });
}

// The tests of Netflix concurrency-limits, VegasLimitTest and AIMDLimitTest at 78a74b9, as numbers.

const netflixVegas: VegasRules = {
  ...bounds,
  max: 20,
  smoothing: 1,
  alpha: () => 3,
  beta: () => 6,
  threshold: decades,
  increase: (limit) => limit + decades(limit),
  decrease: (limit) => limit - decades(limit),
  ...never,
};
const netflixVegasDefault: VegasRules = {
  ...netflixVegas,
  max: 1_000,
  alpha: (limit) => 3 * decades(limit),
  beta: (limit) => 6 * decades(limit),
};

test.each([
  ["grows by beta while there is no queue", [sample(10, 10), sample(10, 11)], [10, 16]],
  ["shrinks when the queue is longer than beta", [sample(10, 10), sample(50, 11)], [10, 9]],
  ["stays while the queue is between alpha and beta", [sample(10, 10), sample(14, 14)], [10, 10]],
])("Vegas as published: %s", (_, samples, expected) => {
  expect(limits(vegas(netflixVegas), 10, samples)).toEqual(expected);
});

test("Vegas as published: a large limit moves by more", () => {
  const rules = { ...netflixVegasDefault, max: 20_000 };
  expect(limits(vegas(rules), 10_000, [sample(10_000, 5_000), sample(10_000, 6_000)])).toEqual([
    10_000, 10_024,
  ]);
});

test("Vegas as published: smoothing takes half of each halving", () => {
  const samples = [sample(10, 100), sample(20, 100), sample(20, 100)];
  const halving = { ...netflixVegasDefault, max: 200, decrease: (limit: number) => limit / 2 };
  expect(limits(vegas({ ...halving, smoothing: 0.5 }), 100, samples)).toEqual([100, 75, 56]);
  expect(limits(vegas(halving), 100, samples)).toEqual([100, 50, 25]);
});

test("Vegas grows slowly while the queue is manageable", () => {
  // limit 30, queue ceil(30 * (1 - 10 / 10.7)) = 2: above the threshold of 1, below the alpha of 3.
  expect(limits(vegas(netflixVegasDefault), 30, [sample(10, 30), sample(10.7, 30)])).toEqual([30, 31]);
  // A queue of ceil(10 * (1 - 10 / 11)) = 1 is at the threshold and counts as none.
  expect(limits(vegas(netflixVegasDefault), 10, [sample(10, 10), sample(11, 10)])).toEqual([10, 16]);
});

test("AIMD as published: one more for a success, a tenth fewer for a drop or a call that is too slow", () => {
  const rules = { ...bounds, min: 20, max: 200, slowAfterMs: 1_000 };
  expect(limits(aimd(rules), 20, [sample(1, 10)])).toEqual([21]);
  expect(limits(aimd(rules), 30, [drop])).toEqual([27]);
  expect(limits(aimd(rules), 30, [sample(1_000, 15), sample(1_000.001, 0)])).toEqual([31, 27]);
  expect(limits(aimd({ ...rules, max: 21 }), 21, [sample(1, 11)])).toEqual([21]);
  expect(limits(aimd(rules), 21, [drop])).toEqual([20]);
});

const netflixGradient2 = {
  ...bounds,
  min: 20,
  max: 200,
  queueSize: 4,
  smoothing: 0.2,
  longWindow: 600,
  tolerance: 1.5,
};

test("Gradient2 as published: at an even latency it grows from 20 to 200 in 225 samples", () => {
  const grown = limits(gradient2(netflixGradient2), 20, Array(226).fill(sample(10, 200)));
  expect(grown.indexOf(200) + 1).toBe(225);
  expect(grown.slice(0, 3)).toEqual([20, 21, 22]);
});

test("Gradient2 as published: at six times the latency it shrinks to 180.8, 163.52, 147.968", () => {
  const algorithm = gradient2(netflixGradient2);
  let state = algorithm.begin(20);
  for (let index = 0; index < 226; index += 1) state = algorithm.step(state, sample(10, 200));
  const shrunk: number[] = [];
  for (let index = 0; index < 3; index += 1) {
    state = algorithm.step(state, sample(60, 200));
    shrunk.push(state.limit);
  }
  for (const [index, limit] of [180.8, 163.52, 147.968].entries())
    expect(shrunk[index]).toBeCloseTo(limit, 9);
});

test("Gradient2's long average warms up as a plain one, then looks back on its window", () => {
  const algorithm = gradient2({ ...netflixGradient2, longWindow: 19 });
  let state = algorithm.begin(20);
  for (let index = 1; index <= 10; index += 1) state = algorithm.step(state, sample(index, 20));
  expect(state.baselineMs).toBeCloseTo(5.5, 9);
  state = algorithm.step(state, sample(15.5, 20));
  expect(state.baselineMs).toBeCloseTo(6.5, 9);
});

test("Gradient2 forgets a long average that was inflated by an overload a tenth at a time", () => {
  const algorithm = gradient2(netflixGradient2);
  const state = algorithm.step(algorithm.begin(20, 100), sample(10, 1));
  expect(state.baselineMs).toBeCloseTo((100 * (1 - 2 / 601) + 10 * (2 / 601)) * 0.9, 9);
});

test.each([
  [0.9, 100],
  [0.95, 400],
  [0.5, 4],
])("a gradient of %d that stays has the stationary limit 1 / (1 - g)^2 = %d", (slope, limit) => {
  expect(gradientLimit(limit, slope)).toBeCloseTo(limit, 9);
  const algorithm = gradient({ ...bounds, buffer: 0, ...never });
  let state = algorithm.step(algorithm.begin(20), sample(10, 20));
  for (let round = 0; round < 2_000; round += 1) state = algorithm.step(state, sample(10 / slope, 1_000));
  expect(state.limit).toBeCloseTo(limit, 6);
});

test("against a server that works on 100 at a time the gradient with a quarter's buffer settles at 136.69", () => {
  const algorithm = gradient({ ...bounds, buffer: 0.25, ...never });
  let state = algorithm.step(algorithm.begin(20), sample(10, 20));
  for (let round = 0; round < 200; round += 1) {
    state = algorithm.step(state, sample(10 * Math.max(1, state.limit / 100), state.limit));
  }
  expect(state.limit).toBeCloseTo(136.69, 2);
});

const all: [string, LimitAlgorithm][] = [
  ["aimd", aimd({ ...bounds, slowAfterMs: 5_000 })],
  ["vegas", vegas(netflixVegasDefault) as LimitAlgorithm],
  ["gradient", gradient({ ...bounds, buffer: 0.25, ...never }) as LimitAlgorithm],
  ["gradient2", gradient2({ ...netflixGradient2, min: 1 }) as LimitAlgorithm],
];

test.each(all)("%s does not move while fewer than half of the slots are used", (_, algorithm) => {
  const even = [sample(10, 20), sample(10, 9), sample(10, 9), sample(10, 9)];
  const after = limits(algorithm, 20, even);
  expect(after.slice(1)).toEqual(Array(3).fill(after[0]));
  const used = [sample(10, 9), sample(10, 10), sample(10, 10), sample(10, 12)];
  expect(limits(algorithm, 20, used).at(-1)).toBeGreaterThan(20);
});

test.each(all)(
  "%s gives up a tenth for a drop, however fast it came, and never more than to its least",
  (_, a) => {
    let state = a.step(a.begin(100), sample(10, 1));
    state = a.step(state, { ...drop, latencyMs: 0.01 });
    expect(Math.floor(state.limit)).toBe(90);
    // A drop is no latency: what latencies are compared with stays.
    expect(state.baselineMs === undefined || state.baselineMs === 10).toBe(true);
    for (let index = 0; index < 10_000; index += 1) state = a.step(state, drop);
    expect([state.limit, state.allowed]).toEqual([1, 1]);
  },
);

test.each(all)("%s stays finite and within its bounds for 10,000 samples of any size", (_, algorithm) => {
  const latencies = [Number.MIN_VALUE, 0.1, 1, 10, 1e6, Number.MAX_VALUE];
  let state = algorithm.begin(20);
  for (let index = 0; index < 10_000; index += 1) {
    const latencyMs = latencies[(index * 7 + (index >> 3)) % latencies.length] ?? 1;
    state = algorithm.step(state, sample(latencyMs, index % 1_500, { dropped: index % 11 === 0 }));
    const { limit, allowed } = state;
    // Written so that NaN fails as well.
    if (!(limit >= 1 && limit <= 1_000 && allowed >= 1 && allowed <= limit))
      expect.fail(`${limit}, ${allowed}`);
  }
});

test("the latency without load is measured with fewer calls than fit, and the limit is kept meanwhile", () => {
  const algorithm = gradient({ ...bounds, buffer: 0.25, probeEvery: 6, random: () => 0 });
  let state = algorithm.begin(100);
  const step = (latencyMs: number): void => {
    state = algorithm.step(state, sample(latencyMs, 100, { calls: 100 }));
  };
  step(10);
  step(20);
  const { limit } = state;
  expect(state.allowed).toBe(limit);
  step(20);
  // Half of the latency is the queue, so half of the limit fits; three quarters of that are let in.
  expect(state).toMatchObject({ limit, allowed: limit * 0.5 * 0.75, cause: "measuring", probing: true });
  step(12);
  expect(state).toMatchObject({ limit, allowed: limit, baselineMs: 12, cause: "measured", probing: false });
});

test("a drop during a measurement ends it", () => {
  const algorithm = vegas({ ...netflixVegasDefault, probeEvery: 2, random: () => 0 });
  const window = sample(10, 100, { calls: 100 });
  let state = algorithm.begin(100);
  for (let index = 0; index < 2; index += 1) state = algorithm.step(state, window);
  expect(state.probing).toBe(true);
  state = algorithm.step(state, drop);
  expect(state).toMatchObject({ probing: false, limit: 90, allowed: 90, baselineMs: 10 });
});

test("where nothing can be drained the latency of now is the one without load", () => {
  const algorithm = gradient({ ...bounds, min: 3, max: 3, buffer: 0.25, probeEvery: 2, random: () => 0 });
  let state = algorithm.begin(3);
  for (const latencyMs of [10, 50, 50]) {
    state = algorithm.step(state, sample(latencyMs, 3, { calls: 10 }));
  }
  expect(state).toMatchObject({ baselineMs: 50, probing: false, allowed: 3 });
});
