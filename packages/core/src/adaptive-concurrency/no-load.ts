import type { Random } from "../clock/clock.ts";
import { clampLimit, type LimitRules, type LimitSample, type LimitState } from "./limit-algorithm.ts";

/** How the latency without load is measured again. */
export interface NoLoadRules extends LimitRules {
  /** After so many windows, or a random part of them from half on. */
  readonly probeEvery: number;
  readonly random: Random;
}

export interface NoLoadState extends LimitState {
  /** Windows until the next measurement. */
  readonly probeIn: number;
  readonly probing: boolean;
}

/**
 * What the calls let in for a measurement are of those that fit without a queue. Below 1, so that a latency that
 * was itself measured in a queue is found out: each measurement is then made with a shorter queue than the last.
 */
const drain = 0.75;

export function beginNoLoad(limit: number, baselineMs: number | undefined, rules: NoLoadRules): NoLoadState {
  const clamped = clampLimit(limit, rules);
  return {
    limit: clamped,
    allowed: clamped,
    baselineMs,
    cause: "steady",
    probeIn: nextProbe(rules),
    probing: false,
  };
}

/** The state after a sample that changes the limit for a measurement or ends one; undefined when it does neither. */
export function probe<S extends NoLoadState>(
  state: S,
  sample: LimitSample,
  rules: NoLoadRules,
): S | undefined {
  const { limit, baselineMs } = state;
  if (state.probing) {
    const probeIn = nextProbe(rules);
    const { latencyMs } = sample;
    return { ...state, allowed: limit, baselineMs: latencyMs, probeIn, probing: false, cause: "measured" };
  }
  if (baselineMs === undefined || state.probeIn > 0) return undefined;
  // Without load so many calls are on their way at this throughput (Little's law); the rest waits over there.
  const fitting = limit * Math.min(1, baselineMs / sample.latencyMs);
  const allowed = clampLimit(fitting * drain, rules);
  // Nothing can be drained: the latency is what it is without load as far as we can tell.
  if (Math.floor(allowed) >= Math.floor(limit)) {
    return {
      ...state,
      baselineMs: sample.latencyMs,
      probeIn: nextProbe(rules),
      cause: "measured",
    };
  }
  return { ...state, allowed, probing: true, cause: "measuring" };
}

/** A window counts as one; of smaller samples it takes as many as the limit. */
export function countDown<S extends NoLoadState>(state: S, sample: LimitSample): S {
  return { ...state, probeIn: state.probeIn - Math.min(1, sample.calls / state.limit) };
}

function nextProbe({ probeEvery, random }: NoLoadRules): number {
  return probeEvery * (0.5 + random() / 2);
}
