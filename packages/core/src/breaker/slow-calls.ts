const none = -1;

/**
 * The calls that run, in the order in which they began, so that those that have become slow are found without a
 * timer and without looking at the others: the oldest is asked whether its time is over, and the next only when
 * it is.
 *
 * A call has a slot until it ends. Starting, ending and finding the next slow one cost the same for one call and
 * for a million, and memory goes with the calls that run, not with how many come.
 */
export class SlowCalls {
  readonly #startedAtMs: number[] = [];
  readonly #generation: number[] = [];
  /** Neighbours in the list of calls that are not slow yet; for a free slot `#next` is the next free one. */
  readonly #previous: number[] = [];
  readonly #next: number[] = [];
  readonly #slow: boolean[] = [];
  #oldest = none;
  #newest = none;
  #free = none;

  /** @returns the slot of the call. */
  start(generation: number, nowMs: number): number {
    const slot = this.#free === none ? this.#startedAtMs.length : this.#free;
    if (slot === this.#free) this.#free = this.#next[slot] ?? none;
    this.#startedAtMs[slot] = nowMs;
    this.#generation[slot] = generation;
    this.#slow[slot] = false;
    this.#previous[slot] = this.#newest;
    this.#next[slot] = none;
    if (this.#newest === none) this.#oldest = slot;
    else this.#next[this.#newest] = slot;
    this.#newest = slot;
    return slot;
  }

  /** Slot of the oldest call that has now run for `afterMs` and was not given back before; -1 when there is none. */
  nextSlow(afterMs: number, nowMs: number): number {
    const slot = this.#oldest;
    if (slot === none || nowMs - (this.#startedAtMs[slot] ?? 0) < afterMs) return none;
    this.#unlink(slot);
    this.#slow[slot] = true;
    return slot;
  }

  generation(slot: number): number {
    return this.#generation[slot] ?? none;
  }

  /** Frees the slot. @returns whether {@link nextSlow} has given the call back as slow. */
  end(slot: number): boolean {
    const slow = this.#slow[slot] ?? false;
    if (!slow) this.#unlink(slot);
    this.#next[slot] = this.#free;
    this.#free = slot;
    return slow;
  }

  #unlink(slot: number): void {
    const previous = this.#previous[slot] ?? none;
    const next = this.#next[slot] ?? none;
    if (previous === none) this.#oldest = next;
    else this.#next[previous] = next;
    if (next === none) this.#newest = previous;
    else this.#previous[next] = previous;
  }
}
