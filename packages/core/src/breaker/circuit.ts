import { durationText } from "../duration/duration.ts";
import { type BreakerMove, type BreakerState, stepBreaker } from "./breaker-states.ts";
import type { OutcomeWindow } from "./outcome-window.ts";

/** `ignored` says nothing about the other side: the call was rejected or aborted on our side. */
export type Outcome = "success" | "failure" | "ignored";

export interface CircuitRules {
  readonly window: OutcomeWindow;
  /** Range: above 0, at most 1. */
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openForMs: number;
  readonly probes: number;
  readonly maxHalfOpenMs: number;
}

/** A change of state, with the facts that led to it. */
export interface Transition {
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly reason: string;
}

/** Leave to make one call. Say how it ended exactly once; saying it again does nothing. */
export interface Permit {
  settle(outcome: Outcome, nowMs: number): void;
}

export interface CircuitSnapshot {
  readonly state: BreakerState;
  /** Closed: in the window. Half-open: of the probes that have answered. Open: of what opened it. */
  readonly failures: number;
  readonly calls: number;
  /** `failures / calls`; 0 when there were none. */
  readonly failureRatio: number;
  /** Why the circuit is in this state; undefined until it first changed. */
  readonly reason: string | undefined;
  /** When a rejected caller may come back; undefined while calls are let through. */
  readonly retryAfterMs: number | undefined;
  /** Calls turned away since the start. */
  readonly rejected: number;
  /** Outcomes of calls that started before the last change of state. They moved nothing. */
  readonly stale: number;
}

/**
 * A circuit breaker without time of its own: it moves only when it is asked or told something, and is given the
 * time with it. So it needs no timer, and a thousand idle ones cost nothing.
 */
export class Circuit {
  readonly #rules: CircuitRules;
  readonly #moved: (transition: Transition) => void;
  #state: BreakerState = "closed";
  /** Goes up whenever permits given so far no longer count. */
  #generation = 0;
  #sinceMs = 0;
  #reason: string | undefined;
  /** Probes that run; probes that have answered, and how many of those failed. */
  #running = 0;
  #answered = 0;
  #failed = 0;
  #newestProbeAtMs = 0;
  #rejected = 0;
  #stale = 0;

  /** @param moved - Told of every change, after it. */
  constructor(rules: CircuitRules, moved: (transition: Transition) => void = () => {}) {
    this.#rules = rules;
    this.#moved = moved;
  }

  /** A permit, or undefined when the call must not be made; see {@link retryAfterMs}. */
  admit(nowMs: number): Permit | undefined {
    this.#advance(nowMs);
    if (this.#state === "closed") return this.#permit();
    if (this.#state === "halfOpen") {
      if (this.#placesTaken() && nowMs - this.#newestProbeAtMs >= this.#rules.maxHalfOpenMs) {
        this.#replaceProbes(nowMs);
      }
      if (!this.#placesTaken()) {
        this.#running += 1;
        this.#newestProbeAtMs = nowMs;
        return this.#permit();
      }
    }
    this.#rejected += 1;
    return undefined;
  }

  /** Milliseconds until a rejected caller may be let through; undefined while calls are. */
  retryAfterMs(nowMs: number): number | undefined {
    this.#advance(nowMs);
    const { openForMs, maxHalfOpenMs } = this.#rules;
    if (this.#state === "open") return this.#sinceMs + openForMs - nowMs;
    if (this.#state === "halfOpen" && this.#placesTaken()) {
      return Math.max(0, this.#newestProbeAtMs + maxHalfOpenMs - nowMs);
    }
    return undefined;
  }

  snapshot(nowMs: number): CircuitSnapshot {
    const retryAfterMs = this.retryAfterMs(nowMs);
    const { window } = this.#rules;
    if (this.#state === "closed") window.expire(nowMs);
    const [failures, calls] =
      this.#state === "halfOpen" ? [this.#failed, this.#answered] : [window.failures, window.calls];
    return {
      state: this.#state,
      failures,
      calls,
      failureRatio: calls === 0 ? 0 : failures / calls,
      reason: this.#reason,
      retryAfterMs,
      rejected: this.#rejected,
      stale: this.#stale,
    };
  }

  #permit(): Permit {
    const generation = this.#generation;
    let settled = false;
    return {
      settle: (outcome, nowMs) => {
        if (settled) return;
        settled = true;
        if (generation !== this.#generation) this.#stale += 1;
        else if (this.#state === "closed") this.#count(outcome, nowMs);
        else this.#judgeProbe(outcome, nowMs);
      },
    };
  }

  #count(outcome: Outcome, nowMs: number): void {
    if (outcome === "ignored") return;
    const { window, failureRatio, minimumCalls } = this.#rules;
    window.record(outcome === "failure", nowMs);
    if (window.calls < minimumCalls) return;
    const needed = failuresNeeded(failureRatio, window.calls);
    if (window.failures < needed) return;
    this.#move("thresholdReached", nowMs, `${window.describe()}; at least ${needed} needed`);
  }

  #judgeProbe(outcome: Outcome, nowMs: number): void {
    this.#running -= 1;
    if (outcome === "ignored") return;
    this.#answered += 1;
    if (outcome === "failure") this.#failed += 1;
    const { probes, failureRatio } = this.#rules;
    const needed = failuresNeeded(failureRatio, probes);
    if (this.#failed >= needed) {
      this.#move(
        "probesFailed",
        nowMs,
        `${this.#failed} of ${probes} probes failed; at least ${needed} needed`,
      );
    } else if (this.#answered === probes) {
      this.#move("probesPassed", nowMs, `${probes - this.#failed} of ${probes} probes succeeded`);
    }
  }

  #advance(nowMs: number): void {
    const { openForMs } = this.#rules;
    if (this.#state !== "open" || nowMs - this.#sinceMs < openForMs) return;
    this.#move("openTimeElapsed", nowMs, `${durationText(openForMs)} have passed since it opened`);
  }

  /** Gives away the places of probes that never ended; what other probes have answered still counts. */
  #replaceProbes(nowMs: number): void {
    const { probes, maxHalfOpenMs } = this.#rules;
    const reason = `${this.#running} of ${probes} probes did not end within ${durationText(maxHalfOpenMs)}`;
    this.#running = 0;
    this.#move("probesOverdue", nowMs, reason);
  }

  #placesTaken(): boolean {
    return this.#running + this.#answered >= this.#rules.probes;
  }

  #move(move: BreakerMove, nowMs: number, reason: string): void {
    const from = this.#state;
    const to = stepBreaker(from, move);
    this.#state = to;
    this.#generation += 1;
    this.#sinceMs = nowMs;
    this.#reason = reason;
    if (to !== from) {
      this.#running = 0;
      this.#answered = 0;
      this.#failed = 0;
    }
    if (to === "closed") this.#rules.window.clear();
    this.#moved({ from, to, reason });
  }
}

/** Smallest number of failures that reaches the ratio; found by division, as `0.7 * 10` is above 7. */
export function failuresNeeded(ratio: number, calls: number): number {
  const needed = Math.ceil(ratio * calls);
  return needed > 0 && (needed - 1) / calls >= ratio ? needed - 1 : needed;
}
