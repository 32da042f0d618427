import type { LoadBudget, Reservation } from "../budget/load-budget.ts";
import type { Random } from "../clock/clock.ts";
import type { CallContext } from "../context/call-context.ts";
import type { RetryRefused } from "../events/policy-event.ts";
import type { Effect, Verdict } from "../failure/failure.ts";
import { answerOf, yesOrNo } from "../options/user-functions.ts";
import type { Backoff } from "./backoff.ts";
import { type Jitter, jitteredMs } from "./jitter.ts";

/** What a retry goes by. */
export interface RetryRules {
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly jitter: Jitter;
  readonly random: Random;
  readonly when: RetryCondition | undefined;
  readonly evenIfRejected: boolean;
  readonly budget: LoadBudget | undefined;
}

/** Whether a failure that may be retried shall be. */
export type RetryCondition = (verdict: Verdict, error: unknown, context: CallContext) => boolean;

export interface FailedAttempt {
  /** Counts the first call as 1. */
  readonly attempt: number;
  readonly error: unknown;
  readonly verdict: Verdict;
  /** Of this attempt and those before it. */
  readonly worst: Effect;
  /** The wait before this attempt; 0 for the first. */
  readonly previousWaitMs: number;
}

export type RetryDecision =
  | { readonly waitMs: number; readonly reservation: Reservation | undefined }
  /** `why` is undefined for an end that is nobody's failure: a rejection, a refusal, an abort. */
  | { readonly waitMs: undefined; readonly why: RetryRefused["why"] | undefined };

/** False for an end that is nobody's failure, where there is nothing to decide. */
export function isFailure(rules: RetryRules, verdict: Verdict): boolean {
  return verdict.kind === "failed" || comesBack(rules, verdict);
}

/**
 * Whether another attempt follows, and after which wait. Room in the budget is asked for last, so that what is
 * refused for another reason takes none.
 *
 * `when` can only say no to what is safe, never yes to what is not; one that throws says no.
 */
export function decideRetry(rules: RetryRules, failed: FailedAttempt, context: CallContext): RetryDecision {
  const { attempt, verdict, worst, previousWaitMs } = failed;
  if (!isFailure(rules, verdict)) return no(undefined);
  if (!verdict.transient) return no("notTransient");
  if (!(worst === "none" || (worst === "unknown" && context.idempotent))) return no("notSafe");
  if (rules.when !== undefined && !isWanted(rules.when, failed, context)) return no("notWanted");
  if (attempt > rules.maxRetries) return no("usedUp");
  const drawnMs = drawn(rules, attempt, previousWaitMs);
  if (drawnMs === undefined) return no("notWanted");
  const waitMs = Math.max(drawnMs, verdict.retryAfterMs ?? 0);
  if (!(waitMs < context.leftMs)) return no("pastDeadline");
  if (rules.budget === undefined) return { waitMs, reservation: undefined };
  const reservation = rules.budget.reserve(context.clock.now());
  return reservation === undefined ? no("budgetExhausted") : { waitMs, reservation };
}

/** Undefined where a backoff of the user's own gives no wait: at once would hammer, and any other time is made up. */
function drawn(
  { jitter, backoff, random }: RetryRules,
  attempt: number,
  previousMs: number,
): number | undefined {
  const waitMs = answerOf(jitteredMs, jitter, backoff, attempt, previousMs, random);
  return typeof waitMs === "number" && waitMs >= 0 && waitMs < Number.POSITIVE_INFINITY ? waitMs : undefined;
}

/** Our own rejection, and it says when to come back. */
function comesBack(rules: RetryRules, verdict: Verdict): boolean {
  return rules.evenIfRejected && verdict.kind === "rejected" && verdict.retryAfterMs !== undefined;
}

function isWanted(when: RetryCondition, { verdict, error }: FailedAttempt, context: CallContext): boolean {
  // An async condition answers a promise, which is no yes.
  return yesOrNo(when, verdict, error, context) === true;
}

function no(why: RetryRefused["why"] | undefined): RetryDecision {
  return { waitMs: undefined, why };
}
