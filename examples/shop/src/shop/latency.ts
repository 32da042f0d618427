import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

const slices = 6;

/** What a lane's customers felt over the last minute. Milliseconds; null while nobody came. */
export interface LatencySnapshot {
  /** Answers; who left before the answer is not among them. */
  readonly perSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
}

interface Slot {
  readonly histogram: RecordableHistogram;
  answered: number;
  slice: number;
}

/** Latencies of the last minute, in six slices of ten seconds. */
export class RecentLatency {
  readonly #sliceMs: number;
  readonly #ring: readonly Slot[];
  readonly #now: () => number;
  readonly #startedAtMs: number;

  /** @param now - Monotonic milliseconds. */
  constructor(now: () => number = () => performance.now(), sliceMs = 10_000) {
    this.#now = now;
    this.#sliceMs = sliceMs;
    this.#startedAtMs = now();
    this.#ring = Array.from({ length: slices }, () => ({
      histogram: createHistogram(),
      answered: 0,
      slice: -1,
    }));
  }

  /** @param answered - False for who left before the answer: they waited, but got none. */
  record(latencyMs: number, answered = true): void {
    const slice = this.#slice();
    const slot = this.#ring[slice % slices] as Slot;
    if (slot.slice !== slice) {
      slot.histogram.reset();
      slot.answered = 0;
      slot.slice = slice;
    }
    slot.histogram.record(Math.max(1, Math.round(latencyMs * 1_000)));
    if (answered) slot.answered += 1;
  }

  snapshot(): LatencySnapshot {
    const oldest = this.#slice() - slices + 1;
    const merged = createHistogram();
    let answered = 0;
    for (const slot of this.#ring) {
      if (slot.slice < oldest) continue;
      merged.add(slot.histogram);
      answered += slot.answered;
    }
    if (merged.count === 0) return { perSecond: 0, p50Ms: null, p99Ms: null, p999Ms: null };
    const coveredMs = Math.min(this.#now() - this.#startedAtMs, slices * this.#sliceMs);
    const percentile = (share: number): number => merged.percentile(share) / 1_000;
    return {
      perSecond: answered / Math.max(1, coveredMs / 1_000),
      p50Ms: percentile(50),
      p99Ms: percentile(99),
      p999Ms: percentile(99.9),
    };
  }

  #slice(): number {
    return Math.floor(this.#now() / this.#sliceMs);
  }
}
