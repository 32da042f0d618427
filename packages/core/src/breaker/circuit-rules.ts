import type { OpenTimeRules } from "./open-time.ts";
import type { WindowShape } from "./outcome-window.ts";

/** What a circuit goes by. Many circuits share one object, and it is replaced as a whole. */
export interface CircuitRules {
  /** The first one that is reached opens the circuit. */
  readonly trips: readonly RatioRule[];
  /** `Infinity` where failures in a row do not matter. */
  readonly consecutiveFailures: number;
  readonly slowCall: SlowCallRule | undefined;
  readonly openTime: OpenTimeRules;
  readonly probes: number;
  /** Half-open: opens again when this share of the probes fails. Range: above 0, at most 1. */
  readonly probeFailureRatio: number;
  readonly maxHalfOpenMs: number;
  /** 0: everybody is let through at once. */
  readonly rampUpMs: number;
}

export interface RatioRule {
  readonly window: WindowShape;
  /** Range: above 0, at most 1. */
  readonly failureRatio: number;
  readonly minimumCalls: number;
}

export interface SlowCallRule {
  readonly window: WindowShape;
  readonly afterMs: number;
  /** Range: above 0, at most 1. */
  readonly ratio: number;
  readonly minimumCalls: number;
}

/** Smallest number of failures that reaches the ratio; found by division, as `0.7 * 10` is above 7. */
export function failuresNeeded(ratio: number, calls: number): number {
  const needed = Math.ceil(ratio * calls);
  return (needed - 1) / calls >= ratio ? needed - 1 : needed;
}
