/** One at a time, in the order in which they came. */
export class Turns {
  readonly #waiting = new Set<() => void>();
  #taken = false;

  get use(): { readonly inUse: number; readonly waiting: number } {
    return { inUse: this.#taken ? 1 : 0, waiting: this.#waiting.size };
  }

  /**
   * @param withinMs - Longest wait.
   * @returns a function that ends the turn.
   * @throws Error when the turn does not come in time.
   */
  async take(withinMs: number): Promise<() => void> {
    if (this.#taken) {
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          // One whose turn has come is no longer among them.
          if (this.#waiting.delete(go)) reject(new Error(`no turn within ${withinMs} ms`));
        }, withinMs);
        this.#waiting.add(go);
      });
    }
    this.#taken = true;
    return () => this.#next();
  }

  #next(): void {
    const [go] = this.#waiting;
    this.#taken = go !== undefined;
    if (go === undefined) return;
    this.#waiting.delete(go);
    go();
  }
}
