export interface Rate {
  /** Range: integer >= 1. */
  readonly permits: number;
  /** Range: > 0. */
  readonly perMs: number;
  /** What may be spent at once after a rest. Range: integer >= 1. */
  readonly burst: number;
}

/** Permits that were taken, for a refund. */
export interface Taken {
  readonly cost: number;
  readonly atMs: number;
  /** When the bucket would have been full again, had nobody else come. */
  readonly fullAtMs: number;
}

/** A nanosecond: what adding and taking away the same number of milliseconds may lose. */
const roundingMs = 1e-6;

/**
 * How fast calls may be made: a bucket of `burst` permits that fills at `permits` per `perMs`, kept as the one
 * instant at which it will be full again. This is the generic cell rate algorithm; it and the token bucket let
 * the same calls through. With a burst of 1 it spaces them evenly.
 *
 * In any span of time no more is spent than `burst` and what the rate gives in it.
 *
 * Source: ITU-T I.371, annex A (GCRA, the virtual scheduling form).
 */
export class Gcra {
  #intervalMs: number;
  #burst: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** Permits that were taken up to here cannot be given back: the bucket has been changed since. */
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ permits, perMs, burst }: Rate) {
    this.#intervalMs = perMs / permits;
    this.#burst = burst;
  }

  get burst(): number {
    return this.#burst;
  }

  /** Permits in the bucket, with fractions; 0 while it is paused. */
  available(nowMs: number): number {
    if (nowMs < this.#pausedUntilMs) return 0;
    return Math.max(0, this.#burst - Math.max(0, this.#fullAtMs - nowMs) / this.#intervalMs);
  }

  /** Milliseconds until a pause ends; 0 when there is none. */
  pausedForMs(nowMs: number): number {
    return Math.max(0, this.#pausedUntilMs - nowMs);
  }

  /**
   * The earliest instant at which `cost` may be taken, when `ahead` is taken before it as early as possible; may
   * lie in the past. `Infinity` for more than the bucket can hold, however long it has rested.
   */
  readyAtMs(cost: number, ahead = 0): number {
    if (cost > this.#burst) return Number.POSITIVE_INFINITY;
    return Math.max(this.#pausedUntilMs, this.#fullAtMs + (ahead + cost - this.#burst) * this.#intervalMs);
  }

  isReady(cost: number, nowMs: number): boolean {
    return this.readyAtMs(cost) <= nowMs + roundingMs;
  }

  /** Only when {@link isReady}. */
  take(cost: number, nowMs: number): Taken {
    this.#fullAtMs = Math.max(nowMs, this.#fullAtMs) + cost * this.#intervalMs;
    return { cost, atMs: nowMs, fullAtMs: this.#fullAtMs };
  }

  /**
   * Gives back what was taken and not used. Less than that the longer ago it was: what the bucket would have
   * spilled in the meantime, had it not been taken, does not come back, or the next burst would be too large.
   *
   * @returns the permits that came back. Range: 0 to `cost`, with fractions.
   */
  refund({ cost, atMs, fullAtMs }: Taken, nowMs: number): number {
    if (atMs <= this.#changedAtMs) return 0;
    const permits = Math.min(cost, Math.max(0, fullAtMs - nowMs) / this.#intervalMs);
    this.#fullAtMs -= permits * this.#intervalMs;
    return permits;
  }

  /**
   * Lets nothing through before `untilMs`. At that instant there is one permit rather than a burst: many clients
   * that were told the same time would come back as a herd. A pause is never made shorter.
   *
   * @returns false when it changes nothing.
   */
  pause(untilMs: number, nowMs: number): boolean {
    if (untilMs <= nowMs || untilMs <= this.#pausedUntilMs) return false;
    this.#pausedUntilMs = untilMs;
    this.#fullAtMs = Math.max(this.#fullAtMs, untilMs + (this.#burst - 1) * this.#intervalMs);
    this.#changedAtMs = nowMs;
    return true;
  }

  /** Keeps the permits in the bucket, as far as they fit, and what it owes. */
  change({ permits, perMs, burst }: Rate, nowMs: number): void {
    const owed = Math.max(0, this.#fullAtMs - nowMs) / this.#intervalMs;
    const has = Math.min(burst, this.#burst - owed);
    this.#intervalMs = perMs / permits;
    this.#burst = burst;
    this.#fullAtMs = nowMs + (burst - has) * this.#intervalMs;
    this.#changedAtMs = nowMs;
  }
}
