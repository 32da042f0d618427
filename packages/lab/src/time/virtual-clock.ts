import type { Clock, Timer } from "@outrigger/core";

interface Pending {
  readonly dueAtMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to advance, so that a test of a minute takes none.
 *
 * Between two timers everything that waits on promises runs to its end, as it would in real time.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #wallStartMs: number;
  #order = 0;
  readonly #timers = new Set<Pending>();

  /** @param wallStartMs - What `wallNow()` says at the start. Milliseconds since 1970. */
  constructor(wallStartMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallStartMs = wallStartMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  /** Timers that are armed. Zero when nothing was left behind. */
  get pending(): number {
    return this.#timers.size;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel() {} };
    const timer: Pending = { dueAtMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Lets `ms` pass, running each timer at its instant and in the order in which they were set. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueAtMs);
      next.callback();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  /** Sets the wall clock forward or back, as an operator or NTP does. Monotonic time does not notice. */
  jumpWall(ms: number): void {
    this.#wallStartMs += ms;
  }

  #nextDue(untilMs: number): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAtMs > untilMs) continue;
      if (
        next === undefined ||
        timer.dueAtMs < next.dueAtMs ||
        (timer.dueAtMs === next.dueAtMs && timer.order < next.order)
      ) {
        next = timer;
      }
    }
    return next;
  }
}

/** Resolves when every promise chain that can run has run: an immediate comes after all microtasks. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
