import { durationText } from "../duration/duration.ts";

/** The outcomes that a breaker still remembers. "Bad" is what is counted: failed calls, or slow ones. */
export interface OutcomeWindow {
  record(bad: boolean, nowMs: number): void;
  /** Forgets what is too old at `nowMs`. `calls` and `failures` are true only after it, or after `record`. */
  expire(nowMs: number): void;
  readonly calls: number;
  /** The bad ones of the calls. */
  readonly failures: number;
  clear(): void;
  /** For reasons: "14 of 20 calls failed in 10 s". */
  describe(did?: string): string;
  /** Plain JSON in ages, so that it means the same on another clock. */
  save(nowMs: number): SavedWindow;
  /** Adds what was saved, as far as it fits: the newest outcomes, and those that are not too old. */
  load(saved: SavedWindow, thenMs: number, nowMs: number): void;
}

/** How much a window remembers; exactly one of the two. */
export type WindowShape = { readonly windowMs: number } | { readonly count: number };

export type SavedWindow =
  /** Age, calls and bad calls of each bucket, the oldest first. */
  | { readonly buckets: readonly (readonly number[])[] }
  /** Lengths of runs, the oldest first: good ones, bad ones, good ones again, and so on. */
  | { readonly runs: readonly number[] };

/** The same calls, none of them bad. */
export function withoutBad(saved: SavedWindow): SavedWindow {
  if ("buckets" in saved)
    return { buckets: saved.buckets.map(([ageMs = 0, calls = 0]) => [ageMs, calls, 0]) };
  return { runs: [saved.runs.reduce((sum, run) => sum + run, 0)] };
}

export function windowOf(shape: WindowShape): OutcomeWindow {
  return "count" in shape ? new CountWindow(shape.count) : new TimeWindow(shape.windowMs);
}

/**
 * How finely time passes: an outcome is forgotten between nine and ten tenths of the window after it came. More
 * buckets would be more exact and cost more memory for each breaker.
 */
const buckets = 10;

/** Outcomes of the last `windowMs`, counted in a ring of buckets. */
export class TimeWindow implements OutcomeWindow {
  readonly #windowMs: number;
  readonly #callsOf: number[] = new Array<number>(buckets).fill(0);
  /** Made at the first failure: most of a hundred thousand keyed circuits never see one. */
  #failuresOf: number[] | undefined;
  /** Number of the newest bucket, counted from the clock's zero, and its place in the ring. */
  #newest = 0;
  #newestSlot = 0;
  /** When the newest bucket ends; until then there is nothing to forget, and most calls end before it. */
  #endsAtMs = Number.NEGATIVE_INFINITY;
  #calls = 0;
  #failures = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get calls(): number {
    return this.#calls;
  }

  get failures(): number {
    return this.#failures;
  }

  record(bad: boolean, nowMs: number): void {
    if (nowMs >= this.#endsAtMs) this.#goOn(nowMs);
    this.#add(this.#newestSlot, 1, bad ? 1 : 0);
  }

  expire(nowMs: number): void {
    if (nowMs >= this.#endsAtMs) this.#goOn(nowMs);
  }

  /** Begins the bucket of this moment, and forgets what is too old by now. */
  #goOn(nowMs: number): void {
    const newest = this.#bucketAt(nowMs);
    // After a pause as long as the window every bucket is old, and going round once is enough.
    const oldest = Math.max(this.#newest + 1, newest - buckets + 1);
    for (let bucket = oldest; bucket <= newest; bucket += 1) {
      const slot = slotOf(bucket);
      this.#calls -= this.#callsOf[slot] ?? 0;
      this.#callsOf[slot] = 0;
      if (this.#failuresOf === undefined) continue;
      this.#failures -= this.#failuresOf[slot] ?? 0;
      this.#failuresOf[slot] = 0;
    }
    this.#newest = newest;
    this.#newestSlot = slotOf(newest);
    this.#endsAtMs = (newest + 1) * this.#bucketMs;
  }

  clear(): void {
    this.#callsOf.fill(0);
    this.#failuresOf?.fill(0);
    this.#calls = 0;
    this.#failures = 0;
  }

  describe(did = "failed"): string {
    return `${this.#failures} of ${this.#calls} calls ${did} in ${durationText(this.#windowMs)}`;
  }

  save(nowMs: number): SavedWindow {
    this.expire(nowMs);
    const saved: number[][] = [];
    for (let bucket = this.#newest - buckets + 1; bucket <= this.#newest; bucket += 1) {
      const slot = slotOf(bucket);
      const calls = this.#callsOf[slot] ?? 0;
      // The middle of the bucket: on a clock with another zero it is then at most half a bucket off.
      const ageMs = nowMs - (bucket + 0.5) * this.#bucketMs;
      if (calls > 0) saved.push([ageMs, calls, this.#failuresOf?.[slot] ?? 0]);
    }
    return { buckets: saved };
  }

  load(saved: SavedWindow, thenMs: number, nowMs: number): void {
    this.expire(nowMs);
    if (!("buckets" in saved)) return;
    for (const [ageMs = 0, calls = 0, bad = 0] of saved.buckets) {
      const bucket = Math.min(this.#bucketAt(thenMs - ageMs), this.#newest);
      if (bucket > this.#newest - buckets) this.#add(slotOf(bucket), calls, bad);
    }
  }

  #add(slot: number, calls: number, bad: number): void {
    this.#callsOf[slot] = (this.#callsOf[slot] ?? 0) + calls;
    this.#calls += calls;
    if (bad === 0) return;
    this.#failuresOf ??= new Array<number>(buckets).fill(0);
    this.#failuresOf[slot] = (this.#failuresOf[slot] ?? 0) + bad;
    this.#failures += bad;
  }

  get #bucketMs(): number {
    return this.#windowMs / buckets;
  }

  #bucketAt(atMs: number): number {
    return Math.floor(atMs / this.#bucketMs);
  }
}

function slotOf(bucket: number): number {
  const place = bucket % buckets;
  return place < 0 ? place + buckets : place;
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

  record(bad: boolean): void {
    const outcome = bad ? 1 : 0;
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

  describe(did = "failed"): string {
    return `${this.#failures} of the last ${this.#calls} calls ${did}`;
  }

  save(): SavedWindow {
    const runs = [0];
    const size = this.#outcomes.length;
    for (let place = size - this.#calls; place < size; place += 1) {
      const bad = this.#outcomes[(this.#next + place) % size] === 1;
      // Good runs stand at even places, bad ones at odd.
      if ((runs.length % 2 === 0) !== bad) runs.push(0);
      runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
    }
    return { runs };
  }

  load(saved: SavedWindow): void {
    if (!("runs" in saved)) return;
    for (const [index, length] of saved.runs.entries()) {
      // What is longer than the window would only overwrite itself.
      for (let left = Math.min(length, this.#outcomes.length); left > 0; left -= 1)
        this.record(index % 2 === 1);
    }
  }
}
