import type { Timer } from "@outrigger/core";
import { statementTimedOut } from "../../failure.ts";
import type { SqlBounds } from "../../store/sql-port.ts";

/** One wait after another, each with its own bound. The first one that takes too long ends them all. */
export class Patience {
  readonly #bounds: SqlBounds | undefined;
  readonly #over = Promise.withResolvers<never>();
  #timer: Timer | undefined;
  #ended = false;
  isOver = false;

  constructor(bounds: SqlBounds | undefined) {
    this.#bounds = bounds;
    this.#over.promise.catch(() => {});
  }

  /** Begins the next wait, whose bound replaces that of the last one. */
  next(ms: number | undefined): void {
    this.#timer?.cancel();
    if (this.#ended || this.isOver || this.#bounds === undefined || ms === undefined) return;
    this.#timer = this.#bounds.clock.setTimer(ms, () => this.giveUp(statementTimedOut(ms)));
  }

  giveUp(error: unknown): void {
    if (this.#ended) return;
    this.isOver = true;
    this.#timer?.cancel();
    this.#over.reject(error);
  }

  /** @throws what was given up with, as soon as that happens; what `work` comes to later is dropped. */
  async orOver<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#over.promise]);
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }
}
