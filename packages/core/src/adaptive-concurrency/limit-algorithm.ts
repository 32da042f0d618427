/** What the calls of one window say together, or that one of them was dropped. */
export interface LimitSample {
  /** Mean of those that succeeded. Range: > 0; means nothing in a drop. */
  readonly latencyMs: number;
  /** How many they are. */
  readonly calls: number;
  /** The most calls that were in flight at a time. */
  readonly inFlight: number;
  /** A call timed out or was throttled by the other side. */
  readonly dropped: boolean;
}

/**
 * Why the limit is what it is after a sample.
 *
 * - `room`: latency shows no queue over there, and the calls needed the limit.
 * - `queueing`: latency shows that calls wait over there.
 * - `dropped`: a call timed out or was throttled.
 * - `steady`: neither.
 * - `appLimited`: fewer than half of the slots were used, so nothing can be told about the limit.
 * - `measuring`: fewer calls are let in for a window, so that the latency without load can be seen.
 * - `measured`: the latency without load is known, or known anew.
 */
export type LimitCause = "room" | "queueing" | "dropped" | "steady" | "appLimited" | "measuring" | "measured";

export interface LimitState {
  /** With its fraction; the whole part counts. */
  readonly limit: number;
  /** Below `limit` while the latency without load is measured. */
  readonly allowed: number;
  /** What latencies are compared with; undefined while unknown, or for an algorithm that compares with nothing. */
  readonly baselineMs: number | undefined;
  readonly cause: LimitCause;
}

/** A rule that moves the limit: `(state, sample) -> state`, without a clock and without a memory of its own. */
export interface LimitAlgorithm<S extends LimitState = LimitState> {
  /** @param baselineMs - Known from before the rules were changed. */
  begin(limit: number, baselineMs?: number): S;
  step(state: S, sample: LimitSample): S;
}

/** What all algorithms have in common. */
export interface LimitRules {
  /** Range: integer >= 1. */
  readonly min: number;
  /** Range: integer >= `min`. */
  readonly max: number;
  /** What a drop leaves of the limit. Range: between 0 and 1. */
  readonly backoffRatio: number;
}

export function clampLimit(limit: number, { min, max }: LimitRules): number {
  return Math.max(min, Math.min(max, limit));
}

/** Why a limit moved that goes by latency. */
export function causeOf(limit: number, before: number): LimitCause {
  if (limit > before) return "room";
  return limit < before ? "queueing" : "steady";
}

/** Fewer than half of the slots were used: that nothing went wrong says nothing about the limit. */
export function isAppLimited(sample: LimitSample, limit: number): boolean {
  return sample.inFlight * 2 < limit;
}

/**
 * The limit after a drop. The same for every algorithm, because a call that was dropped has no latency to reason
 * with: a timeout says how long we waited, and a 503 that comes at once is not a fast answer.
 */
export function afterDrop(limit: number, rules: LimitRules): number {
  return clampLimit(limit * rules.backoffRatio, rules);
}
