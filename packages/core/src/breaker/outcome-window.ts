import { durationText } from "../duration/duration.ts";

/** The outcomes that a breaker still remembers. */
export interface OutcomeWindow {
  record(failed: boolean, nowMs: number): void;
  /** Forgets what is too old at `nowMs`. `calls` and `failures` are true only after it, or after `record`. */
  expire(nowMs: number): void;
  readonly calls: number;
  readonly failures: number;
  clear(): void;
  /** For reasons: "14 of 20 calls failed in 10 s". */
  describe(): string;
}

/**
 * How finely time passes: an outcome is forgotten between nine and ten tenths of the window after it came. More
 * buckets would be more exact and cost more memory for each breaker.
 */
const buckets = 10;

/** Outcomes of the last `windowMs`, counted in a ring of buckets. */
export class TimeWindow implements OutcomeWindow {
  readonly #windowMs: number;
  readonly #bucketMs: number;
  /** Two numbers for each bucket: calls, failures. */
  readonly #counts: number[] = new Array<number>(2 * buckets).fill(0);
  /** Number of the newest bucket, counted from the clock's zero. */
  #newest = Number.NEGATIVE_INFINITY;
  #calls = 0;
  #failures = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#bucketMs = windowMs / buckets;
  }

  get calls(): number {
    return this.#calls;
  }

  get failures(): number {
    return this.#failures;
  }

  record(failed: boolean, nowMs: number): void {
    this.expire(nowMs);
    const slot = this.#slot(this.#newest);
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    this.#calls += 1;
    if (!failed) return;
    this.#counts[slot + 1] = (this.#counts[slot + 1] ?? 0) + 1;
    this.#failures += 1;
  }

  expire(nowMs: number): void {
    const newest = Math.floor(nowMs / this.#bucketMs);
    if (newest <= this.#newest) return;
    // After a pause as long as the window every bucket is old, and going round once is enough.
    const oldest = Math.max(this.#newest + 1, newest - buckets + 1);
    for (let bucket = oldest; bucket <= newest; bucket += 1) {
      const slot = this.#slot(bucket);
      this.#calls -= this.#counts[slot] ?? 0;
      this.#failures -= this.#counts[slot + 1] ?? 0;
      this.#counts[slot] = 0;
      this.#counts[slot + 1] = 0;
    }
    this.#newest = newest;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#calls = 0;
    this.#failures = 0;
  }

  describe(): string {
    return `${this.#failures} of ${this.#calls} calls failed in ${durationText(this.#windowMs)}`;
  }

  #slot(bucket: number): number {
    const place = bucket % buckets;
    return 2 * (place < 0 ? place + buckets : place);
  }
}

/** The last `size` outcomes, however old. */
export class CountWindow implements OutcomeWindow {
  /** A ring; 1 is a failure. */
  readonly #outcomes: Uint8Array;
  #next = 0;
  #calls = 0;
  #failures = 0;

  constructor(size: number) {
    this.#outcomes = new Uint8Array(size);
  }

  get calls(): number {
    return this.#calls;
  }

  get failures(): number {
    return this.#failures;
  }

  record(failed: boolean): void {
    const outcome = failed ? 1 : 0;
    // Places that were never written hold 0, so they take nothing away.
    this.#failures += outcome - (this.#outcomes[this.#next] ?? 0);
    this.#outcomes[this.#next] = outcome;
    this.#next = (this.#next + 1) % this.#outcomes.length;
    this.#calls = Math.min(this.#calls + 1, this.#outcomes.length);
  }

  expire(): void {}

  clear(): void {
    this.#outcomes.fill(0);
    this.#next = 0;
    this.#calls = 0;
    this.#failures = 0;
  }

  describe(): string {
    return `${this.#failures} of the last ${this.#calls} calls failed`;
  }
}
