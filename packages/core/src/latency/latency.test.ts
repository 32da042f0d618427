import { seededRandom } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LatencyEstimate } from "./latency-estimate.ts";
import { bucketEndMs, bucketOf, LatencyHistogram } from "./latency-histogram.ts";
import { upperBoundLevel } from "./order-statistic.ts";

function histogramOf(latencies: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram(1e9);
  for (const each of latencies) histogram.observe(each, 0);
  return histogram;
}

test("a latency lies in a bucket that ends at it or at most a sixteenth above it", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), (latencyMs) => {
      const endMs = bucketEndMs(bucketOf(latencyMs));
      expect(endMs).toBeGreaterThanOrEqual(latencyMs);
      expect(endMs).toBeLessThanOrEqual(latencyMs * (17 / 16) + 1 / 16);
    }),
  );
});

test("buckets follow each other without a gap, and what no clock could say has one too", () => {
  for (let bucket = 0; bucket < bucketOf(1e9); bucket += 1) {
    expect(bucketOf(bucketEndMs(bucket))).toBe(bucket);
    expect(bucketOf(bucketEndMs(bucket) + 1 / 16)).toBe(bucket + 1);
  }
  for (const strange of [-1, Number.NaN]) expect(bucketOf(strange)).toBe(0);
  expect(bucketOf(Number.POSITIVE_INFINITY)).toBe(bucketOf(1e9));
});

test("quantiles are those of the sorted latencies, rounded up to a bucket", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.001, max: 1, noNaN: true }),
      (latencies, level) => {
        const sorted = [...latencies].sort((a, b) => a - b);
        const rank = Math.max(0, Math.ceil(level * sorted.length - 1e-9) - 1);
        const exact = sorted[rank] ?? Number.NaN;
        expect(histogramOf(latencies).quantileMs(level, 0)).toBe(bucketEndMs(bucketOf(exact)));
      },
    ),
  );
});

test("a higher level is never answered with a shorter latency, also among calls that were cut short", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 1_000 }))), (calls) => {
      const histogram = new LatencyHistogram(1e9);
      for (const [cut, ms] of calls) {
        if (cut) histogram.censor(ms, 0);
        else histogram.observe(ms, 0);
      }
      let before = 0;
      for (let level = 0.02; level <= 1; level += 0.02) {
        const quantileMs = histogram.quantileMs(level, 0);
        expect(quantileMs).toBeGreaterThanOrEqual(before);
        before = quantileMs;
      }
    }),
  );
});

test("calls that were cut short count as longer: the product-limit estimator on a textbook case", () => {
  const histogram = new LatencyHistogram(1e9);
  // Deaths at 1, 3, 4; censored at 2 and 5. S(1) = 4/5, S(3) = 4/5 * 2/3, S(4) = 4/5 * 2/3 * 1/2.
  for (const ms of [1, 3, 4]) histogram.observe(ms, 0);
  for (const ms of [2, 5]) histogram.censor(ms, 0);
  expect(histogram.quantileMs(0.2, 0)).toBe(bucketEndMs(bucketOf(1)));
  expect(histogram.quantileMs(0.21, 0)).toBe(bucketEndMs(bucketOf(3)));
  expect(histogram.quantileMs(0.466, 0)).toBe(bucketEndMs(bucketOf(3)));
  expect(histogram.quantileMs(0.47, 0)).toBe(bucketEndMs(bucketOf(4)));
  expect(histogram.quantileMs(0.74, 0)).toBe(Number.POSITIVE_INFINITY);
  expect(new LatencyHistogram(1).quantileMs(0.5, 0)).toBe(Number.POSITIVE_INFINITY);
});

test("latencies are forgotten after one to two windows", () => {
  const histogram = new LatencyHistogram(1_000);
  histogram.observe(5, 0);
  histogram.observe(5, 999);
  expect(histogram.size(1_000)).toBe(2);
  histogram.observe(7, 1_500);
  expect(histogram.size(1_999)).toBe(3);
  expect(histogram.size(2_000)).toBe(1);
  expect(histogram.size(10_000)).toBe(0);
});

test("a bound with 95 % confidence needs 299 samples for 0.99 and 2,995 for 0.999, as computed elsewhere", () => {
  expect([298, 299].map((size) => upperBoundLevel(0.99, size))).toEqual([undefined, 1]);
  expect([2_994, 2_995].map((size) => upperBoundLevel(0.999, size))).toEqual([undefined, 1]);
  // 10,000 samples at 0.999: at most 4 above with 2.9 %, at most 5 with 6.7 %; the latter is too many.
  expect(upperBoundLevel(0.999, 10_000)).toBe((10_000 - 4) / 10_000);
});

test("the bound lies above the true quantile in at least 95 of 100 cases, for few samples and for many", () => {
  for (const [quantile, size, rounds] of [
    [0.9, 100, 2_000],
    [0.99, 1_000, 1_000],
    // Beyond a mean of 500 the normal approximation answers.
    [0.5, 1_200, 1_000],
  ] as const) {
    const random = seededRandom(20_261_122);
    const level = upperBoundLevel(quantile, size) ?? Number.NaN;
    let covered = 0;
    for (let round = 0; round < rounds; round += 1) {
      const samples = Float64Array.from({ length: size }, random).sort();
      // Uniform samples: the quantile is the level itself.
      if ((samples[Math.round(level * size) - 1] ?? 0) >= quantile) covered += 1;
    }
    const share = covered / rounds;
    // Exact for few samples but a whole number of them, so a little above 95 % is the rule.
    expect(share, `${quantile} of ${size}`).toBeGreaterThan(0.94);
    expect(share, `${quantile} of ${size}`).toBeLessThan(0.985);
  }
});

test("an estimate is drawn anew after enough calls, or after a time without any", () => {
  let drawn = 0;
  const estimate = new LatencyEstimate(16_000, (histogram, nowMs) => {
    drawn += 1;
    return histogram.quantileMs(1, nowMs);
  });
  for (let call = 0; call < 320; call += 1) estimate.observe(10, 0);
  expect(estimate.figureMs(0)).toBe(bucketEndMs(bucketOf(10)));
  for (let call = 0; call < 9; call += 1) estimate.observe(100, 0);
  expect([estimate.figureMs(0), drawn]).toEqual([bucketEndMs(bucketOf(10)), 1]);
  estimate.observe(100, 0);
  expect([estimate.figureMs(0), drawn]).toEqual([bucketEndMs(bucketOf(100)), 2]);
  expect(estimate.figureMs(999)).toBe(bucketEndMs(bucketOf(100)));
  expect(drawn).toBe(2);
  estimate.figureMs(1_000);
  expect(drawn).toBe(3);
  expect(estimate.latest).toEqual({ figureMs: bucketEndMs(bucketOf(100)), size: 330 });
  expect(estimate.figureMs(100_000)).toBe(Number.POSITIVE_INFINITY);
});
