import type { Clock, Timer } from "../clock/clock.ts";
import type { CallContext } from "../context/call-context.ts";
import { durationText } from "../duration/duration.ts";
import { coreFailureCodes, Failure } from "../failure/failure.ts";
import type { Observer } from "../options/policy-options.ts";
import type { Rate, Taken } from "./gcra.ts";
import type { RateLimitSnapshot } from "./rate-limit.ts";
import type { RateLimitSettings } from "./rate-limit-options.ts";
import { RateLine, type RateTicket, type RateWaiter } from "./rate-line.ts";

/** A rate line with the one timer that it needs while somebody waits, with counts, and with its failures. */
export class RateLimiter {
  readonly line: RateLine;
  readonly observer: Observer;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #timerAtMs: number | undefined;
  #spent = 0;
  #refunded = 0;
  #rejected = 0;
  #aborted = 0;

  constructor({ rate, maxWaiting, clock }: RateLimitSettings, observer: Observer) {
    this.line = new RateLine(rate, maxWaiting);
    this.#clock = clock;
    this.observer = observer;
  }

  now(): number {
    return this.#clock.now();
  }

  take(cost: number, nowMs: number): Taken | undefined {
    const taken = this.line.take(cost, nowMs);
    if (taken !== undefined) this.#spent += cost;
    return taken;
  }

  wait(waiter: RateWaiter): RateTicket {
    const ticket = this.line.wait({
      ...waiter,
      granted: (taken, nowMs) => {
        this.#spent += taken.cost;
        waiter.granted(taken, nowMs);
      },
    });
    this.#arm();
    return ticket;
  }

  /** @returns false when it had left already. */
  abort(ticket: RateTicket): boolean {
    if (!this.line.leave(ticket)) return false;
    this.#aborted += 1;
    this.line.advance(this.#clock.now());
    this.#arm();
    return true;
  }

  refund(taken: Taken, nowMs: number): void {
    this.#refunded += this.line.refund(taken, nowMs);
    this.#arm();
  }

  pause(untilMs: number, nowMs: number): void {
    if (!this.line.pause(untilMs, nowMs)) return;
    const { name, emit } = this.observer;
    emit?.({ type: "ratePaused", name, pauseMs: untilMs - nowMs });
    this.#arm();
  }

  change(rate: Rate, maxWaiting: number, nowMs: number): void {
    this.line.change(rate, maxWaiting, nowMs);
    this.#arm();
  }

  /** @param readyAtMs - `Infinity` when there can never be so many permits. */
  limited(readyAtMs: number, nowMs: number, context: CallContext): Failure {
    if (readyAtMs === Number.POSITIVE_INFINITY) {
      return this.#rejection(
        coreFailureCodes.rateLimited,
        `${this.#who} was lowered to a burst of ${this.line.burst}, less than the call costs`,
        readyAtMs,
        context,
      );
    }
    const pausedForMs = this.line.pausedForMs(nowMs);
    const retryAfterMs = readyAtMs - nowMs;
    const why = pausedForMs > 0 ? "is paused" : "is used up";
    return this.#rejection(
      coreFailureCodes.rateLimited,
      `${this.#who} ${why}; try again in ${durationText(Math.ceil(retryAfterMs))}`,
      retryAfterMs,
      context,
    );
  }

  queueFull(nowMs: number, context: CallContext): Failure {
    const retryAfterMs = (this.line.nextAtMs ?? nowMs) - nowMs;
    return this.#rejection(
      coreFailureCodes.queueFull,
      `${this.line.waiting} calls wait for ${this.#who} already; try again in ` +
        durationText(Math.ceil(retryAfterMs)),
      retryAfterMs,
      context,
    );
  }

  pastDeadline(readyAtMs: number, leftMs: number, nowMs: number, context: CallContext): Failure {
    return this.#rejection(
      coreFailureCodes.waitPastDeadline,
      `the wait for ${this.#who} is ${durationText(readyAtMs - nowMs)}, and the call has ` +
        `${durationText(Math.max(0, leftMs))} left`,
      readyAtMs - nowMs,
      context,
    );
  }

  snapshot({ permits, perMs, burst }: Rate, nowMs: number): RateLimitSnapshot {
    return {
      kind: "rateLimit",
      name: this.observer.name,
      permits,
      perMs,
      burst,
      available: this.line.available(nowMs),
      pausedForMs: this.line.pausedForMs(nowMs),
      waiting: this.line.waiting,
      spent: this.#spent,
      refunded: this.#refunded,
      rejected: this.#rejected,
      aborted: this.#aborted,
    };
  }

  get #who(): string {
    const { name } = this.observer;
    return name === undefined ? "the rate limit" : `the rate limit of ${name}`;
  }

  #rejection(code: string, message: string, waitMs: number, { operation }: CallContext): Failure {
    const transient = waitMs < Number.POSITIVE_INFINITY;
    const retryAfterMs = transient ? Math.max(0, waitMs) : undefined;
    const { name, emit } = this.observer;
    this.#rejected += 1;
    emit?.({ type: "rateLimited", name, operation, code, retryAfterMs });
    return new Failure(message, { code, effect: "none", kind: "rejected", transient, retryAfterMs });
  }

  /** Keeps one timer, for the first in line; none when nobody waits. */
  #arm(): void {
    const atMs = this.line.nextAtMs;
    if (atMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer =
      atMs === undefined
        ? undefined
        : this.#clock.setTimer(Math.max(0, atMs - this.#clock.now()), () => {
            this.#timerAtMs = undefined;
            this.#timer = undefined;
            this.line.advance(this.#clock.now());
            this.#arm();
          });
  }
}
