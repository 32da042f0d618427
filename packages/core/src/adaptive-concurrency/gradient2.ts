import {
  afterDrop,
  causeOf,
  clampLimit,
  isAppLimited,
  type LimitAlgorithm,
  type LimitRules,
  type LimitState,
} from "./limit-algorithm.ts";

export interface Gradient2Rules extends LimitRules {
  /** By how much the limit may grow at a time; so many calls are welcome to wait over there. */
  readonly queueSize: number;
  /** How much of a new limit is taken over at once. Range: above 0, at most 1. */
  readonly smoothing: number;
  /** Samples that the long average looks back on. */
  readonly longWindow: number;
  /** How many times the long average a latency may be before it counts as queueing. Range: >= 1. */
  readonly tolerance: number;
}

export interface Gradient2State extends LimitState {
  /** Samples of the warm-up that the long average has had. */
  readonly warmedUp: number;
}

/** For so many samples the long average is a plain one. */
const warmUp = 10;

/**
 * Compares the latency of now with its long average, and lets the limit shrink by their ratio.
 *
 * It is calm where latencies vary by themselves. Its weakness is its memory: the long average follows, so under an
 * overload that lasts for a good part of `longWindow` the limit rises again.
 *
 * Source: `Gradient2Limit` in Netflix concurrency-limits; only what a drop does is ours.
 */
export function gradient2(rules: Gradient2Rules): LimitAlgorithm<Gradient2State> {
  const factor = 2 / (rules.longWindow + 1);
  const longAverage = (state: Gradient2State, latencyMs: number): Gradient2State => {
    const { baselineMs: longMs = 0, warmedUp } = state;
    if (warmedUp >= warmUp) return { ...state, baselineMs: longMs * (1 - factor) + latencyMs * factor };
    return {
      ...state,
      baselineMs: (longMs * warmedUp + latencyMs) / (warmedUp + 1),
      warmedUp: warmedUp + 1,
    };
  };
  const at = (state: Gradient2State, limit: number, cause: LimitState["cause"]): Gradient2State => ({
    ...state,
    limit,
    allowed: limit,
    cause,
  });
  return {
    begin(limit, baselineMs) {
      const clamped = clampLimit(limit, rules);
      const warmedUp = baselineMs === undefined ? 0 : warmUp;
      return { limit: clamped, allowed: clamped, baselineMs, warmedUp, cause: "steady" };
    },
    step(before, sample) {
      if (sample.dropped) return at(before, afterDrop(before.limit, rules), "dropped");
      const state = longAverage(before, sample.latencyMs);
      const longMs = state.baselineMs ?? sample.latencyMs;
      // Back to normal after a long overload: the long average would take as long to forget it.
      const recovered = longMs / sample.latencyMs > 2 ? { ...state, baselineMs: longMs * 0.9 } : state;
      const { limit } = state;
      if (isAppLimited(sample, limit)) return at(recovered, limit, "appLimited");
      // By half at most, so that a few outliers do not shed half of the load.
      const gradient = Math.max(0.5, Math.min(1, (rules.tolerance * longMs) / sample.latencyMs));
      const wanted = limit * gradient + rules.queueSize;
      const smoothed = limit * (1 - rules.smoothing) + wanted * rules.smoothing;
      return at(recovered, clampLimit(smoothed, rules), causeOf(smoothed, limit));
    },
  };
}
