import {
  clampLimit,
  isAppLimited,
  type LimitAlgorithm,
  type LimitRules,
  type LimitState,
} from "./limit-algorithm.ts";

export interface AimdRules extends LimitRules {
  /** A latency above it counts as a drop. */
  readonly slowAfterMs: number;
}

/**
 * Additive increase, multiplicative decrease: one more for each window that went well, a tenth fewer for each drop.
 * It needs the other side to refuse or to be late, and then oscillates below what it can serve.
 *
 * Source: Chiu and Jain 1989; the numbers are those of `AIMDLimit` in Netflix concurrency-limits.
 */
export function aimd(rules: AimdRules): LimitAlgorithm {
  const at = (limit: number, cause: LimitState["cause"]): LimitState => {
    const clamped = clampLimit(limit, rules);
    return { limit: clamped, allowed: clamped, baselineMs: undefined, cause };
  };
  return {
    begin: (limit) => at(limit, "steady"),
    step({ limit }, sample) {
      const dropped = sample.dropped || sample.latencyMs > rules.slowAfterMs;
      if (dropped) {
        return at(Math.floor(limit * rules.backoffRatio), sample.dropped ? "dropped" : "queueing");
      }
      return isAppLimited(sample, limit) ? at(limit, "appLimited") : at(limit + 1, "room");
    },
  };
}
