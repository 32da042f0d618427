import { expect, test } from "vitest";
import { adaptiveSettings } from "./adaptive-concurrency-options.ts";
import { chooseAlgorithm } from "./choose-algorithm.ts";
import type { LimitSample } from "./limit-algorithm.ts";
import type { Controlled } from "./limiter.ts";

/** The algorithm as a policy has it, with every slot in use and a latency of 10 ms without load. */
function begun(algorithm: "aimd" | "gradient" | "gradient2" | "vegas", limit = 100, more = {}): Controlled {
  const settings = adaptiveSettings("adaptiveConcurrency", { algorithm, max: 1_000, ...more });
  // The next measurement is as far away as can be.
  return chooseAlgorithm(settings, () => 1, limit, 10);
}

const at = (latencyMs: number, more: Partial<LimitSample> = {}): LimitSample => ({
  latencyMs,
  calls: 1_000,
  inFlight: 1_000,
  dropped: false,
  ...more,
});

const dropped = at(0, { dropped: true });
const unused = at(10, { inFlight: 10 });

test.each([
  ["aimd", at(10), "room", 101],
  ["aimd", at(5_001), "queueing", 90],
  ["aimd", dropped, "dropped", 90],
  ["aimd", unused, "appLimited", 100],
  ["gradient", at(10), "room", 135],
  ["gradient", at(20), "queueing", 72.5],
  ["gradient", at(1_000), "queueing", 60],
  ["gradient", at(10 * 1.25 * (10 / 9)), "steady", 100],
  ["gradient", dropped, "dropped", 90],
  ["gradient", unused, "appLimited", 100],
  ["gradient2", at(10), "room", 100.8],
  ["gradient2", at(1_000), "queueing", 90.8],
  ["gradient2", dropped, "dropped", 90],
  ["gradient2", unused, "appLimited", 100],
  ["vegas", at(10), "room", 112],
  ["vegas", at(10.4), "room", 102],
  ["vegas", at(10.7), "steady", 100],
  ["vegas", at(11), "steady", 100],
  ["vegas", at(12), "queueing", 98],
  ["vegas", at(9), "measured", 100],
  ["vegas", dropped, "dropped", 90],
  ["vegas", unused, "appLimited", 100],
] as const)("%s says why the limit is what it is: %o is %s", (algorithm, sample, cause, limit) => {
  const chosen = begun(algorithm);
  expect(chosen.state.cause).toBe("steady");
  chosen.step(sample);
  expect(chosen.state.cause).toBe(cause);
  expect(chosen.state.limit).toBeCloseTo(limit, 6);
  expect(chosen.state.allowed).toBe(chosen.state.limit);
});

test("vegas moves by the decades of its limit, and bears so many times more queue", () => {
  // Queue, of 1,000 calls in flight: up to 3 is none, below 9 is little, above 18 is too long.
  const after = (queue: number): number => {
    const chosen = begun("vegas", 1_000, { max: 2_000 });
    chosen.step(at(10 / (1 - (queue - 0.5) / 1_000)));
    return chosen.state.limit;
  };
  expect([3, 4, 8, 9, 18, 19].map(after)).toEqual([1_018, 1_003, 1_003, 1_000, 1_000, 997]);
});

test("without a latency to compare with the first one is taken, and nothing moves", () => {
  for (const algorithm of ["gradient", "vegas"] as const) {
    const settings = adaptiveSettings("adaptiveConcurrency", { algorithm });
    const chosen = chooseAlgorithm(settings, () => 0, 20);
    chosen.step(at(10));
    expect(chosen.state).toMatchObject({ limit: 20, allowed: 20, baselineMs: 10, cause: "measured" });
  }
});

test("a measurement comes after half to all of its windows, as chance has it", () => {
  const windowsUntil = (random: number): number => {
    const settings = adaptiveSettings("adaptiveConcurrency", { gradient: { probeEvery: 8 } });
    const chosen = chooseAlgorithm(settings, () => random, 20, 10);
    for (let windows = 1; windows < 100; windows += 1) {
      chosen.step(at(10));
      if (chosen.state.cause === "measuring") return windows;
    }
    return Number.NaN;
  };
  expect([0, 0.5, 1].map(windowsUntil)).toEqual([4, 6, 8]);
});

test("of samples smaller than the limit it takes as many as the limit to make a window", () => {
  const settings = adaptiveSettings("adaptiveConcurrency", { max: 20, gradient: { probeEvery: 4 } });
  const chosen = chooseAlgorithm(settings, () => 0, 20, 10);
  let samples = 0;
  while (chosen.state.cause !== "measuring") {
    samples += 1;
    chosen.step(at(10, { calls: 5 }));
  }
  // Two windows of the limit of 20.
  expect(samples).toBe(8);
});

test("where nothing can be drained the latency of now is taken at once for the one without load", () => {
  const settings = adaptiveSettings("adaptiveConcurrency", { min: 3, max: 3, gradient: { probeEvery: 2 } });
  const chosen = chooseAlgorithm(settings, () => 0, 3, 10);
  chosen.step(at(50));
  expect(chosen.state).toMatchObject({ limit: 3, allowed: 3, baselineMs: 50, cause: "measured" });
});
