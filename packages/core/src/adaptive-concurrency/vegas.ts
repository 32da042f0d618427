import { causeOf, clampLimit, type LimitAlgorithm } from "./limit-algorithm.ts";
import { comparing, type NoLoadRules, type NoLoadState } from "./no-load.ts";

export interface VegasRules extends NoLoadRules {
  /** How much of a new limit is taken over at once. Range: above 0, at most 1. */
  readonly smoothing: number;
  /** A queue over there shorter than this lets the limit grow. */
  readonly alpha: (limit: number) => number;
  /** A longer one makes it shrink; it also grows by this while there is no queue. */
  readonly beta: (limit: number) => number;
  /** Up to this a queue counts as none. */
  readonly threshold: (limit: number) => number;
  readonly increase: (limit: number) => number;
  readonly decrease: (limit: number) => number;
}

/**
 * Estimates from the latency how many calls wait over there, and keeps that number between two bounds.
 *
 * Source: Brakmo and Peterson 1995 (TCP Vegas), in the form of `VegasLimit` in Netflix concurrency-limits. Ours are
 * what a drop does, and that the latency without load is measured with the queue drained: measured in the queue, as
 * it is there, the limit climbs a little with every measurement.
 */
export function vegas(rules: VegasRules): LimitAlgorithm<NoLoadState> {
  return comparing(rules, {
    isLower: (latencyMs, baselineMs) => latencyMs < baselineMs,
    move(limit, latencyMs, baselineMs) {
      const queue = Math.ceil(limit * (1 - baselineMs / latencyMs));
      const wanted = wantedLimit(limit, queue, rules);
      const next = (1 - rules.smoothing) * limit + rules.smoothing * clampLimit(wanted, rules);
      return { limit: next, cause: causeOf(wanted, limit) };
    },
  });
}

function wantedLimit(limit: number, queue: number, rules: VegasRules): number {
  const beta = rules.beta(limit);
  if (queue <= rules.threshold(limit)) return limit + beta;
  if (queue < rules.alpha(limit)) return rules.increase(limit);
  return queue > beta ? rules.decrease(limit) : limit;
}

/** Whole decades of the limit, at least 1: how fast Vegas moves and how much queue it likes. */
export function decades(limit: number): number {
  return Math.max(1, Math.floor(Math.log10(limit)));
}
