import { Line, type Place } from "../bulkhead/line.ts";
import { Gcra, type Rate, type Taken } from "./gcra.ts";

/** Somebody who waits for permits, told exactly once how it ends unless it leaves by itself. */
export interface RateWaiter {
  readonly cost: number;
  readonly sinceMs: number;
  /** A turn that would come later than this is not worth waiting for. */
  readonly latestAtMs: number;
  readonly deadlineAtMs: number;
  granted(taken: Taken, nowMs: number): void;
  /** @param readyAtMs - When its turn would have come. */
  dropped(readyAtMs: number, nowMs: number): void;
}

export type RateTicket = Place<RateWaiter>;

/**
 * A rate and the line of those who wait for it, first come, first served, without time or timers of its own.
 *
 * Because nobody overtakes, a newcomer's turn is known when it comes; it moves forward when somebody ahead leaves,
 * and backward only when the rate is paused or lowered. So nobody needs a timer of its own: one for the first in
 * line is enough.
 */
export class RateLine {
  readonly #gcra: Gcra;
  readonly #line = new Line<RateWaiter>();
  #queuedCost = 0;
  #maxWaiting: number;

  constructor(rate: Rate, maxWaiting: number) {
    this.#gcra = new Gcra(rate);
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#line.size;
  }

  get burst(): number {
    return this.#gcra.burst;
  }

  get isFull(): boolean {
    return this.#line.size >= this.#maxWaiting;
  }

  available(nowMs: number): number {
    return this.#gcra.available(nowMs);
  }

  pausedForMs(nowMs: number): number {
    return this.#gcra.pausedForMs(nowMs);
  }

  /** Permits, when there are enough and nobody waits for them. */
  take(cost: number, nowMs: number): Taken | undefined {
    return this.#line.size === 0 && this.#gcra.isReady(cost, nowMs)
      ? this.#gcra.take(cost, nowMs)
      : undefined;
  }

  /** When a newcomer's turn would come; may lie in the past. */
  readyAtMs(cost: number): number {
    return this.#gcra.readyAtMs(cost, this.#queuedCost);
  }

  /** When the turn of the first in line comes; undefined when nobody waits. */
  get nextAtMs(): number | undefined {
    const first = this.#line.first;
    return first === undefined ? undefined : this.#gcra.readyAtMs(first.value.cost);
  }

  /** A place at the end. Only for who was not let through by {@link take}, and while it is not full. */
  wait(waiter: RateWaiter): RateTicket {
    this.#queuedCost += waiter.cost;
    return this.#line.append(waiter);
  }

  /** Frees a place at once; everybody behind it moves forward. @returns false when it was free already. */
  leave(ticket: RateTicket): boolean {
    if (!this.#line.remove(ticket)) return false;
    this.#queuedCost -= ticket.value.cost;
    return true;
  }

  /** Lets through everybody whose turn has come. */
  advance(nowMs: number): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const { value } = first;
      if (value.deadlineAtMs <= nowMs) {
        this.leave(first);
        value.dropped(nowMs, nowMs);
      } else if (this.#gcra.isReady(value.cost, nowMs)) {
        this.leave(first);
        value.granted(this.#gcra.take(value.cost, nowMs), nowMs);
      } else return;
    }
  }

  /** Gives back unused permits, to those who wait first. */
  refund(taken: Taken, nowMs: number): number {
    const permits = this.#gcra.refund(taken, nowMs);
    this.advance(nowMs);
    return permits;
  }

  /** @returns false when it changes nothing. */
  pause(untilMs: number, nowMs: number): boolean {
    const paused = this.#gcra.pause(untilMs, nowMs);
    if (paused) this.#dropLate(nowMs);
    return paused;
  }

  change(rate: Rate, maxWaiting: number, nowMs: number): void {
    this.#gcra.change(rate, nowMs);
    this.#maxWaiting = maxWaiting;
    this.#dropLate(nowMs);
    this.advance(nowMs);
  }

  /** Tells those at once whose turn would now come too late, or never, rather than when their time is up. */
  #dropLate(nowMs: number): void {
    let ahead = 0;
    const late: [RateTicket, number][] = [];
    for (let place = this.#line.first; place !== undefined; place = place.after) {
      const { cost, latestAtMs } = place.value;
      const readyAtMs = this.#gcra.readyAtMs(cost, ahead);
      if (readyAtMs > latestAtMs) late.push([place, readyAtMs]);
      else ahead += cost;
    }
    for (const [place] of late) this.leave(place);
    // Told last, because whoever hears of it may come back at once.
    for (const [place, readyAtMs] of late) place.value.dropped(readyAtMs, nowMs);
  }
}
