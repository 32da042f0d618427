import type { Clock, Random, Timer } from "@outrigger/core";
import type { LedgerEvent } from "../events.ts";
import type { SqlPort } from "../store/sql-port.ts";
import { codeOf } from "./describe.ts";

/** How long after a lost connection it is tried again; doubles, with jitter, up to the last. Polling goes on behind it. */
const retryMs = { first: 500, last: 30_000 } as const;

export interface ListenerParts<Tx> {
  readonly sql: SqlPort<Tx>;
  readonly channel: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: LedgerEvent) => void;
  readonly heard: () => void;
}

/** Hears of work that other processes leave, on a connection of its own that comes back when it is lost. */
export class Listener<Tx> {
  readonly #parts: ListenerParts<Tx>;
  /** Counts starts, so that what belongs to an earlier one is known to be late. */
  #run = 0;
  #running = false;
  #tries = 0;
  #timer: Timer | undefined;
  #stopListening: (() => Promise<void>) | undefined;

  constructor(parts: ListenerParts<Tx>) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#running || this.#parts.sql.listen === undefined) return;
    this.#running = true;
    this.#run += 1;
    this.#listen(this.#run);
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#run += 1;
    this.#timer?.cancel();
    const stop = this.#stopListening;
    this.#stopListening = undefined;
    await stop?.().catch(() => {});
  }

  #listen(run: number): void {
    const { sql, channel, emit, heard } = this.#parts;
    const lost = (error: unknown): void => {
      if (run !== this.#run) return;
      this.#stopListening = undefined;
      emit({ type: "listenerLost", code: codeOf(error) });
      this.#again();
    };
    sql.listen?.(channel, heard, lost).then(
      async (stop) => {
        if (run !== this.#run) return await stop().catch(() => {});
        this.#stopListening = stop;
        this.#tries = 0;
        emit({ type: "listenerStarted" });
        // What was called out while nobody listened.
        heard();
      },
      (error: unknown) => lost(error),
    );
  }

  #again(): void {
    const { clock, random } = this.#parts;
    const ceilingMs = Math.min(retryMs.last, retryMs.first * 2 ** Math.min(10, this.#tries));
    this.#tries += 1;
    this.#run += 1;
    const run = this.#run;
    this.#timer = clock.setTimer(ceilingMs * (0.5 + random() / 2), () => {
      if (this.#running && run === this.#run) this.#listen(run);
    });
  }
}
