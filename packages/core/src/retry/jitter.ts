import type { Random } from "../clock/clock.ts";
import type { Backoff } from "./backoff.ts";

/**
 * How chance spreads the waits of many clients.
 *
 * - `none`: exactly the backoff's wait.
 * - `full`: anything from nothing to the backoff's wait.
 * - `equal`: half of the backoff's wait, and anything up to the other half.
 * - `decorrelated`: anything from the first wait to three times the wait before, at most the backoff's maximum. Before
 *   the first retry the first wait counts as the wait before.
 *
 * Formulas: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export type Jitter = "none" | "full" | "equal" | "decorrelated";

export const jitters: readonly Jitter[] = ["full", "equal", "decorrelated", "none"];

/**
 * The wait before a retry, in milliseconds. Finite and >= 0.
 *
 * @param retry - Counts the first retry as 1.
 * @param previousWaitMs - The wait before the attempt that failed; 0 where there was none.
 */
export function jitteredMs(
  jitter: Jitter,
  backoff: Backoff,
  retry: number,
  previousWaitMs: number,
  random: Random,
): number {
  switch (jitter) {
    case "none":
      return backoff.ceilingMs(retry);
    case "full":
      return random() * backoff.ceilingMs(retry);
    case "equal": {
      const halfMs = backoff.ceilingMs(retry) / 2;
      return halfMs + random() * halfMs;
    }
    case "decorrelated": {
      const firstMs = backoff.ceilingMs(1);
      const upToMs = 3 * Math.max(firstMs, previousWaitMs);
      return Math.min(backoff.maxMs ?? firstMs, firstMs + random() * (upToMs - firstMs));
    }
  }
}

/** Longest wait before the given retry, jitter included. */
export function longestWaitMs(jitter: Jitter, backoff: Backoff, retry: number): number {
  if (jitter !== "decorrelated") return backoff.ceilingMs(retry);
  const firstMs = backoff.ceilingMs(1);
  return Math.min(backoff.maxMs ?? firstMs, firstMs * 3 ** retry);
}

/** Shortest wait before the first retry, jitter included. */
export function leastWaitMs(jitter: Jitter, backoff: Backoff): number {
  if (jitter === "full") return 0;
  return jitter === "equal" ? backoff.ceilingMs(1) / 2 : backoff.ceilingMs(1);
}
