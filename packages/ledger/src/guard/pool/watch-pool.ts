import type { Timer } from "@outrigger/core";
import { capturePlace, framesOf, type Place } from "../place.ts";
import type { Holder } from "./events.ts";
import { Forecast } from "./forecast.ts";
import { checkedPoolWatch, type PoolWatchOptions, type PoolWatchSettings } from "./options.ts";
import { type PoolHearer, type PoolShape, shapeOf } from "./shapes.ts";

export interface PoolSnapshot {
  readonly name: string;
  readonly size: number;
  readonly inUse: number;
  readonly waiting: number;
  /** Checkouts since the watch began, and how many of them were held too long. */
  readonly taken: number;
  readonly heldTooLong: number;
  /** The longest that anybody has waited since the watch began, those who wait now included. */
  readonly longestWaitMs: number;
  /** Milliseconds until none is left, at this rate; null when nothing says so. */
  readonly exhaustedInMs: number | null;
  /** Who holds connections now, those who hold most first; five at most. */
  readonly holders: readonly Holder[];
}

export interface PoolWatch {
  snapshot(): PoolSnapshot;
  /** Gives the pool back as it was. Stopping twice does nothing. */
  stop(): void;
}

/**
 * Watches the connections of a pool: which are held too long, and by whom; who waits for one; when none will be left.
 *
 * It hears what the pool does and asks nothing by itself: while no connection is out and nobody waits, it has no timer.
 *
 * @param pool - A `Pool` of `pg`, or of tarn (`knex.client.pool`).
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function watchPool(pool: object, options: PoolWatchOptions = {}): PoolWatch {
  const watcher = new Watcher(checkedPoolWatch(options), shapeOf(pool));
  return { snapshot: () => watcher.snapshot(), stop: () => watcher.stop() };
}

interface Ticket {
  readonly askedAtMs: number;
  readonly place: Place | undefined;
}

interface Checkout {
  readonly takenAtMs: number;
  readonly place: Place | undefined;
  /** When to speak of it next. */
  dueAtMs: number;
  reported: boolean;
}

/** So many places are told of. */
const shownHolders = 5;

class Watcher implements PoolHearer<Ticket> {
  readonly #settings: PoolWatchSettings;
  readonly #shape: PoolShape;
  readonly #forecast: Forecast;
  readonly #unlisten: () => void;
  readonly #waiting = new Set<Ticket>();
  readonly #out = new Map<unknown, Checkout>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #taken = 0;
  #heldTooLong = 0;
  #longestWaitMs = 0;
  #waitingToldAtMs = Number.NEGATIVE_INFINITY;
  #fillingToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: PoolWatchSettings, shape: PoolShape) {
    this.#settings = settings;
    this.#shape = shape;
    this.#forecast = new Forecast(shape.size(), settings.windowMs);
    this.#unlisten = shape.listen(this);
  }

  asked(): Ticket {
    const { clock, placeEvery, waitingForMs } = this.#settings;
    this.#taken += 1;
    const place = this.#taken % placeEvery === 0 ? capturePlace(this.asked) : undefined;
    const ticket = { askedAtMs: clock.now(), place };
    this.#waiting.add(ticket);
    this.#wakeAt(Math.max(ticket.askedAtMs + waitingForMs, this.#mayTellOfWaitingAtMs));
    return ticket;
  }

  given(ticket: Ticket, connection: unknown): void {
    const { clock, heldForMs } = this.#settings;
    const nowMs = clock.now();
    this.#answered(ticket, nowMs);
    const { place } = ticket;
    this.#out.set(connection, { takenAtMs: nowMs, place, dueAtMs: nowMs + heldForMs, reported: false });
    this.#wakeAt(nowMs + heldForMs);
    if (this.#forecast.note(nowMs, this.#out.size)) this.#lookAhead(nowMs);
  }

  gaveUp(ticket: Ticket): void {
    this.#answered(ticket, this.#settings.clock.now());
    this.#rest();
  }

  returned(connection: unknown): void {
    const checkout = this.#out.get(connection);
    if (checkout === undefined) return;
    const { clock, emit } = this.#settings;
    const nowMs = clock.now();
    this.#out.delete(connection);
    this.#forecast.note(nowMs, this.#out.size);
    if (checkout.reported) {
      const heldMs = nowMs - checkout.takenAtMs;
      emit({ type: "connectionReturned", ...this.#about, heldMs, takenAt: framesOf(checkout.place) });
    }
    this.#rest();
  }

  snapshot(): PoolSnapshot {
    const nowMs = this.#settings.clock.now();
    return {
      name: this.#settings.name,
      size: this.#shape.size(),
      inUse: this.#out.size,
      waiting: this.#waiting.size,
      taken: this.#taken - this.#waiting.size,
      heldTooLong: this.#heldTooLong,
      longestWaitMs: Math.max(this.#longestWaitMs, this.#waitsForMs(nowMs)),
      exhaustedInMs: this.#forecast.exhaustedInMs(nowMs) ?? null,
      holders: this.#holders(nowMs),
    };
  }

  stop(): void {
    this.#unlisten();
    this.#waiting.clear();
    this.#out.clear();
    this.#rest();
  }

  get #about(): { readonly pool: string; readonly size: number; readonly inUse: number } {
    return { pool: this.#settings.name, size: this.#shape.size(), inUse: this.#out.size };
  }

  #answered(ticket: Ticket, nowMs: number): void {
    this.#waiting.delete(ticket);
    this.#longestWaitMs = Math.max(this.#longestWaitMs, nowMs - ticket.askedAtMs);
  }

  /** How long the first of those who wait has done so. */
  #waitsForMs(nowMs: number): number {
    const [first] = this.#waiting;
    return first === undefined ? 0 : nowMs - first.askedAtMs;
  }

  get #mayTellOfWaitingAtMs(): number {
    return this.#waitingToldAtMs + this.#settings.reportEveryMs;
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    const { clock } = this.#settings;
    this.#timer = clock.setTimer(Math.max(0, atMs - clock.now()), () => this.#look());
  }

  /** Nothing is out and nobody waits: there is nothing to wake up for. */
  #rest(): void {
    if (this.#out.size > 0 || this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #look(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#settings.clock.now();
    this.#lookAtHeld(nowMs);
    this.#lookAtWaiting(nowMs);
    if (this.#forecast.note(nowMs, this.#out.size)) this.#lookAhead(nowMs);
  }

  #lookAtHeld(nowMs: number): void {
    const { emit } = this.#settings;
    for (const checkout of this.#out.values()) {
      const heldMs = nowMs - checkout.takenAtMs;
      if (checkout.dueAtMs <= nowMs) {
        if (!checkout.reported) this.#heldTooLong += 1;
        checkout.reported = true;
        checkout.dueAtMs = nowMs + heldMs;
        emit({ type: "connectionHeld", ...this.#about, heldMs, takenAt: framesOf(checkout.place) });
      }
      this.#wakeAt(checkout.dueAtMs);
    }
  }

  #lookAtWaiting(nowMs: number): void {
    const { emit, waitingForMs } = this.#settings;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const longestMs = nowMs - first.askedAtMs;
    if (longestMs >= waitingForMs && nowMs >= this.#mayTellOfWaitingAtMs) {
      this.#waitingToldAtMs = nowMs;
      const waiting = this.#waiting.size;
      emit({ type: "callersWaiting", ...this.#about, waiting, longestMs, holders: this.#holders(nowMs) });
    }
    this.#wakeAt(Math.max(first.askedAtMs + waitingForMs, this.#mayTellOfWaitingAtMs));
  }

  #lookAhead(nowMs: number): void {
    const { emit, horizonMs, reportEveryMs } = this.#settings;
    if (nowMs - this.#fillingToldAtMs < reportEveryMs) return;
    const exhaustedInMs = this.#forecast.exhaustedInMs(nowMs);
    if (exhaustedInMs === undefined || exhaustedInMs > horizonMs) return;
    this.#fillingToldAtMs = nowMs;
    emit({ type: "poolFilling", ...this.#about, exhaustedInMs, holders: this.#holders(nowMs) });
  }

  #holders(nowMs: number): readonly Holder[] {
    const byPlace = new Map<string, { takenAt: readonly string[]; connections: number; longestMs: number }>();
    for (const { place, takenAtMs } of this.#out.values()) {
      const takenAt = framesOf(place);
      const key = takenAt.join("\n");
      const holder = byPlace.get(key) ?? { takenAt, connections: 0, longestMs: 0 };
      holder.connections += 1;
      holder.longestMs = Math.max(holder.longestMs, nowMs - takenAtMs);
      byPlace.set(key, holder);
    }
    return [...byPlace.values()].sort((a, b) => b.connections - a.connections).slice(0, shownHolders);
  }
}
