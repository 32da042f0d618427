import type { BreakerSnapshot } from "@outrigger/core";
import { type StandingMove, type StandingState, stepStanding } from "./standing-table.ts";

export interface RecoveryRules {
  /** Share of its calls that a provider gets while it is on trial, and at the start of its ramp-up. */
  readonly firstShare: number;
  readonly rampUpMs: number;
}

/**
 * One circuit of one provider, followed by looking at it: it has no timer, and learns what happened when somebody asks.
 */
export class Standing {
  readonly #rules: RecoveryRules;
  readonly #moved: (from: StandingState, to: StandingState) => void;
  #state: StandingState = "up";
  #sinceMs = 0;
  /** The circuit's own ramp-up, where it has one: who sends more than that is turned away. */
  #admittedShare = 1;

  constructor(rules: RecoveryRules, moved: (from: StandingState, to: StandingState) => void) {
    this.#rules = rules;
    this.#moved = moved;
  }

  get state(): StandingState {
    return this.#state;
  }

  /** @param circuit - Null where the provider has none: nothing is known of its health then, and it stays up. */
  observe(circuit: Pick<BreakerSnapshot, "state" | "admittedShare"> | null, nowMs: number): void {
    this.#admittedShare = circuit?.admittedShare ?? 1;
    this.step(circuit?.state ?? "closed", nowMs);
    if (this.#state === "recovering" && nowMs - this.#sinceMs >= this.#rules.rampUpMs) {
      this.step("rampedUp", nowMs);
    }
  }

  step(move: StandingMove, nowMs: number): void {
    const from = this.#state;
    this.#state = stepStanding(from, move);
    if (this.#state !== from || move === "resumed") this.#sinceMs = nowMs;
    if (this.#state !== from) this.#moved(from, this.#state);
  }

  /** What part of the calls that would go to a healthy provider goes to this one. Range: 0 to 1. */
  share(nowMs: number): number {
    const { firstShare, rampUpMs } = this.#rules;
    if (this.#state === "up") return this.#admittedShare;
    if (this.#state === "down") return 0;
    if (this.#state === "trial") return firstShare;
    const passed = rampUpMs === 0 ? 1 : (nowMs - this.#sinceMs) / rampUpMs;
    const ramped = Math.min(1, firstShare + (1 - firstShare) * passed);
    return Math.min(ramped, this.#admittedShare);
  }
}
