/** A taken place. Giving it back twice does nothing. */
export interface Slot {
  release(): void;
}

/** Places for calls, without a queue. */
export class Slots {
  readonly limit: number;
  #inUse = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** A free place, or undefined while every one is taken. */
  take(): Slot | undefined {
    if (this.#inUse >= this.limit) return undefined;
    this.#inUse += 1;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#inUse -= 1;
      },
    };
  }
}
