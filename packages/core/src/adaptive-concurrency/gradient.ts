import { afterDrop, clampLimit, isAppLimited, type LimitAlgorithm } from "./limit-algorithm.ts";
import { beginNoLoad, countDown, type NoLoadRules, type NoLoadState, probe } from "./no-load.ts";

export interface GradientRules extends NoLoadRules {
  /** What may be added to the latency without load before it counts as queueing. Range: >= 0; 0.25 is a quarter. */
  readonly buffer: number;
}

/** The limit that follows from a gradient: what fits, and room to grow by the root of it. */
export function gradientLimit(limit: number, gradient: number): number {
  return gradient * limit + Math.sqrt(limit);
}

/**
 * Compares the latency of now with that without load, and moves the limit by their ratio.
 *
 * It settles fast, at a little more than what the other side can work on at a time.
 *
 * Source: the adaptive concurrency filter of Envoy. Ours are what a drop does, and that a measurement lets in as
 * many calls as fit without a queue, where Envoy lets in three.
 */
export function gradient(rules: GradientRules): LimitAlgorithm<NoLoadState> {
  return {
    begin: (limit, baselineMs) => beginNoLoad(limit, baselineMs, rules),
    step(before, sample) {
      if (sample.dropped) {
        const limit = afterDrop(before.limit, rules);
        return { ...before, limit, allowed: limit, probing: false, cause: "dropped" };
      }
      const state = countDown(before, sample);
      const probed = probe(state, sample, rules);
      if (probed !== undefined) return probed;
      const { limit, baselineMs } = state;
      if (baselineMs === undefined) return { ...state, baselineMs: sample.latencyMs, cause: "measured" };
      if (isAppLimited(sample, limit)) return { ...state, cause: "appLimited" };
      const slope = Math.max(0.5, Math.min(2, (baselineMs * (1 + rules.buffer)) / sample.latencyMs));
      const next = clampLimit(gradientLimit(limit, slope), rules);
      const cause = next > limit ? "room" : next < limit ? "queueing" : "steady";
      return { ...state, limit: next, allowed: next, cause };
    },
  };
}
