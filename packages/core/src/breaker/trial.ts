import type { BreakerMove } from "./breaker-states.ts";
import { type CircuitRules, failuresNeeded } from "./circuit-rules.ts";
import { tookLong } from "./tally.ts";

export interface SavedTrial {
  readonly answered: number;
  readonly failed: number;
  readonly slow: number;
}

/** The probes of a half-open circuit. */
export class Trial {
  #running = 0;
  /** Probes that have ended and said something, and how many of those failed. */
  #answered: number;
  #failed: number;
  /** Probes that were found to be slow, and how many of those still run. */
  #slow: number;
  #slowRunning = 0;
  #newestAtMs: number;

  constructor(sinceMs: number, saved?: SavedTrial) {
    this.#newestAtMs = sinceMs;
    this.#answered = saved?.answered ?? 0;
    this.#failed = saved?.failed ?? 0;
    this.#slow = saved?.slow ?? 0;
  }

  get answered(): number {
    return this.#answered;
  }

  get failed(): number {
    return this.#failed;
  }

  hasPlace({ probes }: CircuitRules): boolean {
    return this.#running + this.#answered < probes;
  }

  /** Milliseconds until the places of probes that do not end are given to others. */
  overdueInMs({ maxHalfOpenMs }: CircuitRules, nowMs: number): number {
    return Math.max(0, this.#newestAtMs + maxHalfOpenMs - nowMs);
  }

  began(nowMs: number): void {
    this.#running += 1;
    this.#newestAtMs = nowMs;
  }

  foundSlow(): void {
    this.#slow += 1;
    this.#slowRunning += 1;
  }

  /** A probe that says nothing about health gives its place to another; nor does its slowness say anything. */
  ended(outcome: "success" | "failure" | "ignored", wasSlow: boolean): void {
    this.#running -= 1;
    if (wasSlow) this.#slowRunning -= 1;
    if (outcome === "ignored") {
      if (wasSlow) this.#slow -= 1;
      return;
    }
    this.#answered += 1;
    if (outcome === "failure") this.#failed += 1;
  }

  /** Gives the places of the probes that still run to others. @returns how many there were. */
  replaceRunning(): number {
    const replaced = this.#running;
    this.#running = 0;
    this.#slow -= this.#slowRunning;
    this.#slowRunning = 0;
    return replaced;
  }

  /** What the probes have decided, and why; undefined while they have not. */
  verdict(rules: CircuitRules): { readonly move: BreakerMove; readonly reason: string } | undefined {
    const { probes, probeFailureRatio, slowCall } = rules;
    // More have answered than are needed when the rules were changed meanwhile.
    const total = Math.max(probes, this.#answered);
    const failuresToOpen = failuresNeeded(probeFailureRatio, total);
    if (this.#failed >= failuresToOpen) {
      const reason = `${this.#failed} of ${total} probes failed; at least ${failuresToOpen} needed`;
      return { move: "probesFailed", reason };
    }
    if (slowCall !== undefined) {
      const slowToOpen = failuresNeeded(slowCall.ratio, total);
      if (this.#slow >= slowToOpen) {
        const reason = `${this.#slow} of ${total} probes ${tookLong(slowCall.afterMs)}; at least ${slowToOpen} needed`;
        return { move: "probesFailed", reason };
      }
    }
    if (this.#answered < probes) return undefined;
    return { move: "probesPassed", reason: `${total - this.#failed} of ${total} probes succeeded` };
  }

  save(): SavedTrial {
    return {
      answered: this.#answered,
      failed: this.#failed,
      slow: this.#slow - this.#slowRunning,
    };
  }
}
