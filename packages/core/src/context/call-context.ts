import { type Clock, systemClock } from "../clock/clock.ts";
import { show } from "../duration/duration.ts";
import { type Effect, type Failure, worseEffect } from "../failure/failure.ts";

export interface CallOptions {
  /** What the call is for (`"checkout.pay"`); stands in the events of its policies. A name, never an id. */
  readonly operation?: string | undefined;
  /** Idempotency key, made once per logical call and sent with every attempt. */
  readonly key?: string | undefined;
  /**
   * Whether sending the call twice has the effect of sending it once: by nature (a read) or because the other
   * side honours the key.
   *
   * @defaultValue false
   */
  readonly idempotent?: boolean | undefined;
  /** The caller's own signal; when it aborts, the call ends with `CALL_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** An instant on `clock` that nothing done for this call may pass. @defaultValue Infinity */
  readonly deadlineAtMs?: number | undefined;
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined;
}

/** How a part differs from its whole. */
interface ChildInit {
  readonly attempt?: number;
  readonly deadlineAtMs?: number;
}

const noOptions: CallOptions = {};
const noChange: ChildInit = {};

type AbortListener = (reason: Failure) => void;

/** Who runs a part of a call, where ending it takes more than aborting its context. */
export interface Keeper {
  /** The whole was aborted, and the part with it. */
  abortedWithWhole(reason: Failure): void;
  /** What the whole has to answer for because of the part. */
  readonly effectForWhole: Effect;
}

/**
 * What travels with a call through every policy: its deadline, attempt number, key, cancellation, and how far
 * it has come (`effect`).
 *
 * Policies that end a part of the call on their own (a timeout, an attempt) run that part in a child context.
 */
export class CallContext {
  readonly clock: Clock;
  readonly operation: string | undefined;
  readonly key: string | undefined;
  readonly idempotent: boolean;
  /** Counts the first call as 1. */
  readonly attempt: number;
  /** The budget of extra load that counts this call already. Policies that share one count a call once. */
  countedIn: object | undefined;
  /** Undefined for none: a number in its place would be an object of its own for each context. */
  #deadlineAtMs: number | undefined;
  readonly #parent: CallContext | undefined;
  #keeper: Keeper | undefined;
  /** A list only where there are several: most contexts have one part or none. */
  #children: CallContext | CallContext[] | undefined;
  #recorded: Effect | undefined;
  #abortReason: Failure | undefined;
  #controller: AbortController | undefined;
  #listeners: AbortListener[] | undefined;
  #outliving: OutlivingWork | undefined;

  /** @param parent - The whole that this becomes a part of; {@link end} takes it out again. */
  constructor(
    options: CallOptions = noOptions,
    parent?: CallContext,
    attempt?: number,
    deadlineAtMs?: number,
  ) {
    const { clock, operation, key, idempotent } = parent ?? options;
    this.clock = clock ?? systemClock;
    this.operation = operation;
    this.key = key;
    this.idempotent = idempotent ?? false;
    this.attempt = attempt ?? parent?.attempt ?? 1;
    this.#deadlineAtMs = deadlineAtMs;
    this.#parent = parent;
    // Apart, because most contexts are neither: V8 builds in only what is short.
    if (parent !== undefined) CallContext.#join(this, parent);
    else if (options.deadlineAtMs !== undefined)
      this.#deadlineAtMs = earlier(deadlineAtMs, options.deadlineAtMs);
  }

  static #join(part: CallContext, whole: CallContext): void {
    part.countedIn = whole.countedIn;
    part.#abortReason = whole.#abortReason;
    if (whole.#deadlineAtMs !== undefined)
      part.#deadlineAtMs = earlier(part.#deadlineAtMs, whole.#deadlineAtMs);
    const children = whole.#children;
    if (children === undefined) whole.#children = part;
    else if (Array.isArray(children)) children.push(part);
    else whole.#children = [children, part];
  }

  get deadlineAtMs(): number {
    return this.#deadlineAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** What this is a part of. */
  get whole(): CallContext | undefined {
    return this.#parent;
  }

  /** The keeper is told and asked instead of this part. */
  keptBy(keeper: Keeper): void {
    this.#keeper = keeper;
  }

  /** A part of this call that can be ended without ending the whole. Call {@link end} when the part is over. */
  child({ attempt, deadlineAtMs }: ChildInit = noChange): CallContext {
    const ownAtMs = deadlineAtMs === undefined ? undefined : earlier(deadlineAtMs, deadlineAtMs);
    return new CallContext(noOptions, this, attempt, ownAtMs);
  }

  /** Takes this part out of the whole: its effect no longer counts, and aborting the whole no longer reaches it. */
  end(): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    if (parent.#children === this) parent.#children = undefined;
    else if (Array.isArray(parent.#children)) remove(parent.#children, this);
  }

  /**
   * What the other side may have done for this call, as far as is known now; the worst of its running parts
   * and of what was recorded.
   *
   * Starts as `unknown`, because nobody has vouched for less. Who knows better says so with {@link record}: a
   * transport says `none` while the request waits and `unknown` when its first byte is about to leave.
   */
  get effect(): Effect {
    const children = this.#children;
    if (children === undefined || (Array.isArray(children) && children.length === 0)) {
      return this.#recorded ?? "unknown";
    }
    let effect = this.#recorded ?? "none";
    for (const child of listed(children))
      effect = worseEffect(effect, (child.#keeper ?? child).effectForWhole);
    return effect;
  }

  /** What the whole has to answer for because of this part. */
  get effectForWhole(): Effect {
    return this.effect;
  }

  /** Says how far the call has come. */
  record(effect: Effect): void {
    this.#recorded = effect;
  }

  /** Milliseconds left until the deadline; negative when it has passed, `Infinity` when there is none. */
  get leftMs(): number {
    const deadlineAtMs = this.#deadlineAtMs;
    return deadlineAtMs === undefined ? Number.POSITIVE_INFINITY : deadlineAtMs - this.clock.now();
  }

  get abortReason(): Failure | undefined {
    return this.#abortReason;
  }

  /**
   * Tells whoever works for this call to stop. The first reason stays; aborting again does nothing.
   *
   * The effect at this moment is what the caller is told, so whoever hears of it must not carry the call any
   * further: a request that still waits is not sent.
   */
  abort(reason: Failure): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    for (const child of listed(this.#children)) (child.#keeper ?? child).abortedWithWhole(reason);
    for (const listener of [...(this.#listeners ?? [])]) tell(listener, reason);
    this.#controller?.abort(reason);
  }

  /** The whole was aborted, and this part with it. */
  abortedWithWhole(reason: Failure): void {
    this.abort(reason);
  }

  /**
   * Calls back when this call is aborted; at once when it already is. What the listener throws is dropped, so
   * that the others hear of it too.
   *
   * @returns a function that forgets the listener; call it when the work ends.
   */
  onAbort(listener: AbortListener): () => void {
    if (this.#abortReason !== undefined) {
      tell(listener, this.#abortReason);
      return () => {};
    }
    this.#listeners ??= [];
    const listeners = this.#listeners;
    listeners.push(listener);
    return () => remove(listeners, listener);
  }

  /**
   * Says that `work` goes on although its caller has been answered. Policies that answer early say it, so that
   * what the work still holds is not given away.
   */
  leaveRunning(work: Promise<unknown>): void {
    this.workOutlives();
    const ended = (): void => this.outlivingWorkEnded();
    work.then(ended, ended);
  }

  /** Like {@link leaveRunning}, for who says with {@link outlivingWorkEnded} when the work has ended. */
  workOutlives(): void {
    this.#outliving ??= new OutlivingWork();
    this.#outliving.pieces += 1;
    this.#parent?.workOutlives();
  }

  outlivingWorkEnded(): void {
    this.#outliving?.ended();
    this.#parent?.outlivingWorkEnded();
  }

  /** Whether work goes on although its caller has been answered. */
  get isOutlived(): boolean {
    return this.#outliving !== undefined && this.#outliving.pieces > 0;
  }

  /** Calls back once nothing done for this call goes on any more: at once, unless work outlived its caller. */
  whenWorkEnds(callback: () => void): void {
    if (this.#outliving === undefined || this.#outliving.pieces === 0) callback();
    else this.#outliving.waiting.push(callback);
  }

  /** For APIs that want an `AbortSignal`. Made at the first use, because most calls never need one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }
}

/** Work of a call or of its parts that goes on although its caller has been answered. */
class OutlivingWork {
  pieces = 0;
  waiting: (() => void)[] = [];

  ended(): void {
    this.pieces -= 1;
    if (this.pieces > 0) return;
    for (const callback of this.waiting.splice(0)) callback();
  }
}

function earlier(atMs: number | undefined, otherAtMs: number): number {
  const earlierAtMs = Math.min(atMs ?? Number.POSITIVE_INFINITY, otherAtMs);
  if (!Number.isNaN(earlierAtMs)) return earlierAtMs;
  throw new RangeError(
    `deadlineAtMs must be an instant in milliseconds on the call's clock; got ${show(otherAtMs)}`,
  );
}

/** A list of its own, which stays as it is when children come and go. */
function listed(children: CallContext | readonly CallContext[] | undefined): readonly CallContext[] {
  if (children === undefined) return [];
  return Array.isArray(children) ? [...children] : [children as CallContext];
}

function tell(listener: AbortListener, reason: Failure): void {
  try {
    listener(reason);
  } catch {
    // An abort comes from a timer or a signal, where a throw would end the process.
  }
}

function remove<T>(list: T[] | undefined, item: T): void {
  const index = list?.indexOf(item) ?? -1;
  if (index >= 0) list?.splice(index, 1);
}
