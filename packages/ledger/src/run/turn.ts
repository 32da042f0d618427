import type { Slot, Slots } from "./slots.ts";

/**
 * The right to call a provider, or to have a transaction of one's own. Whoever runs an operation itself always has it;
 * for a resolver it is one of its slots.
 */
export interface Turn {
  /** Waits for it, unless it is held already. */
  hold(): Promise<void> | void;
  /** Lets others have it, while what is written shares a transaction with others. */
  pass(): void;
}

export const alwaysMyTurn: Turn = { hold() {}, pass() {} };

/** A resolution's own, from the slot with which it begins. */
export class SlotTurn implements Turn {
  readonly #slots: Slots;
  readonly #group: string;
  #slot: Slot | undefined;

  constructor(slots: Slots, group: string, slot: Slot) {
    this.#slots = slots;
    this.#group = group;
    this.#slot = slot;
  }

  hold(): Promise<void> | void {
    if (this.#slot !== undefined) return;
    return new Promise((resolve) => {
      const begin = (slot: Slot): void => {
        this.#slot = slot;
        resolve();
      };
      // What has been begun has a lease that is running out.
      this.#slots.take(this.#group, begin, true);
    });
  }

  pass(): void {
    this.#slot?.release();
    this.#slot = undefined;
  }
}
