import type { Clock } from "@outrigger/core";
import type { SqlQuery } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";

/**
 * While a process has notified within this time it does not again: the commit of a transaction that notifies waits for
 * every other one that does, so a stream of work is left to those who were just woken, and to their polling.
 */
const quietMs = 100;

/** Tells other processes that there is work. Losing a call costs the time until they poll, and nothing else. */
export class Waker<Tx> {
  readonly #store: Store<Tx>;
  readonly #channel: string;
  readonly #clock: Clock;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store<Tx>, channel: string, clock: Clock) {
    this.#store = store;
    this.#channel = channel;
    this.#clock = clock;
  }

  now(): void {
    if (this.#mayNotify()) this.#store.notify(this.#store.sql.query, this.#channel).catch(() => {});
  }

  /** Sent with the transaction that `query` belongs to, when it commits. */
  async atCommit(query: SqlQuery): Promise<void> {
    if (this.#mayNotify()) await this.#store.notify(query, this.#channel);
  }

  #mayNotify(): boolean {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastAtMs < quietMs) return false;
    this.#lastAtMs = nowMs;
    return true;
  }
}
