import { type Duration, durationMs, durationText, show } from "../duration/duration.ts";
import { assertOptions } from "../options/options.ts";
import type { Jitter } from "./jitter.ts";

/** How long to wait before each retry, before jitter. */
export interface Backoff {
  /** Longest wait before the given retry, in milliseconds. The first retry is 1. Finite and >= 0. */
  ceilingMs(retry: number): number;
  /** No wait is longer. For jitter that goes by the wait before; a backoff without it cannot be decorrelated. */
  readonly maxMs?: number | undefined;
  /** The only jitter that makes sense with this backoff. */
  readonly jitter?: Jitter | undefined;
  /** For messages and `explain`: "200 ms, doubling, at most 20 s". */
  describe(): string;
}

export interface LinearOptions {
  /** No wait is longer. @defaultValue "20s", or the first wait where that is longer */
  readonly max?: Duration | undefined;
}

export interface ExponentialOptions extends LinearOptions {
  /** Each wait is this many times the one before. Range: 1 to 10. @defaultValue 2 */
  readonly factor?: number | undefined;
}

/**
 * - `max` 20 s: a longer wait outlives the caller's patience; the AWS SDKs cap theirs there as well
 *   (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
 * - `factor` 2: binary exponential backoff, the field's choice since Ethernet.
 */
export const backoffDefaults: { readonly max: Duration; readonly factor: number } = { max: "20s", factor: 2 };

/** The same wait before every retry. */
export function fixed(delay: Duration): Backoff {
  const delayMs = durationMs("fixed.delay", delay, { minMs: 0 });
  return { ceilingMs: () => delayMs, describe: () => durationText(delayMs) };
}

/** Waits that grow by `step`: 1, 2, 3 … times `step`. */
export function linear(step: Duration, options: LinearOptions = {}): Backoff {
  assertOptions("linear", options, ["max"]);
  const stepMs = durationMs("linear.step", step);
  const maxMs = maximum("linear", stepMs, options.max);
  return {
    maxMs,
    ceilingMs: (retry) => Math.min(maxMs, stepMs * retry),
    describe: () => `${durationText(stepMs)} more each time, at most ${durationText(maxMs)}`,
  };
}

/** Waits that multiply: `first`, then `factor` times the one before. */
export function exponential(first: Duration, options: ExponentialOptions = {}): Backoff {
  assertOptions("exponential", options, ["max", "factor"]);
  const firstMs = durationMs("exponential.first", first);
  const maxMs = maximum("exponential", firstMs, options.max);
  const factor = options.factor ?? backoffDefaults.factor;
  if (typeof factor !== "number" || !(factor >= 1 && factor <= 10)) {
    throw new RangeError(`exponential.factor must be a number between 1 and 10; got ${show(factor)}`);
  }
  return {
    maxMs,
    // The power overflows to Infinity, never to NaN, and the maximum catches it.
    ceilingMs: (retry) => Math.min(maxMs, firstMs * factor ** (retry - 1)),
    describe: () =>
      `${durationText(firstMs)}, ${factor === 2 ? "doubling" : `times ${factor} each time`}, at most ${durationText(maxMs)}`,
  };
}

/**
 * Waits drawn between `first` and three times the wait before, so that each client goes its own way. It is its own
 * jitter; `retry` needs no other option.
 */
export function decorrelated(first: Duration, options: LinearOptions = {}): Backoff {
  assertOptions("decorrelated", options, ["max"]);
  const firstMs = durationMs("decorrelated.first", first);
  const maxMs = maximum("decorrelated", firstMs, options.max);
  return {
    maxMs,
    jitter: "decorrelated",
    ceilingMs: (retry) => Math.min(maxMs, firstMs * 3 ** (retry - 1)),
    describe: () =>
      `from ${durationText(firstMs)} to three times the wait before, at most ${durationText(maxMs)}`,
  };
}

function maximum(path: string, firstMs: number, max: Duration | undefined): number {
  if (max === undefined) return Math.max(firstMs, durationMs("max", backoffDefaults.max));
  return durationMs(`${path}.max`, max, { minMs: firstMs });
}
