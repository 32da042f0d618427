/** Each doubling of a latency has this many buckets, so a bucket is at most 6.3 % wide. */
const perOctave = 16;
const octaveBits = 4;
/** Latencies are counted in sixteenths of a millisecond; 2^28 of them are more than four hours. */
const unitsPerMs = 16;
const longestUnits = 2 ** 28 - 1;
const bucketCount = bucketOf(longestUnits / unitsPerMs) + 1;

/**
 * Latencies of the last one to two windows, in buckets whose width grows with the latency: 7 KB, whatever happens.
 *
 * A call that was cut short (by a timeout, by a faster rival, by its caller) is not a latency, but it says that the
 * latency would have been at least so long. Leaving such calls out would make the slow ones disappear and the
 * estimate creep downward, so they are kept as censored and weighed by the product-limit estimator (Kaplan and
 * Meier, 1958).
 */
export class LatencyHistogram {
  /** May change; what is older than two of them then goes with the next call. */
  windowMs: number;
  #current: Generation = new Generation();
  #previous: Generation = new Generation();
  #startedAtMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** A call ended by itself after this long. */
  observe(latencyMs: number, nowMs: number): void {
    this.#slideTo(nowMs);
    increment(this.#current.observed, bucketOf(latencyMs));
    this.#current.size += 1;
  }

  /** A call was cut short after this long. */
  censor(elapsedMs: number, nowMs: number): void {
    this.#slideTo(nowMs);
    increment(this.#current.censored, bucketOf(elapsedMs));
    this.#current.size += 1;
  }

  /** Calls counted, censored ones included. */
  size(nowMs: number): number {
    this.#slideTo(nowMs);
    return this.#current.size + this.#previous.size;
  }

  /**
   * The latency that a share `level` of the calls stays within, rounded up to its bucket's end. `Infinity` when
   * too many were cut short to tell, or when nothing was counted.
   *
   * @param level - Range: above 0, at most 1. Never answers less for a higher level.
   */
  quantileMs(level: number, nowMs: number): number {
    this.#slideTo(nowMs);
    const [a, b] = [this.#current, this.#previous];
    let atRisk = a.size + b.size;
    let longer = 1;
    for (let bucket = 0; bucket < bucketCount && atRisk > 0; bucket += 1) {
      const observed = (a.observed[bucket] ?? 0) + (b.observed[bucket] ?? 0);
      if (observed > 0) {
        longer *= 1 - observed / atRisk;
        if (1 - longer >= level - 1e-12) return bucketEndMs(bucket);
      }
      atRisk -= observed + (a.censored[bucket] ?? 0) + (b.censored[bucket] ?? 0);
    }
    return Number.POSITIVE_INFINITY;
  }

  #slideTo(nowMs: number): void {
    const passedMs = nowMs - this.#startedAtMs;
    if (passedMs < this.windowMs) return;
    const gone = this.#previous;
    this.#previous = this.#current;
    this.#current = gone;
    gone.clear();
    if (passedMs >= 2 * this.windowMs) this.#previous.clear();
    this.#startedAtMs = nowMs;
  }
}

class Generation {
  readonly observed: Uint32Array = new Uint32Array(bucketCount);
  readonly censored: Uint32Array = new Uint32Array(bucketCount);
  size = 0;

  clear(): void {
    if (this.size === 0) return;
    this.observed.fill(0);
    this.censored.fill(0);
    this.size = 0;
  }
}

function increment(counts: Uint32Array, bucket: number): void {
  counts[bucket] = (counts[bucket] ?? 0) + 1;
}

/** The first octave's buckets are one unit wide, the next octave's too, then each is twice as wide as before. */
export function bucketOf(latencyMs: number): number {
  // Rounded up, so that a latency never counts as shorter than it was. NaN counts as 0.
  const units = Math.min(longestUnits, Math.max(0, Math.ceil(latencyMs * unitsPerMs) | 0));
  if (units < perOctave) return units;
  const shift = 31 - Math.clz32(units) - octaveBits;
  return shift * perOctave + (units >>> shift);
}

/** The longest latency in the bucket. */
export function bucketEndMs(bucket: number): number {
  if (bucket < 2 * perOctave) return bucket / unitsPerMs;
  const shift = Math.floor(bucket / perOctave) - 1;
  return (((bucket - shift * perOctave + 1) << shift) - 1) / unitsPerMs;
}
