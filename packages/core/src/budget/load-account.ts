/** How many parts the window is counted in; it slides by one part at a time. */
export const accountSlots = 10;

/**
 * First tries and extra calls of the last window, in ten parts. Pure: the part of time (`epoch`) is handed in.
 *
 * The sums are kept while the window slides, so that counting a first try, which every call does, costs the same
 * however busy or idle the service is.
 */
export class LoadAccount {
  #epoch = 0;
  #firstTries = 0;
  #extraCalls = 0;
  readonly #firstTriesBySlot: Float64Array = new Float64Array(accountSlots);
  readonly #extraCallsBySlot: Float64Array = new Float64Array(accountSlots);

  /** A call begins. */
  count(epoch: number): void {
    this.#slideTo(epoch);
    this.#firstTries += 1;
    add(this.#firstTriesBySlot, this.#epoch, 1);
  }

  /** An extra call is taken. @returns what {@link giveBack} wants. */
  take(epoch: number): number {
    this.#slideTo(epoch);
    this.#extraCalls += 1;
    add(this.#extraCallsBySlot, this.#epoch, 1);
    return this.#epoch;
  }

  /** The extra call that was taken in `takenIn` is not made. What the window has passed is forgotten already. */
  giveBack(takenIn: number): void {
    if (takenIn <= this.#epoch - accountSlots) return;
    this.#extraCalls -= 1;
    add(this.#extraCallsBySlot, takenIn, -1);
  }

  firstTries(epoch: number): number {
    this.#slideTo(epoch);
    return this.#firstTries;
  }

  extraCalls(epoch: number): number {
    this.#slideTo(epoch);
    return this.#extraCalls;
  }

  /** An earlier time than the last one is taken for the last one. */
  #slideTo(epoch: number): void {
    if (epoch <= this.#epoch) return;
    if (epoch - this.#epoch >= accountSlots) {
      this.#firstTriesBySlot.fill(0);
      this.#extraCallsBySlot.fill(0);
      this.#firstTries = 0;
      this.#extraCalls = 0;
    } else {
      for (let passed = this.#epoch + 1; passed <= epoch; passed += 1) {
        this.#firstTries -= clear(this.#firstTriesBySlot, passed);
        this.#extraCalls -= clear(this.#extraCallsBySlot, passed);
      }
    }
    this.#epoch = epoch;
  }
}

function add(slots: Float64Array, epoch: number, change: number): void {
  const slot = epoch % accountSlots;
  slots[slot] = (slots[slot] ?? 0) + change;
}

function clear(slots: Float64Array, epoch: number): number {
  const slot = epoch % accountSlots;
  const count = slots[slot] ?? 0;
  slots[slot] = 0;
  return count;
}
