import type { Clock, Timer } from "@outrigger/core";
import type { LedgerEvent } from "../events.ts";
import type { Store } from "../store/store.ts";
import { codeOf } from "./describe.ts";

export interface RetentionSettings {
  /** How long after its end an operation stays where the work is. */
  readonly moveAfterMs: number;
  /** How long it is kept after that; undefined for ever. */
  readonly forgetAfterMs: number | undefined;
  readonly batch: number;
  readonly everyMs: number;
  /**
   * How long a copy waits for its original to go. Longer than any statement of the ledger may run, so that each
   * statement sees at least one of the two.
   */
  readonly settleMs: number;
}

/** What one pass did. */
export interface Tidied {
  readonly copied: number;
  readonly moved: number;
  readonly forgotten: number;
}

/** Moves what has ended out of the hot table, in bounded batches, on every node: they skip each other's rows. */
export class Retention<Tx> {
  readonly #store: Store<Tx>;
  readonly #settings: RetentionSettings;
  readonly #clock: Clock;
  readonly #emit: (event: LedgerEvent) => void;
  /** What parts beside the operations keep no longer. */
  readonly #also: (batch: number, forgetAfterMs: number | undefined) => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<unknown> | undefined;
  #stopped = true;

  constructor(
    store: Store<Tx>,
    settings: RetentionSettings,
    clock: Clock,
    emit: (event: LedgerEvent) => void,
    also: (batch: number, forgetAfterMs: number | undefined) => Promise<void> = async () => {},
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#clock = clock;
    this.#emit = emit;
    this.#also = also;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.setTimer(this.#settings.everyMs, () => {
      this.#running = this.tidy(() => this.#stopped)
        .catch((error: unknown) => {
          this.#emit({ type: "databaseFailed", during: "retention", code: codeOf(error) });
        })
        .finally(() => this.#arm());
    });
  }

  /** One whole pass, unless it is told to stop. */
  async tidy(stopped: () => boolean = () => false): Promise<Tidied> {
    const { moveAfterMs, forgetAfterMs, settleMs, batch: limit } = this.#settings;
    let after: string | undefined;
    const copied = await batches(stopped, limit, async () => {
      const ids = await this.#store.archiveCopy(after, { olderThanMs: moveAfterMs, limit });
      after = ids.at(-1) ?? after;
      return ids;
    });
    const moved = await batches(stopped, limit, () =>
      this.#store.archiveDrop({ olderThanMs: settleMs, limit }),
    );
    const forgotten =
      forgetAfterMs === undefined
        ? 0
        : await batches(stopped, limit, () =>
            this.#store.archiveForget({ olderThanMs: forgetAfterMs, limit }),
          );
    if (!stopped()) await this.#also(limit, forgetAfterMs);
    return { copied, moved, forgotten };
  }
}

async function batches(
  stopped: () => boolean,
  limit: number,
  work: () => Promise<readonly string[]>,
): Promise<number> {
  for (let done = 0; ; ) {
    if (stopped()) return done;
    const { length } = await work();
    done += length;
    if (length < limit) return done;
  }
}
