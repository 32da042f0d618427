import type { Duration } from "../duration/duration.ts";

/**
 * - `open`: every call is rejected.
 * - `closed`: every call goes through, outcomes are counted, and none of them opens the circuit.
 * - `disabled`: every call goes through and nothing is counted, as if there were no breaker.
 */
export type ForcedState = "open" | "closed" | "disabled";

export const forcedStates: readonly ForcedState[] = ["open", "closed", "disabled"];

export interface ForceOptions {
  /** Stands in messages, events and snapshots: who and why. */
  readonly reason: string;
  /** Released by itself after this long. @defaultValue until it is released by hand */
  readonly for?: Duration | undefined;
}

/** What an operator has decided, over the head of the rules. */
export interface Forced {
  readonly to: ForcedState;
  readonly reason: string;
  /** `Infinity` until somebody releases it. */
  readonly untilMs: number;
}

export function forcedReason({ to, reason }: Forced): string {
  return `forced ${to}: ${reason}`;
}

/** Why a forced state ended by itself. */
export function forcedIsOver({ to, reason }: Forced): string {
  return `the time of being forced ${to} (${reason}) is over`;
}
