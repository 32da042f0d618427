import { type OutcomeWindow, windowOf } from "../breaker/outcome-window.ts";
import type { Random } from "../clock/clock.ts";

export interface ThrottleRules {
  /** Requests for each accepted one that are let through without a doubt. Range: >= 1. */
  readonly k: number;
  readonly windowMs: number;
  /** Range: above 0, below 1. */
  readonly maxRejection: number;
  /** Fewer requests prove nothing. Range: >= 1. */
  readonly minimumRequests: number;
}

/**
 * The share of requests to turn away, so that the other side gets about `k` times what it accepts. With few accepted
 * ones the share grows with each request that is turned away, hence the cap: without it nothing would be let
 * through after a total outage, and nothing would be accepted.
 *
 * @param accepts - Range: 0 to `requests`.
 * @param maxRejection - 1 is the formula as published.
 * @see Site Reliability Engineering, chapter 21, "Client-side throttling" (equation 21.1)
 */
export function rejectionProbability(requests: number, accepts: number, k: number, maxRejection = 1): number {
  return Math.min(maxRejection, Math.max(0, (requests - k * accepts) / (requests + 1)));
}

/**
 * Requests and accepted requests of a rolling window, and the decision that follows. Pure of clocks and timers.
 *
 * A request counts when its outcome is known: counted at the start, the requests that are under way would look like
 * ones that were not accepted, and the first burst after a pause would throttle itself.
 */
export class Throttle {
  #rules: ThrottleRules;
  readonly #random: Random;
  #window: OutcomeWindow;
  #inARow = 0;

  constructor(rules: ThrottleRules, random: Random) {
    this.#rules = rules;
    this.#random = random;
    this.#window = windowOf({ windowMs: rules.windowMs });
  }

  /** Requests of the window, those that were turned away here included. True after {@link probability}. */
  get requests(): number {
    return this.#window.calls;
  }

  get accepts(): number {
    return this.#window.calls - this.#window.failures;
  }

  probability(nowMs: number): number {
    this.#window.expire(nowMs);
    const { k, maxRejection, minimumRequests } = this.#rules;
    const { requests } = this;
    return requests < minimumRequests ? 0 : rejectionProbability(requests, this.accepts, k, maxRejection);
  }

  /** Whether a request is let through; one that is turned away is counted. */
  admit(nowMs: number, probability: number): boolean {
    // Chance alone lets something through soon, not certainly; how soon is what recovery depends on.
    const enough = this.#inARow >= mostInARow(this.#rules.maxRejection);
    if (probability <= 0 || enough || this.#random() >= probability) {
      this.#inARow = 0;
      return true;
    }
    this.#inARow += 1;
    this.#window.record(true, nowMs);
    return false;
  }

  /** A request that was let through has its answer, or failed over there. */
  settled(accepted: boolean, nowMs: number): void {
    this.#window.record(!accepted, nowMs);
  }

  /** Other rules; what was counted stays as far as it fits the new window. */
  change(rules: ThrottleRules, nowMs: number): void {
    if (rules.windowMs !== this.#rules.windowMs) {
      const saved = this.#window.save(nowMs);
      this.#window = windowOf({ windowMs: rules.windowMs });
      this.#window.load(saved, nowMs, nowMs);
    }
    this.#rules = rules;
  }
}

/** After so many in a row the next is let through: twice as many as there are for one on average at the cap. */
export function mostInARow(maxRejection: number): number {
  return Math.ceil(2 / (1 - maxRejection) - 1e-9);
}
