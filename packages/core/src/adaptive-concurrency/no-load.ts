import type { Random } from "../clock/clock.ts";
import {
  afterDrop,
  clampLimit,
  isAppLimited,
  type LimitAlgorithm,
  type LimitCause,
  type LimitRules,
  type LimitSample,
  type LimitState,
} from "./limit-algorithm.ts";

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

/** Where a limit goes by the latency of now against that without load. */
export interface AgainstNoLoad {
  /** Whether a latency this low becomes the one without load without being measured. */
  isLower(latencyMs: number, baselineMs: number): boolean;
  move(
    limit: number,
    latencyMs: number,
    baselineMs: number,
  ): { readonly limit: number; readonly cause: LimitCause };
}

/**
 * What every algorithm does that compares with the latency without load: it takes the first one that it sees, measures
 * it again from time to time with the queue drained, and learns nothing from a limit that nobody needs.
 */
export function comparing(rules: NoLoadRules, { isLower, move }: AgainstNoLoad): LimitAlgorithm<NoLoadState> {
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
      const { latencyMs } = sample;
      if (baselineMs === undefined || isLower(latencyMs, baselineMs)) {
        return { ...state, baselineMs: latencyMs, cause: "measured" };
      }
      if (isAppLimited(sample, limit)) return { ...state, cause: "appLimited" };
      const moved = move(limit, latencyMs, baselineMs);
      return { ...state, limit: moved.limit, allowed: moved.limit, cause: moved.cause };
    },
  };
}

function beginNoLoad(limit: number, baselineMs: number | undefined, rules: NoLoadRules): NoLoadState {
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
function probe(state: NoLoadState, sample: LimitSample, rules: NoLoadRules): NoLoadState | undefined {
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
function countDown(state: NoLoadState, sample: LimitSample): NoLoadState {
  return { ...state, probeIn: state.probeIn - Math.min(1, sample.calls / state.limit) };
}

function nextProbe({ probeEvery, random }: NoLoadRules): number {
  return probeEvery * (0.5 + random() / 2);
}
