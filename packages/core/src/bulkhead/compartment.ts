import type { CoDel } from "./codel.ts";
import { Pace } from "./pace.ts";
import type { Ticket, WaitQueue } from "./wait-queue.ts";

/** Leave to run. It is given back once; what is given back again changes nothing. */
export interface Permit {
  /** How long it was waited for; 0 when a slot was free. */
  readonly waitedMs: number;
  held: boolean;
  /** Its caller has been answered, and the work goes on. */
  outliving: boolean;
}

/**
 * - `expired`: its time to wait had passed when its turn came.
 * - `overloaded`: dropped by controlled delay.
 * - `displaced`: made room for somebody more important, or for a key with fewer waiters.
 */
export type DropReason = "expired" | "overloaded" | "displaced";

/** Somebody who waits, told exactly once how it ends unless it leaves by itself. */
export interface Waiter {
  /** From here on no slot is any use to it. */
  readonly expiresAtMs: number;
  granted(permit: Permit, nowMs: number): void;
  dropped(why: DropReason, nowMs: number): void;
}

export interface CompartmentRules {
  readonly limit: number;
  /** Undefined: nobody waits. */
  readonly queue: WaitQueue<Waiter> | undefined;
  readonly maxWaiting: number;
  readonly newestFirst: boolean;
  readonly codel: CoDel | undefined;
  /** Serves the newest first while controlled delay drops. */
  readonly newestFirstWhileDropping: boolean;
}

/** How long those waited who were let in from the queue. */
export interface WaitTimes {
  readonly count: number;
  readonly meanMs: number;
  readonly maxMs: number;
}

/**
 * The slots of a bulkhead and who waits for them, without time, timers or promises of its own.
 *
 * While somebody waits no slot is free: a slot that is given back goes straight to who is next, so that no
 * newcomer overtakes. `inUse` is above `limit` only after the limit was lowered, until enough have ended.
 */
export class Compartment {
  readonly #queue: WaitQueue<Waiter> | undefined;
  readonly #codel: CoDel | undefined;
  readonly #newestFirst: boolean;
  readonly #newestFirstWhileDropping: boolean;
  readonly #pace = new Pace();
  #limit: number;
  #maxWaiting: number;
  #inUse = 0;
  #outliving = 0;
  #waits = 0;
  #waitedMs = 0;
  #longestWaitMs = 0;

  constructor(rules: CompartmentRules) {
    this.#limit = rules.limit;
    this.#queue = rules.queue;
    this.#maxWaiting = rules.maxWaiting;
    this.#codel = rules.codel;
    this.#newestFirst = rules.newestFirst;
    this.#newestFirstWhileDropping = rules.newestFirstWhileDropping;
  }

  get limit(): number {
    return this.#limit;
  }

  get maxWaiting(): number {
    return this.#maxWaiting;
  }

  /** Slots taken, those of work that outlived its caller included. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Slots held only by work that goes on although its caller has been answered. */
  get outliving(): number {
    return this.#outliving;
  }

  get waiting(): number {
    return this.#queue?.size ?? 0;
  }

  /** Who has waited longest. */
  get oldest(): Ticket<Waiter> | undefined {
    return this.#queue?.oldest;
  }

  get waits(): WaitTimes {
    return {
      count: this.#waits,
      meanMs: this.#waits === 0 ? 0 : this.#waitedMs / this.#waits,
      maxMs: this.#longestWaitMs,
    };
  }

  /** A free slot, or undefined when there is none. */
  enter(): Permit | undefined {
    return this.#inUse < this.#limit ? this.#permit(0) : undefined;
  }

  /** A place in the queue, or undefined when it is full. Only for who was not let in by {@link enter}. */
  wait(waiter: Waiter, nowMs: number, level?: number, key?: string): Ticket<Waiter> | undefined {
    const queue = this.#queue;
    if (queue === undefined) return undefined;
    if (queue.size < this.#maxWaiting) return queue.add(waiter, nowMs, level, key);
    const displaced = queue.displacedBy(level, key);
    if (displaced === undefined) return undefined;
    queue.remove(displaced);
    const ticket = queue.add(waiter, nowMs, level, key);
    // Told last: whoever hears of it may change the limit, and must meet a whole queue.
    displaced.value.dropped("displaced", nowMs);
    return ticket;
  }

  /** How long a newcomer will wait at least half of the time; undefined while too little is known. */
  forecastMs(nowMs: number): number | undefined {
    return this.#pace.forecastMs(this.waiting, nowMs);
  }

  /** Frees a place in the queue at once. @returns false when it was free already. */
  leave(ticket: Ticket<Waiter>): boolean {
    const left = this.#queue?.remove(ticket) ?? false;
    if (left && this.waiting === 0) this.#nobodyWaits();
    return left;
  }

  /** The caller has been answered; the slot stays taken until {@link release}. */
  outlive(permit: Permit): void {
    if (!permit.held || permit.outliving) return;
    permit.outliving = true;
    this.#outliving += 1;
  }

  /** @param nowMs - Read only while somebody waits. */
  release(permit: Permit, nowMs: number): void {
    if (!permit.held) return;
    permit.held = false;
    this.#inUse -= 1;
    if (permit.outliving) this.#outliving -= 1;
    if (this.waiting > 0) this.#handOver(nowMs);
    else this.#nobodyWaits();
  }

  /**
   * Takes effect at once: a higher limit lets in who waits, a lower one lets in nobody until enough have ended.
   * Who waits beyond a lower `maxWaiting` stays.
   */
  resize(limit: number, maxWaiting: number, nowMs: number): void {
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
    this.#handOver(nowMs);
  }

  #handOver(nowMs: number): void {
    while (this.#inUse < this.#limit) {
      const ticket = this.#next(nowMs);
      if (ticket === undefined) {
        this.#nobodyWaits();
        return;
      }
      const waitedMs = nowMs - ticket.sinceMs;
      this.#waits += 1;
      this.#waitedMs += waitedMs;
      this.#longestWaitMs = Math.max(this.#longestWaitMs, waitedMs);
      this.#pace.handedOver(nowMs);
      ticket.value.granted(this.#permit(waitedMs), nowMs);
    }
  }

  #next(nowMs: number): Ticket<Waiter> | undefined {
    this.#dropOldest(nowMs);
    for (;;) {
      const newest = this.#newestFirst || (this.#newestFirstWhileDropping && this.#codel?.dropping === true);
      const ticket = this.#queue?.next(newest);
      if (ticket === undefined || nowMs < ticket.value.expiresAtMs) return ticket;
      ticket.value.dropped("expired", nowMs);
    }
  }

  #dropOldest(nowMs: number): void {
    const queue = this.#queue;
    if (queue === undefined || this.#codel === undefined) return;
    for (let head = queue.oldest; head !== undefined; head = queue.oldest) {
      if (!this.#codel.drops(nowMs - head.sinceMs, queue.size - 1, nowMs)) return;
      queue.remove(head);
      head.value.dropped("overloaded", nowMs);
    }
  }

  /** The busy period is over, and with it what was learnt of it. */
  #nobodyWaits(): void {
    this.#pace.forget();
    this.#codel?.empty();
  }

  #permit(waitedMs: number): Permit {
    this.#inUse += 1;
    return { waitedMs, held: true, outliving: false };
  }
}
