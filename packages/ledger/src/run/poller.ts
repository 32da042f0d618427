import type { Clock, Timer } from "@outrigger/core";
import { detached } from "../guard/transaction-scope.ts";

export interface PollerParts {
  readonly clock: Clock;
  readonly pollEveryMs: number;
  /** Looks once; resolves with whether there may be more that can be begun right away. Must not reject. */
  readonly look: () => Promise<boolean>;
}

/** Looks for work, one look at a time: at once when it is kicked, and by polling. */
export class Poller {
  readonly #parts: PollerParts;
  #running = false;
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: Timer | undefined;

  constructor(parts: PollerParts) {
    this.#parts = parts;
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    this.#running = true;
    this.kick();
  }

  /** Looks for work at once. Does nothing while stopped. */
  readonly kick = (): void => {
    if (!this.#running) return;
    this.#timer?.cancel();
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    const { clock, pollEveryMs, look } = this.#parts;
    // Whoever kicks may be inside a transaction; the work is not.
    this.#looking = detached(look).then((more) => {
      this.#looking = undefined;
      if (!this.#running) return;
      if (this.#again || more) this.kick();
      else this.#timer = clock.setTimer(pollEveryMs, this.kick);
    });
  };

  /** @returns the look that is under way; what it still finds has to be given back. */
  stop(): Promise<void> | undefined {
    this.#running = false;
    this.#timer?.cancel();
    return this.#looking;
  }
}

/** Resolves when all of it has ended, or the time is up. */
export async function endedWithin(clock: Clock, ms: number, work: Iterable<Promise<void>>): Promise<void> {
  let timer: Timer | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = clock.setTimer(ms, resolve);
  });
  await Promise.race([Promise.all(work), bound]);
  timer?.cancel();
}
