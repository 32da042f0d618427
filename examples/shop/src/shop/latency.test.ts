import { expect, test } from "vitest";
import { RecentLatency } from "./latency.ts";

test("percentiles cover the last minute and forget what is older", () => {
  let nowMs = 0;
  const latency = new RecentLatency(() => nowMs);
  for (let ms = 1; ms <= 1_000; ms += 1) latency.record(ms);
  nowMs = 10_000;
  const { p50Ms, p99Ms, p999Ms, perSecond } = latency.snapshot();
  expect(p50Ms).toBeCloseTo(500, -1);
  expect(p99Ms).toBeCloseTo(990, -1);
  expect(p999Ms).toBeCloseTo(999, -1);
  expect(perSecond).toBe(100);

  nowMs = 59_999;
  expect(latency.snapshot().p50Ms).not.toBeNull();
  nowMs = 60_000;
  expect(latency.snapshot()).toEqual({ perSecond: 0, p50Ms: null, p99Ms: null, p999Ms: null });
});

test("who leaves before the answer counts as having waited, not as answered", () => {
  let nowMs = 0;
  const latency = new RecentLatency(() => nowMs);
  latency.record(100);
  latency.record(2_000, false);
  nowMs = 1_000;
  expect(latency.snapshot()).toMatchObject({ perSecond: 1 });
  expect(latency.snapshot().p99Ms).toBeCloseTo(2_000, -1);
});

test("a slice that is used again starts empty", () => {
  let nowMs = 0;
  const latency = new RecentLatency(() => nowMs);
  latency.record(5_000);
  nowMs = 60_000;
  latency.record(10);
  expect(latency.snapshot().p999Ms).toBeCloseTo(10, 0);
});
