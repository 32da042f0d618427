import type { Effect } from "../failure/failure.ts";

interface Named {
  /** The `name` option of the policy. */
  readonly name: string | undefined;
}

/** About one call, unlike a change of state, which comes of many. */
interface OfCall extends Named {
  /** The `operation` that the call was made with. */
  readonly operation?: string | undefined;
}

/** Another attempt follows after a wait. */
export interface RetryScheduled extends OfCall {
  readonly type: "retryScheduled";
  /** Counts the first retry as 1. */
  readonly retry: number;
  readonly waitMs: number;
  /** What the attempt before ended with. */
  readonly error: unknown;
}

/** The other side failed and no further attempt follows. */
export interface RetryRefused extends OfCall {
  readonly type: "retryRefused";
  /** The attempt that stays the last; counts the first call as 1. */
  readonly attempt: number;
  /**
   * - `usedUp`: `maxRetries` have been made.
   * - `notTransient`: no repetition mends this failure.
   * - `notSafe`: the call may have taken effect, and sending it twice is not the same as once.
   * - `notWanted`: the retry's own condition said no, or its backoff gave no wait.
   * - `pastDeadline`: the wait would not end before the deadline.
   * - `budgetExhausted`: too many extra calls have been made already.
   */
  readonly why: "usedUp" | "notTransient" | "notSafe" | "notWanted" | "pastDeadline" | "budgetExhausted";
  readonly error: unknown;
}

interface OfBreaker extends Named {
  /** Which circuit of a keyed breaker; left out by one that has a single circuit. */
  readonly key?: string;
}

export interface BreakerOpened extends OfBreaker {
  readonly type: "breakerOpened";
  /** "14 of 20 calls failed in 10 s; at least 10 needed" */
  readonly reason: string;
  readonly openForMs: number;
}

/** Probes are let through; reported again when probes that never ended are replaced. */
export interface BreakerHalfOpened extends OfBreaker {
  readonly type: "breakerHalfOpened";
  readonly reason: string;
}

export interface BreakerClosed extends OfBreaker {
  readonly type: "breakerClosed";
  readonly reason: string;
}

/** A circuit breaker turned a call away. */
export interface CallRejected extends OfCall, OfBreaker {
  readonly type: "callRejected";
  readonly code: string;
  readonly retryAfterMs: number;
}

/** A circuit breaker in shadow let a call through that it would have turned away. */
export interface CallWouldBeRejected extends OfCall, OfBreaker {
  readonly type: "callWouldBeRejected";
  readonly code: string;
  readonly retryAfterMs: number;
}

/** An operator's will stands above a breaker's rules. */
export interface BreakerForced extends OfBreaker {
  readonly type: "breakerForced";
  readonly to: "open" | "closed" | "disabled";
  readonly reason: string;
}

/** A breaker follows its rules again: by hand, or because the time of the forced state is over. */
export interface BreakerReleased extends OfBreaker {
  readonly type: "breakerReleased";
  readonly reason: string;
}

/** A concurrency limit, or a bulkhead without a queue, turned a call away. */
export interface LimitReached extends OfCall {
  readonly type: "limitReached";
  /** `LIMIT_REACHED`, or `ADAPTIVE_LIMIT_REACHED` */
  readonly code: string;
  readonly limit: number;
  readonly retryAfterMs: number;
}

export interface DeadlineExceeded extends OfCall {
  readonly type: "deadlineExceeded";
  readonly effect: Effect;
}

export interface AttemptTimedOut extends OfCall {
  readonly type: "attemptTimedOut";
  readonly attempt: number;
  readonly timeoutMs: number;
  readonly effect: Effect;
}

/**
 * Work ended after its caller had been answered. Not reported for work that stopped because it was told to.
 */
export interface LateResult extends OfCall {
  readonly type: "lateResult";
  readonly outcome: "success" | "failure";
  /** How long after the caller. */
  readonly lateMs: number;
}

/** A call has left the queue of a bulkhead or of a rate limit. */
export interface QueueLeft extends OfCall {
  readonly type: "queueLeft";
  readonly policy: "bulkhead" | "rateLimit";
  readonly waitedMs: number;
  /** `admitted`, `aborted` by its caller or a timeout around it, or the code of the rejection. */
  readonly outcome: string;
}

/** A bulkhead with a queue turned a call away, at the door or out of the queue. */
export interface QueueRejected extends OfCall {
  readonly type: "queueRejected";
  readonly code: string;
  readonly limit: number;
  readonly waiting: number;
  readonly retryAfterMs: number;
}

/** A rate limit turned a call away. */
export interface RateLimited extends OfCall {
  readonly type: "rateLimited";
  readonly code: string;
  /** When the call would have been let through; undefined when never. */
  readonly retryAfterMs: number | undefined;
}

/** A rate limit lets nothing through for a while, because the other side asked for it or `drain` was called. */
export interface RatePaused extends Named {
  readonly type: "ratePaused";
  readonly pauseMs: number;
}

/** A call was shed for its level. */
export interface LoadShed extends OfCall {
  readonly type: "loadShed";
  readonly code: string;
  readonly level: string;
  readonly utilisation: number;
  readonly retryAfterMs: number;
}

/** Another set of levels is shed from now on. */
export interface SheddingChanged extends Named {
  readonly type: "sheddingChanged";
  /** The levels that are shed, the least important first; empty when everything is let through. */
  readonly shed: readonly string[];
  readonly utilisation: number;
}

/** A second call was sent because the first one took long. */
export interface HedgeStarted extends OfCall {
  readonly type: "hedgeStarted";
  /** Counts the first hedge as 1. */
  readonly hedge: number;
  /** How long after the call began. */
  readonly afterMs: number;
}

/** A hedge was due and the budget had no room for it; no further one follows for this call. */
export interface HedgeRefused extends OfCall {
  readonly type: "hedgeRefused";
  readonly hedge: number;
  readonly why: "budgetExhausted";
}

/** A hedge answered first; the others were told to stop. */
export interface HedgeWon extends OfCall {
  readonly type: "hedgeWon";
  readonly hedge: number;
}

/** A fallback answered instead of the call. */
export interface FallbackUsed extends OfCall {
  readonly type: "fallbackUsed";
  readonly effect: Effect;
  readonly error: unknown;
}

/** A fallback would have hidden what must not be hidden. */
export interface FallbackRefused extends OfCall {
  readonly type: "fallbackRefused";
  /**
   * - `mistake`: a programmer's mistake.
   * - `effectUnknown`: the call may have taken effect, and nobody said that this may be hidden.
   */
  readonly why: "mistake" | "effectUnknown";
  readonly effect: Effect;
  readonly error: unknown;
}

/** A fault was injected on purpose. */
export interface FaultInjected extends OfCall {
  readonly type: "faultInjected";
  readonly fault: "latency" | "error" | "hang" | "result";
  readonly at: "before" | "after";
}

/** The next of several calls was tried. */
export interface FailedOver extends OfCall {
  readonly type: "failedOver";
  readonly from: string;
  readonly to: string;
  readonly error: unknown;
}

/** The call failed and the next of several was not tried. */
export interface FailoverRefused extends OfCall {
  readonly type: "failoverRefused";
  readonly from: string;
  /**
   * - `notSafe`: the call may have taken effect, so nobody else may be asked to do it as well.
   * - `pastDeadline`: no time is left.
   * - `budgetExhausted`: too many extra calls have been made already.
   * - `usedUp`: there is no other.
   */
  readonly why: "notSafe" | "pastDeadline" | "budgetExhausted" | "usedUp";
  readonly error: unknown;
}

/** An adaptive concurrency limit has moved since it was last reported; reported at most once a second. */
export interface AdaptiveLimitChanged extends Named {
  readonly type: "adaptiveLimitChanged";
  readonly from: number;
  readonly to: number;
  readonly inUse: number;
  /** "20 to 18: a call timed out or was throttled"; of the last step where several are reported together. */
  readonly reason: string;
}

/** An adaptive throttle turned a call away. */
export interface CallThrottled extends OfCall {
  readonly type: "callThrottled";
  readonly code: string;
  /** With which calls were turned away at that moment. Range: 0 to 1. */
  readonly probability: number;
  readonly retryAfterMs: number;
}

/** An adaptive throttle begins to turn calls away, or lets all of them through again. */
export interface ThrottlingChanged extends Named {
  readonly type: "throttlingChanged";
  readonly throttling: boolean;
  /** "30 of 100 requests were accepted in 2 m" */
  readonly reason: string;
}

/** Everything a policy tells its `onEvent` listener. */
export type PolicyEvent =
  | RetryScheduled
  | RetryRefused
  | BreakerOpened
  | BreakerHalfOpened
  | BreakerClosed
  | BreakerForced
  | BreakerReleased
  | CallRejected
  | CallWouldBeRejected
  | LimitReached
  | DeadlineExceeded
  | AttemptTimedOut
  | LateResult
  | QueueLeft
  | QueueRejected
  | RateLimited
  | RatePaused
  | LoadShed
  | SheddingChanged
  | HedgeStarted
  | HedgeRefused
  | HedgeWon
  | FallbackUsed
  | FallbackRefused
  | FaultInjected
  | FailedOver
  | FailoverRefused
  | AdaptiveLimitChanged
  | CallThrottled
  | ThrottlingChanged;
