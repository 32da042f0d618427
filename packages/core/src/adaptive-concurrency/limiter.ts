import type { LimitAlgorithm, LimitCause, LimitState } from "./limit-algorithm.ts";

/** How samples are gathered into windows. */
export interface WindowRules {
  /** A window lasts at least so long, and at least twice the latency seen in the one before. */
  readonly windowMs: number;
  /** And until so many calls have succeeded in it. */
  readonly minimumCalls: number;
}

/** The last time that the whole limit moved, or that a measurement began. */
export interface LimitMove {
  readonly from: number;
  readonly to: number;
  readonly cause: LimitCause;
  /** Mean latency of the window; undefined for a drop. */
  readonly latencyMs: number | undefined;
  readonly baselineMs: number | undefined;
}

export const turnedAway = -1;

/**
 * Slots whose number follows an algorithm. Pure of clocks and timers: a window ends when a call that ends finds it
 * over.
 *
 * A token is the generation of the call: how often the limit had fallen by a drop, or a measurement had begun, when
 * it was let in. A hundred calls that were under way together and are dropped together are one piece of news, not a
 * hundred, and a call from before a measurement is no part of it.
 */
export class Limiter {
  #rules: WindowRules;
  #current: Controlled;
  #inUse = 0;
  #outliving = 0;
  #generation = 0;
  /** Calls of an earlier generation were let in under a limit that has been found too high since. */
  #dropGeneration = 0;
  #lastMove: LimitMove | undefined;
  /** What a call took in the last window. */
  #usualMs = 0;
  // The window.
  #startedAtMs = Number.NaN;
  #calls = 0;
  #sumMs = 0;
  #mostInUse = 0;

  constructor(rules: WindowRules, current: Controlled) {
    this.#rules = rules;
    this.#current = current;
  }

  /** Whole calls at a time, as far as is known. */
  get limit(): number {
    return Math.floor(this.#current.state.limit);
  }

  /** Whole calls that are let in at a time: fewer than the limit during a measurement. */
  get allowed(): number {
    return Math.floor(this.#current.state.allowed);
  }

  get baselineMs(): number | undefined {
    return this.#current.state.baselineMs;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get outliving(): number {
    return this.#outliving;
  }

  get lastMove(): LimitMove | undefined {
    return this.#lastMove;
  }

  /** What a call took in the last window that was judged; 0 before the first. */
  get usualMs(): number {
    return this.#usualMs;
  }

  admit(nowMs: number): number {
    if (this.#inUse >= this.allowed) return turnedAway;
    this.#inUse += 1;
    if (this.#inUse > this.#mostInUse) this.#mostInUse = this.#inUse;
    if (Number.isNaN(this.#startedAtMs)) this.#startedAtMs = nowMs;
    return this.#generation;
  }

  /** The caller has its answer; the slot is held until {@link workEnded}. */
  answered(): void {
    this.#outliving += 1;
  }

  workEnded(): void {
    this.#outliving -= 1;
    this.#inUse -= 1;
  }

  succeeded(token: number, latencyMs: number, nowMs: number): void {
    const measuring = this.#current.state.cause === "measuring";
    if (measuring && token !== this.#generation) return;
    if (!(latencyMs >= shortestMs) || latencyMs === Number.POSITIVE_INFINITY) return;
    this.#calls += 1;
    this.#sumMs += latencyMs;
    const { windowMs, minimumCalls } = this.#rules;
    if (this.#calls < minimumCalls) return;
    if (nowMs - this.#startedAtMs < Math.max(windowMs, windowMs === 0 ? 0 : 2 * this.#usualMs)) return;
    this.#usualMs = this.#sumMs / this.#calls;
    this.#step(this.#usualMs, this.#calls, false);
    this.#beginWindow(nowMs);
  }

  dropped(token: number, nowMs: number): void {
    if (token < this.#dropGeneration) return;
    this.#step(0, 1, true);
    this.#generation += 1;
    this.#dropGeneration = this.#generation;
    this.#beginWindow(nowMs);
  }

  /** Goes on under other rules, with everybody who is in; the window begins anew. */
  change(rules: WindowRules, current: Controlled, nowMs: number): void {
    this.#rules = rules;
    this.#moved(this.#current.state, current.state, undefined);
    this.#current = current;
    this.#beginWindow(nowMs);
  }

  #step(latencyMs: number, calls: number, dropped: boolean): void {
    const before = this.#current.state;
    this.#current.step({ latencyMs, calls, inFlight: this.#mostInUse, dropped });
    const after = this.#current.state;
    if (after.cause === "measuring") this.#generation += 1;
    this.#moved(before, after, dropped ? undefined : latencyMs);
  }

  #moved(before: LimitState, after: LimitState, latencyMs: number | undefined): void {
    const from = Math.floor(before.limit);
    const to = Math.floor(after.limit);
    if (from === to) return;
    this.#lastMove = { from, to, cause: after.cause, latencyMs, baselineMs: after.baselineMs };
  }

  #beginWindow(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#calls = 0;
    this.#sumMs = 0;
    this.#mostInUse = this.#inUse;
  }
}

/** An answer that came faster than any network is no latency of the other side. */
const shortestMs = 0.1;

/** An algorithm together with its state. */
export interface Controlled {
  readonly state: LimitState;
  step(sample: Parameters<LimitAlgorithm["step"]>[1]): void;
}

export function controlled<S extends LimitState>(algorithm: LimitAlgorithm<S>, begin: S): Controlled {
  let state = begin;
  return {
    get state() {
      return state;
    },
    step(sample) {
      state = algorithm.step(state, sample);
    },
  };
}
