import { armTimer, systemClock, type Timer } from "../clock/clock.ts";
import type { TimerTarget } from "../clock/timer-wheel.ts";
import { type Call, invoke } from "../context/call.ts";
import { CallContext, type CallOptions } from "../context/call-context.ts";
import { deadlineExceeded, isDeadlineExceeded } from "../deadline/deadline.ts";
import { type Effect, type Failure, verdictOf, worseEffect } from "../failure/failure.ts";
import { carrying } from "../retry/carrying.ts";
import { isObedience } from "../timeout/cut-short.ts";
import type { Doors, Visitor } from "./doors.ts";
import { judged } from "./fail-when.ts";
import { outcomeOf } from "./gate.ts";
import type { AttemptTimeoutCore, DeadlineCore, FailWhenPlan, RetryCore } from "./plan.ts";
import { failureOf, type Result } from "./result.ts";

/**
 * Policies that stand next to each other in this order and run as one: deadline, retry, gates, attempt timeout,
 * classification of the result, call.
 */
export interface Fused<I = unknown, O = unknown> {
  readonly next: Call<I, O>;
  readonly deadline: DeadlineCore | undefined;
  readonly retry: RetryCore | undefined;
  readonly doors: Doors;
  readonly timeout: AttemptTimeoutCore | undefined;
  readonly failWhen: FailWhenPlan["classify"] | undefined;
}

const running = 0;
/** Between two attempts. */
const waiting = 1;
/** The caller has been answered, or the next attempt has begun. */
const over = 2;

/** What is handed from one attempt of a call to the next. */
interface Baton<O> {
  readonly tried: boolean;
  /** The first attempt's; what a retry's decisions know a call by. */
  readonly call: CallContext | undefined;
  readonly attempt: number;
  readonly worst: Effect;
  readonly previousWaitMs: number;
  readonly resolve: ((value: O | Result<O>) => void) | undefined;
  readonly reject: ((error: unknown) => void) | undefined;
}

const firstTry: Baton<unknown> = {
  tried: false,
  call: undefined,
  attempt: 1,
  worst: "none",
  previousWaitMs: 0,
  resolve: undefined,
  reject: undefined,
};
const firstTryForResult: Baton<unknown> = { ...firstTry, tried: true };

/**
 * Makes a call through fused policies.
 *
 * @param whole - The context that the call is a part of; undefined when `options` begin one.
 */
export function begin<I, O>(
  fused: Fused<I, O>,
  input: I,
  whole: CallContext | undefined,
  options?: CallOptions,
): Promise<O> {
  return start(fused, input, whole, options, firstTry) as Promise<O>;
}

/** Like {@link begin}, and answers with a result also when the call fails. */
export function beginForResult<I, O>(
  fused: Fused<I, O>,
  input: I,
  whole: CallContext | undefined,
  options?: CallOptions,
): Promise<Result<O>> {
  return start(fused, input, whole, options, firstTryForResult) as Promise<Result<O>>;
}

let resolveLatest: (value: never) => void;
let rejectLatest: (error: unknown) => void;
/** One function for all promises: it saves each of them a closure. */
const hold = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  resolveLatest = resolve;
  rejectLatest = reject;
};

function start<I, O>(
  fused: Fused<I, O>,
  input: I,
  whole: CallContext | undefined,
  options: CallOptions | undefined,
  baton: Baton<unknown>,
): Promise<O | Result<O>> {
  const nowMs = (whole?.clock ?? options?.clock ?? systemClock).now();
  const totalMs = fused.deadline?.totalMs;
  const deadlineAtMs = totalMs === undefined ? undefined : nowMs + totalMs;
  const run = new Run(fused, input, whole, options, baton as Baton<O>, nowMs, deadlineAtMs);
  run.go();
  if (run.answered !== undefined) return run.answered;
  const promise = new Promise<O | Result<O>>(hold);
  run.resolve = resolveLatest as (value: O | Result<O>) => void;
  run.reject = rejectLatest;
  return promise;
}

/**
 * One attempt, which is the context that the call gets, and everything that the policies around it have to
 * remember of it. A retry is another one.
 *
 * It means what the policies mean when each of them wraps the next; the tests compare the two. The order of its
 * steps is theirs as well: see `deadline.ts`, `retry.ts`, `gate.ts` and `attempt-timeout.ts` for the reasons.
 */
class Run<I, O> extends CallContext implements TimerTarget, Visitor {
  readonly #fused: Fused<I, O>;
  readonly input: I;
  readonly #whole: CallContext | undefined;
  readonly #baton: Baton<O>;
  readonly startedAtMs: number;
  #state: 0 | 1 | 2 = running;
  #invoking = false;
  #work: Promise<O> | undefined = undefined;
  #timer: Timer | undefined = undefined;
  /** What is armed is the timeout, not the deadline. */
  #timeoutMs = 0;
  /** Of this attempt and those before it. */
  #worst: Effect;
  #waitMs = 0;
  admitted = 0;
  token0 = 0;
  token1 = 0;
  visits: Visitor["visits"] = undefined;
  /** What its caller, or the retry, was told when it was cut short. */
  #answer: Failure | undefined = undefined;
  #answeredAtMs = 0;
  resolve: ((value: O | Result<O>) => void) | undefined;
  reject: ((error: unknown) => void) | undefined;
  /** An answer that was there before anything had to be waited for. */
  answered: Promise<O | Result<O>> | undefined = undefined;

  constructor(
    fused: Fused<I, O>,
    input: I,
    whole: CallContext | undefined,
    options: CallOptions | undefined,
    baton: Baton<O>,
    nowMs: number,
    deadlineAtMs: number | undefined,
  ) {
    super(options, whole, fused.retry === undefined ? undefined : baton.attempt, deadlineAtMs);
    this.#fused = fused;
    this.input = input;
    this.#whole = whole;
    this.#baton = baton;
    this.startedAtMs = nowMs;
    this.#worst = baton.worst;
    this.resolve = baton.resolve;
    this.reject = baton.reject;
  }

  go(): void {
    const { deadline, retry, doors, timeout, next } = this.#fused;
    const isFirst = this.#baton.call === undefined;
    if (isFirst && this.abortReason !== undefined && (deadline !== undefined || retry !== undefined)) {
      this.#settle(this.abortReason);
      return;
    }
    const leftMs = this.deadlineAtMs - this.startedAtMs;
    if (deadline !== undefined && leftMs <= 0) {
      this.#settle(deadline.exceeded(this.#worst, this));
      return;
    }
    if (isFirst) retry?.began?.(this);
    const rejected = doors.enter(this);
    if (rejected !== undefined) {
      this.#failed(rejected);
      return;
    }

    if (timeout !== undefined) {
      if (this.abortReason !== undefined) {
        this.#failed(this.abortReason);
        return;
      }
      if (leftMs <= 0) {
        this.#failed(deadlineExceeded("none"));
        return;
      }
      this.#timeoutMs = timeout.timeoutMs(this);
      this.#arm(this.startedAtMs, Math.min(this.#timeoutMs, leftMs));
    } else if (deadline !== undefined) this.#arm(this.startedAtMs, leftMs);

    this.#invoking = true;
    const work = invoke(next, this.input, this);
    this.#invoking = false;
    this.#work = work;
    work.then(
      (value) => this.#returned(value),
      (error: unknown) => this.#threw(error),
    );
    // The call may have aborted itself before it returned its promise.
    const reason = this.#whole?.abortReason;
    if (reason !== undefined) this.#aborted(reason);
  }

  /** The time of the attempt, of the deadline, or of the wait before the next attempt is up. */
  timeUp(): void {
    if (this.#state === waiting) {
      this.#again();
      return;
    }
    if (this.#state === over) return;
    const { deadline, timeout } = this.#fused;
    if (timeout !== undefined && this.#timeoutMs < this.deadlineAtMs - this.startedAtMs) {
      const failure = timeout.timedOut(this.attempt, this.#timeoutMs, this.effect, this);
      this.#cut(failure);
      this.#attemptFailed(failure);
    } else if (deadline !== undefined) {
      const failure = deadline.exceeded(this.effectForWhole, this);
      this.#cut(failure);
      this.#settle(failure);
    } else {
      const failure = deadlineExceeded(this.effect);
      this.#cut(failure);
      this.#attemptFailed(failure);
    }
  }

  protected override abortWithWhole(reason: Failure): void {
    if (this.#state === waiting) {
      this.#timer?.cancel();
      this.#fused.retry?.withdrawn?.(this.#baton.attempt, this.#call);
      this.#settle(this.#fused.deadline === undefined ? carrying(reason, this.#worst) : reason);
      return;
    }
    this.abort(reason);
    if (!this.#invoking) this.#aborted(reason);
  }

  protected override get effectForWhole(): Effect {
    return this.#state === waiting ? this.#worst : worseEffect(this.#worst, this.effect);
  }

  /** Where no policy of the run makes a part of the call, what is said of the part is said of the whole. */
  override record(effect: Effect): void {
    super.record(effect);
    const { deadline, retry, timeout } = this.#fused;
    if (deadline === undefined && retry === undefined && timeout === undefined) this.#whole?.record(effect);
  }

  /** What a retry's decisions know the call by: its first attempt. */
  get #call(): CallContext {
    return this.#baton.call ?? this;
  }

  #arm(nowMs: number, delayMs: number): void {
    this.#timer = armTimer(this.clock, nowMs, delayMs, this);
  }

  #returned(value: O): void {
    const { failWhen, retry, timeout } = this.#fused;
    if (failWhen !== undefined) {
      const failure = judged(failWhen, value);
      if (failure !== undefined) {
        this.#threw(failure);
        return;
      }
    }
    if (this.#answer !== undefined) {
      this.#late("success");
      if (timeout !== undefined) return;
      this.#fused.doors.leave(this, "success", undefined);
      retry?.succeeded?.(this.#baton.attempt, this.#call);
      return;
    }
    this.#timer?.cancel();
    this.#fused.doors.leave(this, "success", undefined);
    this.#state = over;
    this.end();
    retry?.succeeded?.(this.#baton.attempt, this.#call);
    this.resolve?.(this.#baton.tried ? { ok: true, value } : value);
  }

  #threw(error: unknown): void {
    if (this.#answer !== undefined) {
      if (!isObedience(error, this.#answer)) this.#late("failure");
      if (this.#fused.timeout === undefined)
        this.#fused.doors.leave(this, outcomeOf(error, this.abortReason), error);
      return;
    }
    this.#timer?.cancel();
    this.#failed(error);
  }

  #late(outcome: "success" | "failure"): void {
    const { deadline, timeout } = this.#fused;
    (timeout ?? deadline)?.late(outcome, this.clock.now() - this.#answeredAtMs, this);
  }

  #failed(error: unknown): void {
    this.#fused.doors.leave(this, outcomeOf(error, this.abortReason), error);
    this.#attemptFailed(error);
  }

  /** The attempt is over; another one may follow. */
  #attemptFailed(error: unknown): void {
    const { retry } = this.#fused;
    if (retry === undefined) {
      this.#finish(error);
      return;
    }
    const { attempt, previousWaitMs } = this.#baton;
    const worst = this.#remember(error);
    if (this.#whole?.abortReason !== undefined) {
      this.#finish(carrying(error, worst));
      return;
    }
    const waitMs = retry.next(attempt, error, worst, previousWaitMs, this.#call);
    if (waitMs < 0) {
      this.#finish(carrying(error, worst));
      return;
    }
    this.#state = waiting;
    this.#waitMs = waitMs;
    this.#arm(this.clock.now(), waitMs);
  }

  /** What the attempt left behind is the call's own from now on. */
  #remember(error: unknown): Effect {
    const { deadline, retry } = this.#fused;
    if (retry === undefined) return this.#worst;
    this.#worst = worseEffect(this.#baton.worst, verdictOf(error).effect);
    if (deadline === undefined) this.#whole?.record(this.#worst);
    return this.#worst;
  }

  #again(): void {
    const { tried, attempt } = this.#baton;
    const { resolve, reject } = this;
    this.#state = over;
    this.end();
    const baton: Baton<O> = {
      tried,
      call: this.#call,
      attempt: attempt + 1,
      worst: this.#worst,
      previousWaitMs: this.#waitMs,
      resolve,
      reject,
    };
    const { clock, deadlineAtMs } = this;
    const next = new Run(this.#fused, this.input, this.#whole, this, baton, clock.now(), deadlineAtMs);
    next.countedIn = this.countedIn;
    next.go();
  }

  #aborted(reason: Failure): void {
    const { deadline, retry, timeout } = this.#fused;
    if (this.#state === over || (deadline === undefined && timeout === undefined)) return;
    this.#cut(reason);
    const worst = this.#remember(reason);
    this.#settle(deadline !== undefined || retry === undefined ? reason : carrying(reason, worst));
  }

  /** Nobody waits for the work of this attempt any more. */
  #cut(failure: Failure): void {
    this.#answer = failure;
    this.#answeredAtMs = this.clock.now();
    this.#timer?.cancel();
    this.abort(failure);
    if (this.#work !== undefined) this.leaveRunning(this.#work);
    // Without a timeout of its own the attempt lasts until its work ends.
    if (this.#fused.timeout !== undefined) this.#fused.doors.leave(this, outcomeOf(failure), failure);
  }

  #finish(error: unknown): void {
    // Something inside that keeps the same deadline may notice first, by the order of timers alone.
    if (isDeadlineExceeded(error) && this.leftMs <= 0) this.#fused.deadline?.noticed(error.effect, this);
    this.#settle(error);
  }

  #settle(error: unknown): void {
    this.#state = over;
    this.end();
    if (this.#baton.tried) {
      const result: Result<O> = { ok: false, failure: failureOf(error) };
      if (this.resolve === undefined) this.answered = Promise.resolve(result);
      else this.resolve(result);
    } else if (this.reject === undefined) this.answered = rejectedSoon(error);
    else this.reject(error);
  }
}

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
