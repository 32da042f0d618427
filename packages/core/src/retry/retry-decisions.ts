import type { Reservation } from "../budget/load-budget.ts";
import type { CallContext } from "../context/call-context.ts";
import type { RetryRefused } from "../events/policy-event.ts";
import { type Effect, verdictOf } from "../failure/failure.ts";
import type { Observer } from "../options/policy-options.ts";
import type { RetryCore } from "../pipeline/plan.ts";
import { decideRetry, isFailure, type RetryRules } from "./decide-retry.ts";

/** Since the start. */
export interface RetryCounts {
  /** Retries that were scheduled. */
  readonly scheduled: number;
  /** Of those, the ones that the call's abort prevented. */
  readonly withdrawn: number;
  readonly refused: Readonly<Record<RetryRefused["why"], number>>;
}

/** The decisions of one retry, with its events, its counts and its budget; what waits and calls is elsewhere. */
export class RetryDecisions implements RetryCore {
  rules: RetryRules;
  readonly #observer: Observer;
  #scheduled = 0;
  #withdrawn = 0;
  readonly #refused: Record<RetryRefused["why"], number> = {
    usedUp: 0,
    notTransient: 0,
    notSafe: 0,
    notWanted: 0,
    pastDeadline: 0,
    budgetExhausted: 0,
  };
  /** What the latest retry of a call took from the budget. Only calls that are retried are in it. */
  readonly #reservations = new WeakMap<CallContext, Reservation>();

  constructor(rules: RetryRules, observer: Observer) {
    this.rules = rules;
    this.#observer = observer;
  }

  get counts(): RetryCounts {
    return { scheduled: this.#scheduled, withdrawn: this.#withdrawn, refused: { ...this.#refused } };
  }

  began(context: CallContext): void {
    const { budget } = this.rules;
    if (budget === undefined || context.countedIn === budget) return;
    context.countedIn = budget;
    budget.began(context.clock.now());
  }

  succeeded(): void {
    this.rules.budget?.succeeded?.();
  }

  next(attempt: number, error: unknown, worst: Effect, previousWaitMs: number, context: CallContext): number {
    const { rules } = this;
    const verdict = verdictOf(error);
    // A retry that our own policies turned away sent nothing; for a first attempt nothing was taken.
    if (attempt > 1 && verdict.kind === "rejected" && verdict.effect === "none") this.#refund(context);
    // First of all, because an open circuit ends every call here.
    if (!isFailure(rules, verdict)) return -1;
    if (verdict.kind === "failed" && verdict.transient) rules.budget?.failed?.();
    const decision = decideRetry(rules, { attempt, error, verdict, worst, previousWaitMs }, context);
    const { name, emit } = this.#observer;
    const { operation } = context;
    if (decision.waitMs === undefined) {
      const { why } = decision;
      if (why === undefined) return -1;
      this.#refused[why] += 1;
      emit?.({ type: "retryRefused", name, operation, attempt, why, error });
      return -1;
    }
    if (decision.reservation !== undefined) this.#reservations.set(context, decision.reservation);
    this.#scheduled += 1;
    emit?.({ type: "retryScheduled", name, operation, retry: attempt, waitMs: decision.waitMs, error });
    return decision.waitMs;
  }

  withdrawn(_attempt: number, context: CallContext): void {
    this.#withdrawn += 1;
    this.#refund(context);
  }

  #refund(context: CallContext): void {
    this.#reservations.get(context)?.refund();
  }
}
