/** Share of the calls that is let through in the first moment after closing; more would be a herd. */
const firstShare = 0.1;

/** Each of these steps lands as far as possible from those before it, so that who comes back comes spread out. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * The time after closing, in which a share of the calls is let through that grows from a tenth to all of them.
 *
 * Which calls those are is counted, not drawn: at a share of a quarter every fourth call goes through.
 */
export class RampUp {
  readonly sinceMs: number;
  /** Grows by the share with each call; a call that makes it a whole one goes through. Starts full. */
  #credit = 1;
  #rejected = 0;

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs;
  }

  /** Of the calls that come now; 1 when it is over. */
  share(overMs: number, nowMs: number): number {
    // The ramp-up may have been configured away while it ran.
    if (overMs === 0) return 1;
    return Math.min(1, firstShare + (1 - firstShare) * ((nowMs - this.sinceMs) / overMs));
  }

  admit(overMs: number, nowMs: number): boolean {
    const credit = this.#credit + this.share(overMs, nowMs);
    const admitted = credit >= 1;
    this.#credit = admitted ? credit - 1 : credit;
    if (!admitted) this.#rejected += 1;
    return admitted;
  }

  /** When the call that was just turned away should come back: those calls are spread over the time that is left. */
  retryAfterMs(overMs: number, nowMs: number): number {
    const leftMs = Math.max(0, this.sinceMs + overMs - nowMs);
    return leftMs * ((this.#rejected * goldenRatio) % 1);
  }
}
