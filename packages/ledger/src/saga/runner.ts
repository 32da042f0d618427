import type { LedgerEvent } from "../events.ts";
import { codeOf } from "../run/describe.ts";
import { WorkerLoop } from "../run/worker-loop.ts";
import { WriteFailed } from "../run/write.ts";
import type { CheckedSaga } from "./checked-saga.ts";
import { drive } from "./drive.ts";
import { sagaOfKey } from "./keys.ts";
import type { SagaEngine } from "./parts.ts";
import type { SagaRow } from "./saga-store.ts";

export interface RunnerOptions {
  readonly concurrency: number;
  readonly pollEveryMs: number;
  readonly drainMs: number;
}

/** Every version of every saga that this process can drive, by `name version`. */
export type KnownSagas<Tx> = ReadonlyMap<string, CheckedSaga<Tx>>;

export const nameOf = ({ name, version }: { readonly name: string; readonly version: number }): string =>
  `${name} ${version}`;

/** Where an operation is when its saga may go on. */
const news: ReadonlySet<string> = new Set(["DONE", "FAILED", "CANCELLED", "MANUAL"]);

/** Drives what is due. Any number of processes run one each; versions that are not known here are left alone. */
export class SagaRunner<Tx> {
  readonly #parts: SagaEngine<Tx>;
  readonly #known: KnownSagas<Tx>;
  readonly #loop: WorkerLoop<SagaRow>;
  #running = false;

  constructor(parts: SagaEngine<Tx>, known: KnownSagas<Tx>, options: RunnerOptions) {
    this.#parts = parts;
    this.#known = known;
    this.#loop = new WorkerLoop<SagaRow>({
      ...options,
      clock: parts.engine.clock,
      claim: (atMost) => this.#claim(atMost),
      work: (row, signal) => this.#work(row, signal),
      release: (row) => parts.sagas.release(row),
    });
  }

  start(): void {
    this.#running = true;
    this.defined();
  }

  /** There is one more to drive. Without any, nothing is looked for. */
  defined(): void {
    if (this.#running && this.#known.size > 0) this.#loop.start();
  }

  stop(): Promise<void> {
    this.#running = false;
    return this.#loop.stop();
  }

  /** Looks for work at once, here or in another process. */
  readonly kick = (): void => {
    if (this.#loop.hasRoom) this.#loop.kick();
    else this.#parts.engine.wake();
  };

  /** The same for what another process has told of. */
  readonly heard = (): void => this.#loop.kick();

  /** A step that settled wakes its saga. Losing this costs the time until the saga is looked at anyway. */
  readonly listen = (event: LedgerEvent): void => {
    if (event.type !== "operationMoved" || !news.has(event.to)) return;
    const of = sagaOfKey(event.key);
    if (of === undefined || ![...this.#known.values()].some(({ name }) => name === of.saga)) return;
    if (this.#parts.driven.tell(of)) return;
    this.#parts.sagas.wake(of.saga, of.key).then(this.kick, () => {});
  };

  async #claim(atMost: number): Promise<readonly SagaRow[]> {
    const leaseMs = Math.max(...[...this.#known.values()].map((saga) => saga.leaseMs));
    try {
      return await this.#parts.sagas.claim([...this.#known.keys()], atMost, leaseMs);
    } catch (error) {
      this.#failed("sagaClaim", error);
      return [];
    }
  }

  async #work(row: SagaRow, signal: AbortSignal): Promise<void> {
    const saga = this.#known.get(nameOf({ name: row.saga, version: row.version }));
    if (saga === undefined) return;
    try {
      await this.#parts.engine.step("saga.claimed");
      await drive({ parts: this.#parts, saga, signal }, row);
    } catch (error) {
      // The row stays as it is, and is offered again when its lease ends.
      this.#failed("saga", error instanceof WriteFailed ? error.cause : error);
    }
  }

  #failed(during: string, error: unknown): void {
    this.#parts.engine.emit({ type: "databaseFailed", during, code: codeOf(error) });
  }
}
