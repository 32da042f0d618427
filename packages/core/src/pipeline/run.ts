import { systemClock } from "../clock/clock.ts";
import type { Call } from "../context/call.ts";
import { CallContext, type CallOptions } from "../context/call-context.ts";
import { isDeadlineExceeded } from "../deadline/deadline.ts";
import { type Effect, type Failure, verdictOf, worseEffect } from "../failure/failure.ts";
import { carrying } from "../retry/carrying.ts";
import { Attempt } from "./attempt.ts";
import type { Doors } from "./doors.ts";
import type { AttemptTimeoutCore, DeadlineCore, FailWhenPlan, RetryCore } from "./plan.ts";
import { failureOf, type Result } from "./result.ts";

/** What the caller gets, where that is known before anything had to be waited for. */
export type Answered<O> = Promise<O | Result<O>> | undefined;

/** What a call remembers from one attempt to the next. */
export interface Past {
  /** It answers with a result. */
  readonly tried: boolean;
  /** The context of the first attempt, once there is another; what a retry's decisions know the call by. */
  readonly call: CallContext | undefined;
  readonly attempt: number;
  /** Of the attempts so far. */
  readonly worst: Effect;
  readonly previousWaitMs: number;
}

const firstTry: Past = { tried: false, call: undefined, attempt: 1, worst: "none", previousWaitMs: 0 };
const firstTryForResult: Past = { ...firstTry, tried: true };

export interface Fused<I, O> {
  readonly next: Call<I, O>;
  readonly deadline: DeadlineCore | undefined;
  readonly retry: RetryCore | undefined;
  readonly doors: Doors;
  readonly timeout: AttemptTimeoutCore | undefined;
  readonly failWhen: FailWhenPlan["classify"] | undefined;
}

/**
 * Policies that stand next to each other in this order and run as one: deadline, retry, gates, attempt timeout,
 * classification of the result, call. Here is what concerns the whole call: its deadline, what follows a failed
 * attempt, and its answer.
 */
export class Run<I = unknown, O = unknown> implements Fused<I, O> {
  readonly next: Call<I, O>;
  readonly deadline: DeadlineCore | undefined;
  readonly retry: RetryCore | undefined;
  readonly doors: Doors;
  readonly timeout: AttemptTimeoutCore | undefined;
  readonly failWhen: FailWhenPlan["classify"] | undefined;
  /** Whether an attempt is a part of the call, with an end and an effect of its own. */
  readonly makesParts: boolean;

  constructor({ next, deadline, retry, doors, timeout, failWhen }: Fused<I, O>) {
    this.next = next;
    this.deadline = deadline;
    this.retry = retry;
    this.doors = doors;
    this.timeout = timeout;
    this.failWhen = failWhen;
    this.makesParts = deadline !== undefined || retry !== undefined || timeout !== undefined;
  }

  /**
   * Makes a call.
   *
   * @param whole - The context that the call is a part of; undefined when `options` begin one.
   */
  begin(input: I, whole: CallContext | undefined, options?: CallOptions): Promise<O> {
    return this.#start(input, whole, options, firstTry) as Promise<O>;
  }

  /** Like {@link begin}, and answers with a result also when the call fails. */
  beginForResult(input: I, whole: CallContext | undefined, options?: CallOptions): Promise<Result<O>> {
    return this.#start(input, whole, options, firstTryForResult) as Promise<Result<O>>;
  }

  #start(
    input: I,
    whole: CallContext | undefined,
    options: CallOptions | undefined,
    past: Past,
  ): Promise<O | Result<O>> {
    const nowMs = (whole?.clock ?? options?.clock ?? systemClock).now();
    const { deadline, retry } = this;
    const deadlineAtMs = deadline === undefined ? undefined : nowMs + deadline.totalMs;
    const context =
      whole !== undefined && !this.makesParts
        ? whole
        : new CallContext(options, whole, retry === undefined ? undefined : 1, deadlineAtMs);
    const attempt = new Attempt(this, input, context, nowMs, past, undefined, undefined);
    if (whole !== undefined && this.makesParts) context.keptBy(attempt);
    const answered = this.#first(attempt);
    if (answered !== undefined) return answered;
    const promise = new Promise<O | Result<O>>(hold);
    attempt.resolve = resolveLatest;
    attempt.reject = rejectLatest;
    return promise;
  }

  #first(attempt: Attempt<I, O>): Answered<O> {
    const { deadline, retry } = this;
    const { context, startedAtMs } = attempt;
    if (context.abortReason !== undefined && (deadline !== undefined || retry !== undefined)) {
      return this.settle(attempt, context.abortReason);
    }
    if (deadline !== undefined && context.deadlineAtMs <= startedAtMs) {
      return this.settle(attempt, deadline.exceeded("none", context));
    }
    retry?.began?.(context);
    return attempt.make();
  }

  /** The wait after the attempt is over. */
  again(before: Attempt<I, O>): void {
    before.end();
    const { deadline } = this;
    const { context, input, past, resolve, reject } = before;
    const { clock, whole, deadlineAtMs } = context;
    const nowMs = clock.now();
    const next = new CallContext(context, whole, past.attempt, deadlineAtMs);
    next.countedIn = context.countedIn;
    const attempt = new Attempt(this, input, next, nowMs, past, resolve, reject);
    next.keptBy(attempt);
    if (deadline !== undefined && deadlineAtMs <= nowMs) {
      this.settle(attempt, deadline.exceeded(past.worst, next));
    } else attempt.make();
  }

  succeeded(attempt: Attempt<I, O>, value: O): void {
    attempt.end();
    const { past, context, resolve } = attempt;
    this.retry?.succeeded?.(past.attempt, past.call ?? context);
    resolve?.((past.tried ? { ok: true, value } : value) as never);
  }

  /** After its caller had been answered. */
  succeededLate({ past, context }: Attempt<I, O>): void {
    this.retry?.succeeded?.(past.attempt, past.call ?? context);
  }

  /** The attempt is over; another one may follow. */
  attemptFailed(attempt: Attempt<I, O>, error: unknown): Answered<O> {
    const { retry } = this;
    if (retry === undefined) return this.#finish(attempt, error);
    const worst = this.#remember(attempt, error);
    const { past, context } = attempt;
    if (context.whole?.abortReason !== undefined) return this.#finish(attempt, carrying(error, worst));
    const call = past.call ?? context;
    const waitMs = retry.next(past.attempt, error, worst, past.previousWaitMs, call);
    if (waitMs < 0) return this.#finish(attempt, carrying(error, worst));
    attempt.past = { ...attempt.past, call, attempt: past.attempt + 1, previousWaitMs: waitMs };
    attempt.wait(waitMs);
    return undefined;
  }

  abortedWhileWaiting(attempt: Attempt<I, O>, reason: Failure): void {
    const { past, context } = attempt;
    this.retry?.withdrawn?.(past.attempt - 1, past.call ?? context);
    this.settle(attempt, this.deadline === undefined ? carrying(reason, past.worst) : reason);
  }

  /** The call was aborted, and does not wait for its attempt. */
  abandoned(attempt: Attempt<I, O>, reason: Failure): Answered<O> {
    const worst = this.#remember(attempt, reason);
    const plain = this.deadline !== undefined || this.retry === undefined;
    return this.settle(attempt, plain ? reason : carrying(reason, worst));
  }

  settle(attempt: Attempt<I, O>, error: unknown): Answered<O> {
    attempt.end();
    const { past, resolve, reject } = attempt;
    if (past.tried) {
      const result: Result<O> = { ok: false, failure: failureOf(error) };
      if (resolve === undefined) return Promise.resolve(result);
      resolve(result as never);
    } else {
      if (reject === undefined) return rejectedSoon(error);
      reject(error);
    }
    return undefined;
  }

  /** What the attempt left behind is the call's own from now on. */
  #remember(attempt: Attempt<I, O>, error: unknown): Effect {
    const { past, context } = attempt;
    if (this.retry === undefined) return past.worst;
    const worst = worseEffect(past.worst, verdictOf(error).effect);
    if (worst !== past.worst) attempt.past = { ...past, worst };
    if (this.deadline === undefined) context.whole?.record(worst);
    return worst;
  }

  #finish(attempt: Attempt<I, O>, error: unknown): Answered<O> {
    // Something inside that keeps the same deadline may notice first, by the order of timers alone.
    if (isDeadlineExceeded(error) && attempt.context.leftMs <= 0) {
      this.deadline?.noticed(error.effect, attempt.context);
    }
    return this.settle(attempt, error);
  }
}

let resolveLatest: (value: never) => void;
let rejectLatest: (error: unknown) => void;
/** One function for all promises: it saves each of them a closure. */
const hold = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  resolveLatest = resolve;
  rejectLatest = reject;
};

/**
 * A promise that is rejected when its caller has had time to listen: one that nobody listens to yet is first
 * recorded as unhandled and then taken off that record, which costs twice the rest of a rejection.
 */
function rejectedSoon(error: unknown): Promise<never> {
  const promise = new Promise<never>(hold);
  const reject = rejectLatest;
  queueMicrotask(() => reject(error));
  return promise;
}
