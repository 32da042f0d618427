import type { Clock, Timer } from "@outrigger/core";

/** How batches are made. */
export interface GatherOptions {
  readonly clock: Clock;
  /** Items in one batch. */
  readonly atMost: number;
  /** What waits is shared out among the lanes that are free, in batches of at least so many. */
  readonly worthwhile: number;
  /** Batches at a time, as long as they end soon. */
  readonly lanes: number;
  /** Batches at a time when those under way take long: one that waits for a lock must not hold up everybody. */
  readonly lanesAtMost: number;
  /** What is long. */
  readonly slowMs: number;
}

/**
 * What the ledger gathers with.
 *
 * - `atMost` 512: beyond it a statement only grows, and so does what a failure has to be found in.
 * - `worthwhile` 32: half of it costs the database a third more for each item (measured), which a second lane wins back
 *   only while a processor is idle.
 * - `lanes` 2: one batch is made durable while the next is filled and sent.
 * - `slowMs` 20, `lanesAtMost` 8: a commit takes a few milliseconds; what takes more waits for somebody.
 */
export const gatherDefaults: Omit<GatherOptions, "clock"> = {
  atMost: 512,
  worthwhile: 32,
  lanes: 2,
  lanesAtMost: 8,
  slowMs: 20,
};

interface Waiting<T, R> {
  readonly item: T;
  readonly name: string;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets what concurrent callers want written share statements and a commit.
 *
 * There is no timer: whoever finds no batch under way is written at once, alone; whoever comes while one is, waits for
 * its end with all the others who came, and no longer.
 */
export class Gatherer<T, R> {
  readonly #work: (batch: readonly T[]) => Promise<readonly PromiseSettledResult<R>[]>;
  readonly #nameOf: (item: T) => string;
  readonly #options: GatherOptions;
  #waiting: Waiting<T, R>[] = [];
  #underWay = 0;
  #lanes: number;
  #scheduled = false;
  #slow: Timer | undefined;

  /**
   * @param nameOf - Two items of one name never are in one batch.
   * @param work - Never rejects: says of each item what became of it.
   */
  constructor(
    options: GatherOptions,
    nameOf: (item: T) => string,
    work: (batch: readonly T[]) => Promise<readonly PromiseSettledResult<R>[]>,
  ) {
    this.#options = options;
    this.#lanes = options.lanes;
    this.#nameOf = nameOf;
    this.#work = work;
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, name: this.#nameOf(item), resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Whoever else comes in this turn comes along.
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#underWay < this.#lanes) {
      const share = Math.ceil(this.#waiting.length / (this.#lanes - this.#underWay));
      void this.#send(this.#take(Math.max(this.#options.worthwhile, share)));
    }
    if (this.#waiting.length === 0 || this.#slow !== undefined) return;
    if (this.#lanes >= this.#options.lanesAtMost) return;
    this.#slow = this.#options.clock.setTimer(this.#options.slowMs, () => {
      this.#slow = undefined;
      this.#lanes += 1;
      this.#flush();
    });
  }

  /** The oldest ones, up to a number, without those of a name that is taken already. */
  #take(atMost: number): readonly Waiting<T, R>[] {
    const names = new Set<string>();
    const taken: Waiting<T, R>[] = [];
    const left: Waiting<T, R>[] = [];
    for (const each of this.#waiting) {
      if (taken.length >= Math.min(atMost, this.#options.atMost) || names.has(each.name)) left.push(each);
      else {
        names.add(each.name);
        taken.push(each);
      }
    }
    this.#waiting = left;
    return taken;
  }

  async #send(batch: readonly Waiting<T, R>[]): Promise<void> {
    this.#underWay += 1;
    const results = await this.#work(batch.map(({ item }) => item));
    this.#underWay -= 1;
    this.#slow?.cancel();
    this.#slow = undefined;
    if (this.#underWay < this.#options.lanes) this.#lanes = this.#options.lanes;
    this.#flush();
    for (const [index, { resolve, reject }] of batch.entries()) {
      const result = results[index];
      if (result?.status === "fulfilled") resolve(result.value);
      else reject(result?.reason);
    }
  }
}
