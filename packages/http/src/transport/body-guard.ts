import type { CallContext, Timer } from "@outrigger/core";
import type { HttpEvent } from "../events.ts";
import { placeText } from "./call-place.ts";
import type { Exchange, ExchangeEnd } from "./exchange.ts";
import type { IncomingBody } from "./incoming-body.ts";
import { type AttemptFacts, Judge } from "./judge.ts";

interface Guarded extends AttemptFacts {
  readonly settings: AttemptFacts["settings"] & {
    readonly leakMs: number;
    readonly emit: ((event: HttpEvent) => void) | undefined;
  };
}

/** What keeps the promises of a call after the call has been answered: its deadline, its signal, and that it ends. */
export interface BodyGuard {
  /** Settles when the body has ended, however. */
  readonly ended: Promise<void>;
  /** The exchange has ended, and the reader is told how. @returns the failure, if it was one. */
  settle(end: ExchangeEnd): Error | undefined;
}

/**
 * Watches over the body of a streamed answer: it ends with the call's deadline, with the caller's signal, and when
 * nobody has read it for too long.
 */
export function guardBody(attempt: Guarded, exchange: Exchange, body: IncomingBody): BodyGuard {
  return new Guard(attempt, exchange, body);
}

class Guard implements BodyGuard {
  readonly ended: Promise<void>;
  readonly #attempt: Guarded;
  readonly #exchange: Exchange;
  readonly #body: IncomingBody;
  #release: () => void = () => {};
  #deadline: Timer | undefined;
  #leak: Timer | undefined;

  constructor(attempt: Guarded, exchange: Exchange, body: IncomingBody) {
    this.#attempt = attempt;
    this.#exchange = exchange;
    this.#body = body;
    this.ended = new Promise((resolve) => {
      this.#release = resolve;
    });
    const { context, request, settings } = attempt;
    this.#deadline = context.clock.setTimer(Math.max(0, context.leftMs), () => {
      this.#reportUnread();
      this.#exchange.abort(new Judge(attempt).deadlineExceeded());
    });
    this.#lookForLeak(settings.leakMs);
    request.signal?.addEventListener("abort", this.#onSignal);
    if (request.signal?.aborted === true) queueMicrotask(this.#onSignal);
  }

  settle(end: ExchangeEnd): Error | undefined {
    this.#deadline?.cancel();
    this.#leak?.cancel();
    this.#attempt.request.signal?.removeEventListener("abort", this.#onSignal);
    this.#release();
    if (end.type === "cancelled") return undefined;
    if (end.type === "answered") {
      this.#body.complete();
      return undefined;
    }
    const failure = new Judge(this.#attempt).explain(end);
    if (end.type === "aborted") this.#body.cut(failure);
    else this.#body.fail(failure);
    return failure;
  }

  readonly #onSignal = (): void => {
    const { reason } = this.#attempt.request.signal ?? {};
    this.#exchange.abort(new Judge(this.#attempt).aborted("the caller aborted the call", reason));
  };

  /** The timer is not set anew for each read: when it fires it looks how long nobody has read. */
  #lookForLeak(delayMs: number): void {
    const { context, settings } = this.#attempt;
    this.#leak = context.clock.setTimer(delayMs, () => {
      const unreadMs = this.#unreadMs(context);
      if (unreadMs < settings.leakMs) {
        this.#lookForLeak(Math.ceil(settings.leakMs - unreadMs));
        return;
      }
      this.#reportUnread();
      this.#exchange.abort(new Judge(this.#attempt).unread(unreadMs));
    });
  }

  #unreadMs(context: CallContext): number {
    const sinceMs = this.#exchange.unreadSinceMs;
    return sinceMs === undefined ? 0 : context.clock.now() - sinceMs;
  }

  #reportUnread(): void {
    const { settings, request, context } = this.#attempt;
    if (settings.emit === undefined || this.#exchange.unreadSinceMs === undefined) return;
    settings.emit({
      type: "responseUnread",
      integration: settings.integration,
      operation: request.operation,
      attempt: context.attempt,
      begun: this.#body.hasBegun,
      unreadMs: this.#unreadMs(context),
      madeAt: placeText(request.progress.madeAt),
    });
  }
}
