import { causeOf, clampLimit, type LimitAlgorithm } from "./limit-algorithm.ts";
import { comparing, type NoLoadRules, type NoLoadState } from "./no-load.ts";

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
  return comparing(rules, {
    isLower: () => false,
    move(limit, latencyMs, baselineMs) {
      const slope = Math.max(0.5, Math.min(2, (baselineMs * (1 + rules.buffer)) / latencyMs));
      const next = clampLimit(gradientLimit(limit, slope), rules);
      return { limit: next, cause: causeOf(next, limit) };
    },
  });
}
