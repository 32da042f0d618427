import { afterOthers } from "../../clock/turn.ts";
import { databaseUnavailable, statementTimedOut } from "../../failure.ts";
import type { SqlBounds } from "../../store/sql-port.ts";

/** One at a time, in the order in which they came. */
export class Turns {
  readonly #waiting = new Set<() => void>();
  #taken = false;

  /**
   * @returns a function that ends the turn.
   * @throws Failure `DATABASE_UNAVAILABLE` when it does not come within the bound for a statement.
   */
  async take({ clock, statementMs }: SqlBounds): Promise<() => void> {
    if (this.#taken) {
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          timer.cancel();
          resolve();
        };
        const timer = clock.setTimer(statementMs, () => {
          // One whose turn has come, and only waits for the event loop, is no longer among them.
          if (this.#waiting.delete(go)) reject(databaseUnavailable(statementTimedOut(statementMs)));
        });
        this.#waiting.add(go);
      });
    }
    this.#taken = true;
    return () => this.#next();
  }

  #next(): void {
    const [go] = this.#waiting;
    if (go === undefined) {
      this.#taken = false;
      return;
    }
    this.#waiting.delete(go);
    // A commit stops the process for as long as the disk takes. Between two of them everybody else gets a chance.
    afterOthers(go);
  }
}
