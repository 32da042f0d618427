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
const noOptions: CallOptions = {};

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

  /** Makes a call of its own. */
  begin(input: I, options: CallOptions): Promise<O> {
    return this.#start(input, options, firstTry) as Promise<O>;
  }

  /** Like {@link begin}, and answers with a result also when the call fails. */
  beginForResult(input: I, options: CallOptions): Promise<Result<O>> {
    return this.#start(input, options, firstTryForResult) as Promise<Result<O>>;
  }

  /** Makes a part of a call. */
  beginPart(input: I, whole: CallContext): Promise<O> {
    const nowMs = whole.clock.now();
    if (!this.makesParts) return this.#first(input, whole, nowMs, firstTry) as Promise<O>;
    const number = this.retry === undefined ? undefined : 1;
    const part = new CallContext(noOptions, whole, number, this.#deadlineAtMs(nowMs));
    return this.#first(input, part, nowMs, firstTry) as Promise<O>;
  }

  #start(input: I, options: CallOptions, past: Past): Promise<O | Result<O>> {
    const nowMs = (options.clock ?? systemClock).now();
    const context = new CallContext(options, undefined, undefined, this.#deadlineAtMs(nowMs));
    return this.#first(input, context, nowMs, past);
  }

  #deadlineAtMs(nowMs: number): number | undefined {
    return this.deadline === undefined ? undefined : nowMs + this.deadline.totalMs;
  }

  /** The first attempt, unless the call is over before it. */
  #first(input: I, context: CallContext, nowMs: number, past: Past): Promise<O | Result<O>> {
    const { deadline, retry, doors } = this;
    if (context.abortReason !== undefined && (deadline !== undefined || retry !== undefined)) {
      return this.#end(context, past, context.abortReason);
    }
    if (deadline !== undefined && context.deadlineAtMs <= nowMs) {
      return this.#end(context, past, deadline.exceeded("none", context));
    }
    retry?.began?.(context);
    const gate = doors.outermost(context);
    const token = gate === undefined ? -1 : gate.admit(nowMs, context, input);
    if (gate !== undefined && token < 0) {
      return this.#turnedAway(input, context, nowMs, past, gate.rejection(nowMs, context, input));
    }
    const attempt = new Attempt(this, input, context, nowMs, past, token);
    if (context.whole !== undefined && this.makesParts) context.keptBy(attempt);
    return attempt.make() ?? answerOf(attempt);
  }

  /** There has not been an attempt, because this happens thousands of times a second while a circuit is open. */
  #turnedAway(
    input: I,
    context: CallContext,
    nowMs: number,
    past: Past,
    error: Failure,
  ): Promise<O | Result<O>> {
    const worst = this.#remember(context, past, error);
    const next = this.#next(context, past, error, worst);
    if (next === undefined) return this.#end(context, past, this.#last(context, error, worst));
    const attempt = new Attempt(this, input, context, nowMs, next, -1);
    if (context.whole !== undefined) context.keptBy(attempt);
    attempt.wait(next.previousWaitMs);
    return answerOf(attempt);
  }

  /** The wait after the attempt is over. */
  again(before: Attempt<I, O>): void {
    before.end();
    const { deadline } = this;
    const { context, input, past } = before;
    const { clock, whole, deadlineAtMs } = context;
    const nowMs = clock.now();
    const next = new CallContext(context, whole, past.attempt, deadlineAtMs);
    next.countedIn = context.countedIn;
    const attempt = new Attempt(this, input, next, nowMs, past, -1);
    attempt.resolve = before.resolve;
    attempt.reject = before.reject;
    next.keptBy(attempt);
    if (deadline === undefined || deadlineAtMs > nowMs) attempt.enter();
    else this.settle(attempt, deadline.exceeded(past.worst, next));
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
    const { context, past } = attempt;
    const worst = this.#remember(context, past, error);
    if (worst !== past.worst) attempt.past = { ...past, worst };
    const next = this.#next(context, past, error, worst);
    if (next === undefined) return this.settle(attempt, this.#last(context, error, worst));
    attempt.past = next;
    attempt.wait(next.previousWaitMs);
    return undefined;
  }

  abortedWhileWaiting(attempt: Attempt<I, O>, reason: Failure): void {
    const { past, context } = attempt;
    this.retry?.withdrawn?.(past.attempt - 1, past.call ?? context);
    this.settle(attempt, this.deadline === undefined ? carrying(reason, past.worst) : reason);
  }

  /** The call was aborted, and does not wait for its attempt. */
  abandoned(attempt: Attempt<I, O>, reason: Failure): Answered<O> {
    const worst = this.#remember(attempt.context, attempt.past, reason);
    const plain = this.deadline !== undefined || this.retry === undefined;
    return this.settle(attempt, plain ? reason : carrying(reason, worst));
  }

  /** Ends the call with what its attempt has come to. */
  settle(attempt: Attempt<I, O>, error: unknown): Answered<O> {
    const { context, past, resolve, reject } = attempt;
    attempt.end();
    if (resolve === undefined || reject === undefined) return this.#end(context, past, error);
    if (past.tried) resolve({ ok: false, failure: failureOf(error) } as never);
    else reject(error);
    return undefined;
  }

  /** Ends a call that nobody waits for yet. */
  #end(context: CallContext, past: Past, error: unknown): Promise<O | Result<O>> {
    if (this.makesParts) context.end();
    return past.tried ? Promise.resolve({ ok: false, failure: failureOf(error) }) : rejectedSoon(error);
  }

  /** What an attempt left behind is the call's own from now on. @returns the worst effect of the attempts so far. */
  #remember(context: CallContext, past: Past, error: unknown): Effect {
    if (this.retry === undefined) return past.worst;
    const worst = worseEffect(past.worst, verdictOf(error).effect);
    if (this.deadline === undefined) context.whole?.record(worst);
    return worst;
  }

  /** What the next attempt has to know, which begins after `previousWaitMs`; undefined when there is none. */
  #next(context: CallContext, past: Past, error: unknown, worst: Effect): Past | undefined {
    const { retry } = this;
    if (retry === undefined || context.whole?.abortReason !== undefined) return undefined;
    const { tried, attempt, previousWaitMs } = past;
    const call = past.call ?? context;
    const waitMs = retry.next(attempt, error, worst, previousWaitMs, call);
    return waitMs < 0 ? undefined : { tried, call, attempt: attempt + 1, worst, previousWaitMs: waitMs };
  }

  /** The error of the last attempt, as the caller is told it. */
  #last(context: CallContext, error: unknown, worst: Effect): unknown {
    const last = this.retry === undefined ? error : carrying(error, worst);
    // Something inside that keeps the same deadline may notice first, by the order of timers alone.
    if (isDeadlineExceeded(last) && context.leftMs <= 0) this.deadline?.noticed(last.effect, context);
    return last;
  }
}

/** The answer that the attempt, or one after it, will give. */
function answerOf<I, O>(attempt: Attempt<I, O>): Promise<O | Result<O>> {
  const promise = new Promise<O | Result<O>>(hold);
  attempt.resolve = resolveLatest;
  attempt.reject = rejectLatest;
  return promise;
}

let resolveLatest: (value: never) => void;
let rejectLatest: (error: unknown) => void;
/** One function for all promises: it saves each of them a closure. */
const hold = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  resolveLatest = resolve;
  rejectLatest = reject;
};

/** Its `then` is the cheapest way to a microtask. */
const settled: Promise<void> = Promise.resolve();

/**
 * A promise that is rejected when its caller has had time to listen: one that nobody listens to yet is first
 * recorded as unhandled and then taken off that record, which costs twice the rest of a rejection.
 */
function rejectedSoon(error: unknown): Promise<never> {
  const promise = new Promise<never>(hold);
  const reject = rejectLatest;
  settled.then(() => reject(error));
  return promise;
}
