import type { Effect } from "../failure/failure.ts";

interface Named {
  /** The `name` option of the policy. */
  readonly name: string | undefined;
}

/** Another attempt follows after a wait. */
export interface RetryScheduled extends Named {
  readonly type: "retryScheduled";
  /** Counts the first retry as 1. */
  readonly retry: number;
  readonly waitMs: number;
  /** What the attempt before ended with. */
  readonly error: unknown;
}

/** The other side failed and no further attempt follows. */
export interface RetryRefused extends Named {
  readonly type: "retryRefused";
  /** The attempt that stays the last; counts the first call as 1. */
  readonly attempt: number;
  /**
   * - `usedUp`: `maxRetries` have been made.
   * - `notTransient`: no repetition mends this failure.
   * - `notSafe`: the call may have taken effect, and sending it twice is not the same as once.
   * - `notWanted`: the retry's own condition said no.
   * - `pastDeadline`: the wait would not end before the deadline.
   * - `budgetExhausted`: too many extra calls have been made already.
   */
  readonly why: "usedUp" | "notTransient" | "notSafe" | "notWanted" | "pastDeadline" | "budgetExhausted";
  readonly error: unknown;
}

export interface BreakerOpened extends Named {
  readonly type: "breakerOpened";
  /** "14 of 20 calls failed in 10 s; at least 10 needed" */
  readonly reason: string;
  readonly openForMs: number;
}

/** Probes are let through; reported again when probes that never ended are replaced. */
export interface BreakerHalfOpened extends Named {
  readonly type: "breakerHalfOpened";
  readonly reason: string;
}

export interface BreakerClosed extends Named {
  readonly type: "breakerClosed";
  readonly reason: string;
}

/** A circuit breaker turned a call away. */
export interface CallRejected extends Named {
  readonly type: "callRejected";
  readonly code: string;
  readonly retryAfterMs: number;
}

/** A concurrency limit turned a call away. */
export interface LimitReached extends Named {
  readonly type: "limitReached";
  readonly limit: number;
  readonly retryAfterMs: number;
}

export interface DeadlineExceeded extends Named {
  readonly type: "deadlineExceeded";
  readonly effect: Effect;
}

export interface AttemptTimedOut extends Named {
  readonly type: "attemptTimedOut";
  readonly attempt: number;
  readonly timeoutMs: number;
  readonly effect: Effect;
}

/**
 * Work ended after its caller had been answered. Not reported for work that stopped because it was told to.
 */
export interface LateResult extends Named {
  readonly type: "lateResult";
  readonly outcome: "success" | "failure";
  /** How long after the caller. */
  readonly lateMs: number;
}

/** Everything a policy tells its `onEvent` listener. */
export type PolicyEvent =
  | RetryScheduled
  | RetryRefused
  | BreakerOpened
  | BreakerHalfOpened
  | BreakerClosed
  | CallRejected
  | LimitReached
  | DeadlineExceeded
  | AttemptTimedOut
  | LateResult;
