import { show } from "@outrigger/core";
import type { LedgerEvent } from "../events.ts";
import type { AnyDefinition, Engine } from "../run/engine.ts";
import { type CheckedSaga, checkedSaga } from "./checked-saga.ts";
import type { OpenSagaState } from "./decide.ts";
import type { SagaDefinition } from "./definition.ts";
import { Driven, type SagaEngine } from "./parts.ts";
import { nameOf, type RunnerOptions, SagaRunner } from "./runner.ts";
import { type Saga, type Sagas, sagaHandle, sagasOf } from "./saga.ts";
import { type OpenSagas, SagaStore } from "./saga-store.ts";

/** How many sagas of one version have not ended: with none left its definition may go. */
export interface SagaSnapshot {
  readonly saga: string;
  readonly version: number;
  readonly states: Readonly<Record<OpenSagaState, number>>;
  readonly oldestMs: number;
}

/** All that a ledger has of sagas. */
export class SagaDesk<Tx> {
  readonly sagas: Sagas;
  readonly #parts: SagaEngine<Tx>;
  readonly #known = new Map<string, CheckedSaga<Tx>>();
  readonly #runner: SagaRunner<Tx>;

  constructor(parts: SagaEngine<Tx>, options: RunnerOptions) {
    this.#parts = parts;
    this.#runner = new SagaRunner(parts, this.#known, options);
    this.sagas = sagasOf(parts, this.#runner.kick);
  }

  define<I, R>(name: string, definition: SagaDefinition<I, R>): Saga<I, R, Tx> {
    const checked = checkedSaga(name, definition, this.#parts.definitionOf);
    if (this.#known.has(nameOf(checked))) {
      throw new TypeError(
        `saga ${show(name)} of version ${checked.version} is already defined in this ledger`,
      );
    }
    this.#known.set(nameOf(checked), checked);
    this.#runner.defined();
    return sagaHandle<Tx, I, R>(this.#parts, checked, this.sagas, this.#runner.kick);
  }

  start(): void {
    this.#runner.start();
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }

  /** Another process has told of work. */
  readonly heard = (): void => this.#runner.heard();

  readonly listen = (event: LedgerEvent): void => this.#runner.listen(event);

  async snapshot(): Promise<readonly SagaSnapshot[]> {
    return snapshotOf(await this.#parts.sagas.open());
  }

  forget(olderThanMs: number, limit: number): Promise<number> {
    return this.#parts.sagas.forget(olderThanMs, limit);
  }
}

function snapshotOf(open: readonly OpenSagas[]): readonly SagaSnapshot[] {
  const kinds = new Map<string, SagaSnapshot>();
  for (const { saga, version, state, count, oldestMs } of open) {
    const key = nameOf({ name: saga, version });
    const before = kinds.get(key);
    kinds.set(key, {
      saga,
      version,
      states: { RUNNING: 0, COMPENSATING: 0, MANUAL: 0, ...before?.states, [state]: count },
      oldestMs: Math.max(before?.oldestMs ?? 0, oldestMs),
    });
  }
  return [...kinds.values()].sort((a, b) =>
    a.saga < b.saga ? -1 : a.saga > b.saga ? 1 : a.version - b.version,
  );
}

/** Undefined where the ledger has no sagas on this database. */
export function sagaDesk<Tx>(
  engine: Engine<Tx>,
  schema: string,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
  options: RunnerOptions,
): SagaDesk<Tx> | undefined {
  const text = engine.store.dialect.saga?.(schema);
  if (text === undefined) return undefined;
  return new SagaDesk(
    { engine, sagas: new SagaStore(engine.store, text), definitionOf, driven: new Driven() },
    options,
  );
}
