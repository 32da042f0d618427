import { type Clock, systemClock } from "../clock/clock.ts";
import { type Effect, type Failure, worseEffect } from "../failure/failure.ts";

export interface CallOptions {
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

interface ChildInit {
  readonly attempt?: number;
  readonly deadlineAtMs?: number;
}

type AbortListener = (reason: Failure) => void;

/**
 * What travels with a call through every policy: its deadline, attempt number, key, cancellation, and how far
 * it has come (`effect`).
 *
 * Policies that end a part of the call on their own (a timeout, an attempt) run that part in a child context.
 */
export class CallContext {
  readonly clock: Clock;
  readonly key: string | undefined;
  readonly idempotent: boolean;
  readonly deadlineAtMs: number;
  /** Counts the first call as 1. */
  readonly attempt: number;
  readonly #parent: CallContext | undefined;
  readonly #children = new Set<CallContext>();
  #recorded: Effect | undefined;
  #abortReason: Failure | undefined;
  #controller: AbortController | undefined;
  #listeners: Set<AbortListener> | undefined;

  constructor(options: CallOptions = {}, parent?: CallContext, child: ChildInit = {}) {
    this.clock = options.clock ?? parent?.clock ?? systemClock;
    this.key = parent === undefined ? options.key : parent.key;
    this.idempotent = parent === undefined ? (options.idempotent ?? false) : parent.idempotent;
    this.attempt = child.attempt ?? parent?.attempt ?? 1;
    this.deadlineAtMs = Math.min(
      child.deadlineAtMs ?? options.deadlineAtMs ?? Number.POSITIVE_INFINITY,
      parent?.deadlineAtMs ?? Number.POSITIVE_INFINITY,
    );
    this.#parent = parent;
    this.#abortReason = parent?.abortReason;
  }

  /** A part of this call that can be ended without ending the whole. Call {@link end} when the part is over. */
  child(init: ChildInit = {}): CallContext {
    const child = new CallContext({}, this, init);
    this.#children.add(child);
    return child;
  }

  /** Takes this part out of the whole: its effect no longer counts, and aborting the whole no longer reaches it. */
  end(): void {
    if (this.#parent !== undefined) this.#parent.#children.delete(this);
  }

  /**
   * What the other side may have done for this call, as far as is known now; the worst of its running parts
   * and of what was recorded.
   *
   * Starts as `unknown`, because nobody has vouched for less. Who knows better says so with {@link record}: a
   * transport says `none` while the request waits and `unknown` when its first byte is about to leave.
   */
  get effect(): Effect {
    if (this.#children.size === 0) return this.#recorded ?? "unknown";
    let effect = this.#recorded ?? "none";
    for (const child of this.#children) effect = worseEffect(effect, child.effect);
    return effect;
  }

  /** Says how far the call has come. */
  record(effect: Effect): void {
    this.#recorded = effect;
  }

  /** Milliseconds left until the deadline; negative when it has passed, `Infinity` when there is none. */
  get leftMs(): number {
    return this.deadlineAtMs === Number.POSITIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : this.deadlineAtMs - this.clock.now();
  }

  get abortReason(): Failure | undefined {
    return this.#abortReason;
  }

  /** Tells whoever works for this call to stop. The first reason stays; aborting again does nothing. */
  abort(reason: Failure): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    for (const child of [...this.#children]) child.abort(reason);
    if (this.#listeners !== undefined) for (const listener of [...this.#listeners]) listener(reason);
    this.#controller?.abort(reason);
  }

  /**
   * Calls back when this call is aborted; at once when it already is.
   *
   * @returns a function that forgets the listener; call it when the work ends.
   */
  onAbort(listener: AbortListener): () => void {
    if (this.#abortReason !== undefined) {
      listener(this.#abortReason);
      return () => {};
    }
    this.#listeners ??= new Set();
    const listeners = this.#listeners;
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
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
