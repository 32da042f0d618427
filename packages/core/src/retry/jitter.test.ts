import { seededRandom } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Backoff, decorrelated, exponential, fixed, linear } from "../index.ts";
import { jitteredMs, jitters, longestWaitMs } from "./jitter.ts";

const least = (): number => 0;
const most = (): number => 0.999_999_999;

test("each jitter draws from its own range", () => {
  const backoff = exponential("100ms");
  const range = (jitter: (typeof jitters)[number], retry: number, previousMs: number): number[] =>
    [least, most].map((random) => Math.round(jitteredMs(jitter, backoff, retry, previousMs, random)));
  expect(range("none", 3, 200)).toEqual([400, 400]);
  expect(range("full", 3, 200)).toEqual([0, 400]);
  expect(range("equal", 3, 200)).toEqual([200, 400]);
  expect(range("decorrelated", 3, 200)).toEqual([100, 600]);
});

test("a decorrelated wait begins between the first wait and three times it, and never passes the maximum", () => {
  const backoff = decorrelated("100ms", { max: "1s" });
  expect(jitteredMs("decorrelated", backoff, 1, 0, least)).toBe(100);
  expect(jitteredMs("decorrelated", backoff, 1, 0, most)).toBeCloseTo(300, 3);
  expect(jitteredMs("decorrelated", backoff, 5, 900, most)).toBe(1_000);
});

test("ten thousand waits of every kind are finite, not negative and within the longest that is promised", () => {
  const backoffs: Backoff[] = [exponential("1ms"), exponential("3s", { factor: 10 }), linear("7ms")];
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  for (const jitter of jitters) {
    for (const backoff of jitter === "decorrelated"
      ? [...backoffs, decorrelated("5ms")]
      : [...backoffs, fixed("0ms")]) {
      fc.assert(
        fc.property(fc.array(chance, { minLength: 20, maxLength: 20 }), (numbers) => {
          let previousMs = 0;
          for (const [index, number] of numbers.entries()) {
            const waitMs = jitteredMs(jitter, backoff, index + 1, previousMs, () => number);
            expect(waitMs).toBeGreaterThanOrEqual(0);
            expect(waitMs).toBeLessThanOrEqual(longestWaitMs(jitter, backoff, index + 1));
            previousMs = waitMs;
          }
        }),
        { numRuns: 20 },
      );
      const random = seededRandom(7);
      let previousMs = 0;
      for (let retry = 1; retry <= 10_000; retry += 1) {
        previousMs = jitteredMs(jitter, backoff, retry, previousMs, random);
        if (!(previousMs >= 0 && previousMs <= 20_000)) {
          expect.fail(`retry ${retry}, ${jitter}, ${backoff.describe()}: ${previousMs} ms`);
        }
      }
    }
  }
});
