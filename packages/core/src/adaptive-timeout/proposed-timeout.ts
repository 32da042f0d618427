import type { LatencyHistogram } from "../latency/latency-histogram.ts";
import { upperBoundLevel } from "../latency/order-statistic.ts";

/** Where the tail is this near to the median, a small slowdown of everything would time everything out. */
const narrow = 2;
const narrowPadding = 1.5;

/**
 * A timeout for which latencies speak: above their quantile with 95 % confidence, and padded. `Infinity` while
 * there are too few of them, or too many were cut short to tell.
 */
export function proposedTimeoutMs(
  histogram: LatencyHistogram,
  quantile: number,
  padding: number,
  nowMs: number,
): number {
  const level = upperBoundLevel(quantile, histogram.size(nowMs));
  if (level === undefined) return Number.POSITIVE_INFINITY;
  const boundMs = histogram.quantileMs(level, nowMs);
  const isNarrow = boundMs < narrow * histogram.quantileMs(0.5, nowMs);
  return boundMs * (isNarrow ? Math.max(padding, narrowPadding) : padding);
}
