import { armTimed, disarm } from "../clock/clock.ts";
import type { Timed, WaitsIn } from "../clock/timer-wheel.ts";
import { invoke } from "../context/call.ts";
import type { CallContext, Keeper } from "../context/call-context.ts";
import { deadlineExceeded } from "../deadline/deadline.ts";
import { type Effect, type Failure, worseEffect } from "../failure/failure.ts";
import { isObedience } from "../timeout/cut-short.ts";
import type { Visit, Visitor } from "./doors.ts";
import { judged } from "./fail-when.ts";
import { outcomeOf } from "./gate.ts";
import type { Answered, Past, Run } from "./run.ts";

/** The call is being made: it has not returned its promise yet. */
const making = 0;
const running = 1;
/** The attempt has failed, and the next one has not begun. */
const waiting = 2;
/** The caller has been answered, or the next attempt has begun. */
const over = 3;

/**
 * One attempt, and everything that the policies around it have to remember of it: the gates that it passed, its
 * time limit, and its work, which may go on after its caller was answered.
 *
 * It means what the policies mean when each of them wraps the next; the tests compare the two. The order of its
 * steps is theirs as well: see `deadline.ts`, `retry.ts`, `gate.ts` and `attempt-timeout.ts` for the reasons.
 */
export class Attempt<I, O> implements Timed, Visitor, Keeper {
  readonly run: Run<I, O>;
  readonly input: I;
  /** What the call is given. */
  readonly context: CallContext;
  readonly startedAtMs: number;
  past: Past;
  resolve: ((value: never) => void) | undefined = undefined;
  reject: ((error: unknown) => void) | undefined = undefined;
  token0: number;
  token1 = -1;
  visits: Visit[] | undefined = undefined;
  /** For the time of the attempt, of the deadline, or of the wait after the attempt. */
  waitsIn: WaitsIn | undefined = undefined;
  dueTick = 0;
  slot = 0;
  next: Timed = this;
  previous: Timed = this;
  #state: 0 | 1 | 2 | 3 = making;
  #timeoutMs = 0;
  /** Its caller, or the retry, was answered before its work had ended. */
  #cut: Cut | undefined = undefined;

  /** @param token0 - Of the outermost gate, where it has let the attempt in already; else -1. */
  constructor(
    run: Run<I, O>,
    input: I,
    context: CallContext,
    startedAtMs: number,
    past: Past,
    token0: number,
  ) {
    this.run = run;
    this.input = input;
    this.context = context;
    this.startedAtMs = startedAtMs;
    this.past = past;
    this.token0 = token0;
  }

  /** Begins at the outermost gate. */
  enter(): Answered<O> {
    const { run, context, input, startedAtMs } = this;
    const gate = run.doors.outermost(context);
    if (gate === undefined) return this.make();
    this.token0 = gate.admit(startedAtMs, context, input);
    return this.token0 < 0 ? this.#failed(gate.rejection(startedAtMs, context, input)) : this.make();
  }

  /** Goes on inside the outermost gate. */
  make(): Answered<O> {
    const { run, context } = this;
    const rejected = run.doors.enter(this) ?? this.#limitTime();
    if (rejected !== undefined) return this.#failed(rejected);
    const work = invoke(run.next, this.input, context);
    this.#state = running;
    work.then(
      (value) => this.#returned(value),
      (error: unknown) => this.#threw(error),
    );
    // The call may have aborted itself before it returned its promise.
    const reason = context.whole?.abortReason;
    return reason === undefined ? undefined : this.#aborted(reason);
  }

  /** @returns why the attempt must not even begin. */
  #limitTime(): Failure | undefined {
    const { context, startedAtMs } = this;
    const { timeout, deadline } = this.run;
    const leftMs = context.deadlineAtMs - startedAtMs;
    if (timeout !== undefined) {
      if (context.abortReason !== undefined) return context.abortReason;
      if (leftMs <= 0) return deadlineExceeded("none");
      this.#timeoutMs = timeout.timeoutMs(context);
      this.#arm(startedAtMs, Math.min(this.#timeoutMs, leftMs));
    } else if (deadline !== undefined) this.#arm(startedAtMs, leftMs);
    return undefined;
  }

  /** Lets the next attempt begin after a while. */
  wait(waitMs: number): void {
    this.#state = waiting;
    this.#arm(this.context.clock.now(), waitMs);
  }

  /** Nothing but its work may go on. */
  end(): void {
    this.#state = over;
    if (this.run.makesParts) this.context.end();
  }

  /** The time of the attempt, of the deadline, or of the wait after the attempt is up. */
  timeUp(): void {
    if (this.#state === waiting) this.run.again(this);
    else if (this.#state === running) this.#expired();
  }

  abortedWithWhole(reason: Failure): void {
    if (this.#state === waiting) {
      disarm(this);
      this.run.abortedWhileWaiting(this, reason);
      return;
    }
    this.context.abort(reason);
    if (this.#state === running) this.#aborted(reason);
  }

  /** What the call has to answer for, because of this attempt and those before it. */
  get effectForWhole(): Effect {
    const { worst } = this.past;
    return this.#state === waiting ? worst : worseEffect(worst, this.context.effect);
  }

  #arm(nowMs: number, delayMs: number): void {
    armTimed(this.context.clock, nowMs, delayMs, this);
  }

  #expired(): void {
    const { run, context } = this;
    const { deadline, timeout } = run;
    if (timeout !== undefined && this.#timeoutMs < context.deadlineAtMs - this.startedAtMs) {
      const failure = timeout.timedOut(context.attempt, this.#timeoutMs, context.effect, context);
      this.#cutShort(failure);
      run.attemptFailed(this, failure);
    } else if (deadline !== undefined) {
      const failure = deadline.exceeded(this.effectForWhole, context);
      this.#cutShort(failure);
      run.settle(this, failure);
    } else {
      const failure = deadlineExceeded(context.effect);
      this.#cutShort(failure);
      run.attemptFailed(this, failure);
    }
  }

  #returned(value: O): void {
    const { run } = this;
    if (run.failWhen !== undefined) {
      const failure = judged(run.failWhen, value);
      if (failure !== undefined) {
        this.#threw(failure);
        return;
      }
    }
    if (this.#cut !== undefined) {
      this.#returnedLate(this.#cut);
      return;
    }
    disarm(this);
    run.doors.leave(this, "success", undefined);
    run.succeeded(this, value);
  }

  #threw(error: unknown): void {
    if (this.#cut !== undefined) {
      this.#threwLate(this.#cut, error);
      return;
    }
    disarm(this);
    this.#failed(error);
  }

  #failed(error: unknown): Answered<O> {
    const { run, context } = this;
    run.doors.leave(this, outcomeOf(error, context.abortReason), error);
    return run.attemptFailed(this, error);
  }

  #aborted(reason: Failure): Answered<O> {
    const { run } = this;
    if (this.#state === over || (run.deadline === undefined && run.timeout === undefined)) return undefined;
    this.#cutShort(reason);
    return run.abandoned(this, reason);
  }

  /** Nobody waits for the work of this attempt any more. */
  #cutShort(answer: Failure): void {
    const { run, context } = this;
    this.#cut = { answer, atMs: context.clock.now() };
    disarm(this);
    context.abort(answer);
    context.workOutlives();
    // Without a timeout of its own the attempt lasts until its work ends.
    if (run.timeout !== undefined) run.doors.leave(this, outcomeOf(answer), answer);
  }

  #returnedLate(cut: Cut): void {
    const { run, context } = this;
    this.#late(cut, "success");
    if (run.timeout === undefined) {
      run.doors.leave(this, "success", undefined);
      run.succeededLate(this);
    }
    context.outlivingWorkEnded();
  }

  #threwLate(cut: Cut, error: unknown): void {
    const { run, context } = this;
    if (!isObedience(error, cut.answer)) this.#late(cut, "failure");
    if (run.timeout === undefined) run.doors.leave(this, outcomeOf(error, context.abortReason), error);
    context.outlivingWorkEnded();
  }

  #late(cut: Cut, outcome: "success" | "failure"): void {
    const { timeout, deadline } = this.run;
    const lateMs = this.context.clock.now() - cut.atMs;
    (timeout ?? deadline)?.late(outcome, lateMs, this.context);
  }
}

interface Cut {
  /** What the caller, or the retry, was told. */
  readonly answer: Failure;
  readonly atMs: number;
}
