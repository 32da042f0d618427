/** A slot in hand. Giving it back twice does nothing. */
export interface Slot {
  release(): void;
}

interface Waiting {
  readonly begin: (slot: Slot) => void;
}

/**
 * Slots that groups share, so that one whose work hangs leaves some to the others.
 *
 * Within a group they go to who came first; groups take turns.
 */
export class Slots {
  readonly #share: () => number;
  readonly #taken = new Map<string, number>();
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Waiting[]>();
  #free: number;

  /**
   * @param total - Range: integer >= 1.
   * @param share - The most that one group may have at a time.
   */
  constructor(total: number, share: () => number) {
    this.#free = total;
    this.#share = share;
  }

  /**
   * Calls `begin` with a slot as soon as there is one, which may be now.
   *
   * @param ahead - Before those of its group who have not begun anything yet.
   * @returns a function that leaves the queue, and says whether it did: after `begin` was called it does nothing.
   */
  take(group: string, begin: (slot: Slot) => void, ahead = false): () => boolean {
    const one: Waiting = { begin };
    const queue = this.#waiting.get(group) ?? [];
    if (ahead) queue.unshift(one);
    else queue.push(one);
    this.#waiting.set(group, queue);
    this.#serve();
    return () => this.#leave(group, one);
  }

  #leave(group: string, one: Waiting): boolean {
    const queue = this.#waiting.get(group);
    const index = queue?.indexOf(one) ?? -1;
    if (queue === undefined || index === -1) return false;
    queue.splice(index, 1);
    if (queue.length === 0) this.#waiting.delete(group);
    return true;
  }

  #serve(): void {
    while (this.#free > 0) {
      const group = this.#next();
      if (group === undefined) return;
      const queue = this.#waiting.get(group) ?? [];
      const first = queue.shift();
      // Its next turn is after those of all others.
      this.#waiting.delete(group);
      if (queue.length > 0) this.#waiting.set(group, queue);
      first?.begin(this.#give(group));
    }
  }

  #next(): string | undefined {
    const share = this.#share();
    for (const group of this.#waiting.keys()) {
      if ((this.#taken.get(group) ?? 0) < share) return group;
    }
    return undefined;
  }

  #give(group: string): Slot {
    this.#free -= 1;
    this.#taken.set(group, (this.#taken.get(group) ?? 0) + 1);
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#free += 1;
        const left = (this.#taken.get(group) ?? 1) - 1;
        if (left === 0) this.#taken.delete(group);
        else this.#taken.set(group, left);
        this.#serve();
      },
    };
  }
}
