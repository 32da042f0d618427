import { expect, test } from "vitest";
import { type Backoff, exponential, fixed, linear } from "./backoff.ts";

const first = (backoff: Backoff, count: number): number[] =>
  Array.from({ length: count }, (_, index) => backoff.ceilingMs(index + 1));

test("a fixed backoff waits the same each time", () => {
  expect(first(fixed("300ms"), 3)).toEqual([300, 300, 300]);
  expect(first(fixed("0ms"), 1)).toEqual([0]);
  expect(fixed("300ms").describe()).toBe("300 ms");
});

test("a linear backoff grows by its step, up to its maximum", () => {
  expect(first(linear("100ms", { max: "350ms" }), 5)).toEqual([100, 200, 300, 350, 350]);
  expect(linear("100ms").ceilingMs(10_000)).toBe(20_000);
  expect(linear("100ms", { max: "2s" }).describe()).toBe("100 ms more each time, at most 2 s");
});

test("an exponential backoff doubles, or grows by its factor, up to its maximum", () => {
  expect(first(exponential("200ms"), 4)).toEqual([200, 400, 800, 1_600]);
  expect(first(exponential("100ms", { factor: 3, max: "1s" }), 4)).toEqual([100, 300, 900, 1_000]);
  expect(first(exponential("1s", { factor: 1 }), 3)).toEqual([1_000, 1_000, 1_000]);
  expect(exponential("200ms").describe()).toBe("200 ms, doubling, at most 20 s");
  expect(exponential("100ms", { factor: 1.5 }).describe()).toBe("100 ms, times 1.5 each time, at most 20 s");
});

test("a first wait that is longer than the usual maximum is its own maximum", () => {
  expect(first(exponential("1m"), 2)).toEqual([60_000, 60_000]);
});

test("ten thousand waits are finite, never shrink and never pass the maximum", () => {
  const maxMs = 20_000;
  for (const backoff of [
    fixed("3s"),
    linear("1ms"),
    exponential("1ms"),
    exponential("3s", { factor: 10 }),
    exponential("1ms", { factor: 1.0001 }),
  ]) {
    let beforeMs = 0;
    for (let retry = 1; retry <= 10_000; retry += 1) {
      const waitMs = backoff.ceilingMs(retry);
      if (!(Number.isFinite(waitMs) && waitMs >= beforeMs && waitMs <= maxMs)) {
        expect.fail(`retry ${retry} of ${backoff.describe()} waits ${waitMs} ms`);
      }
      beforeMs = waitMs;
    }
  }
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => fixed(200 as never)).toThrow("fixed.delay must be a duration with a unit");
  expect(() => linear("0ms")).toThrow("linear.step must lie between 1ms and");
  expect(() => linear("1s", { maximum: "2s" } as never)).toThrow("linear.maximum is not an option");
  expect(() => exponential("200ms", { max: "100ms" })).toThrow(
    'exponential.max must lie between 200ms and 36500d; got "100ms"',
  );
  expect(() => exponential("200ms", { factor: 0.5 })).toThrow(
    "exponential.factor must be a number between 1 and 10; got 0.5",
  );
  expect(() => exponential("200ms", { factor: Number.NaN })).toThrow("got NaN");
});
