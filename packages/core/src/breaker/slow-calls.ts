const none = -1;

/**
 * Places for the calls that run, of all circuits that share them. Memory goes with the calls that run at a time,
 * not with how many come or how many circuits there are.
 */
export class CallSlots {
  readonly startedAtMs: number[] = [];
  readonly generation: number[] = [];
  /** Neighbours among the calls that are not slow yet; of a free slot `next` is the next free one. */
  readonly previous: number[] = [];
  readonly next: number[] = [];
  readonly slow: boolean[] = [];
  #free = none;

  take(generation: number, nowMs: number): number {
    const slot = this.#free === none ? this.startedAtMs.length : this.#free;
    if (slot === this.#free) this.#free = this.next[slot] ?? none;
    this.startedAtMs[slot] = nowMs;
    this.generation[slot] = generation;
    this.slow[slot] = false;
    this.previous[slot] = none;
    this.next[slot] = none;
    return slot;
  }

  giveBack(slot: number): void {
    this.next[slot] = this.#free;
    this.#free = slot;
  }
}

/**
 * The calls of one circuit that run, in the order in which they began, so that those that have become slow are
 * found without a timer and without looking at the others: the oldest is asked whether its time is over, and the
 * next only when it is. Starting, ending and finding the next slow one cost the same for one call and a million.
 */
export class SlowCalls {
  readonly #slots: CallSlots;
  #oldest = none;
  #newest = none;

  constructor(slots: CallSlots) {
    this.#slots = slots;
  }

  /** @returns the slot of the call. */
  start(generation: number, nowMs: number): number {
    const slot = this.#slots.take(generation, nowMs);
    this.#slots.previous[slot] = this.#newest;
    if (this.#newest === none) this.#oldest = slot;
    else this.#slots.next[this.#newest] = slot;
    this.#newest = slot;
    return slot;
  }

  /** Slot of the oldest call that has now run for `afterMs` and was not given back before; -1 when there is none. */
  nextSlow(afterMs: number, nowMs: number): number {
    const slot = this.#oldest;
    if (slot === none || nowMs - (this.#slots.startedAtMs[slot] ?? 0) < afterMs) return none;
    this.#unlink(slot);
    this.#slots.slow[slot] = true;
    return slot;
  }

  generation(slot: number): number {
    return this.#slots.generation[slot] ?? none;
  }

  /** Frees the slot. @returns whether {@link nextSlow} has given the call back as slow. */
  end(slot: number): boolean {
    const slow = this.#slots.slow[slot] ?? false;
    if (!slow) this.#unlink(slot);
    this.#slots.giveBack(slot);
    return slow;
  }

  #unlink(slot: number): void {
    const { previous, next } = this.#slots;
    const before = previous[slot] ?? none;
    const after = next[slot] ?? none;
    if (before === none) this.#oldest = after;
    else next[before] = after;
    if (after === none) this.#newest = before;
    else previous[after] = before;
  }
}
