/** Gaps between hand-overs that a forecast rests on at least, and that it looks back on at most. */
const fewestGaps = 4;
const mostGaps = 16;

/**
 * How fast a queue moves, from the hand-overs of its present busy period.
 *
 * It forgets everything when nobody waits any more: the pace of the last trouble says nothing about the next.
 */
export class Pace {
  #lastMs: number | undefined;
  #gaps = 0;
  #meanGapMs = 0;

  handedOver(nowMs: number): void {
    if (this.#lastMs !== undefined) {
      this.#gaps = Math.min(mostGaps, this.#gaps + 1);
      this.#meanGapMs += (nowMs - this.#lastMs - this.#meanGapMs) / this.#gaps;
    }
    this.#lastMs = nowMs;
  }

  forget(): void {
    this.#lastMs = undefined;
    this.#gaps = 0;
    this.#meanGapMs = 0;
  }

  /** How long somebody will wait behind `ahead` others; undefined while too little is known. */
  forecastMs(ahead: number, nowMs: number): number | undefined {
    if (this.#lastMs === undefined || this.#gaps < fewestGaps) return undefined;
    return Math.max(0, (ahead + 1) * this.#meanGapMs - (nowMs - this.#lastMs));
  }
}
