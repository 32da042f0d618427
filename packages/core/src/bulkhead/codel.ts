export interface CoDelRules {
  /** A wait that may stand for long. Range: > 0. */
  readonly targetMs: number;
  /** For how long waits must stay above the target before one is dropped. Range: > 0. */
  readonly intervalMs: number;
}

/** Drops after which a return to dropping goes on where it stopped, in intervals. Source: RFC 8289, 5.3. */
const rememberedIntervals = 16;

/**
 * Controlled delay: tells a burst, which a queue is there for, from a standing queue, which only makes everybody
 * late. Whoever waited longest is dropped once every wait of an interval was above the target, and then ever more
 * often (interval / sqrt(drops)) until one is below.
 *
 * It drops nobody behind whom nobody waits: that would help no one.
 *
 * Source: Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 2012; RFC 8289 section 5.
 */
export class CoDel {
  readonly #targetMs: number;
  readonly #intervalMs: number;
  #dropping = false;
  /** When the interval ends that began with the first wait above the target. */
  #dueAtMs: number | undefined;
  #nextDropAtMs = 0;
  #drops = 0;
  #dropsBefore = 0;
  #dropped = false;

  constructor({ targetMs, intervalMs }: CoDelRules) {
    this.#targetMs = targetMs;
    this.#intervalMs = intervalMs;
  }

  /** True from the first drop until a wait is below the target again. */
  get dropping(): boolean {
    return this.#dropping;
  }

  /** Nobody waits. */
  empty(): void {
    this.#dueAtMs = undefined;
    this.#dropping = false;
  }

  /**
   * Whether the one that has waited longest is dropped now, when somebody may be let in. After a drop ask again,
   * for the next one.
   *
   * @param behind - Waiters behind this one.
   */
  drops(waitedMs: number, behind: number, nowMs: number): boolean {
    if (!this.#staysAbove(waitedMs, behind, nowMs)) {
      this.#dropping = false;
      this.#dropped = false;
      return false;
    }
    if (!this.#dropping) {
      this.#dropping = true;
      const recently = nowMs - this.#nextDropAtMs < rememberedIntervals * this.#intervalMs;
      const before = this.#drops - this.#dropsBefore;
      this.#drops = recently ? Math.max(1, before) : 1;
      this.#dropsBefore = this.#drops;
      this.#nextDropAtMs = this.#after(nowMs);
      return true;
    }
    if (this.#dropped) {
      this.#nextDropAtMs = this.#after(this.#nextDropAtMs);
      this.#dropped = false;
    }
    if (nowMs < this.#nextDropAtMs) return false;
    this.#drops += 1;
    this.#dropped = true;
    return true;
  }

  #staysAbove(waitedMs: number, behind: number, nowMs: number): boolean {
    if (waitedMs < this.#targetMs || behind === 0) {
      this.#dueAtMs = undefined;
      return false;
    }
    this.#dueAtMs ??= nowMs + this.#intervalMs;
    return nowMs >= this.#dueAtMs;
  }

  #after(atMs: number): number {
    return atMs + this.#intervalMs / Math.sqrt(this.#drops);
  }
}
