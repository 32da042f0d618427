import { assertKnownKeys, integerIn, oneOf } from "@outrigger/core";
import type { PgTx } from "../drivers/pg.ts";
import type { EnqueueOptions, RunOptions } from "../operation/operation.ts";
import type { ByPerson } from "../run/operator.ts";
import type { CheckedSaga } from "./checked-saga.ts";
import { openSagaStates, type SagaState, sagaStates } from "./decide.ts";
import type { SagaOutcome } from "./definition.ts";
import type { SagaEngine } from "./parts.ts";
import { cancelSaga, findSaga, retrySaga, type WhichSaga } from "./people.ts";
import { type SagaRecord, sagaRecord } from "./record.ts";
import { enqueueSaga, runSaga } from "./run.ts";
import type { SagaRow } from "./saga-store.ts";

/** Several operations of which either all stand in the end, or none. */
export interface Saga<I, R, Tx = PgTx> {
  readonly name: string;
  readonly version: number;
  /**
   * Stores the saga with its first steps, and takes it as far as it can go now. What is unknown then is settled, and the
   * rest done or undone, by the workers of any process.
   *
   * A key that was used before gives what became of it, whatever version it was begun with.
   *
   * @throws as `Operation.run` does; a key may have 128 characters.
   */
  run(input: I, options: Pick<RunOptions, "key" | "signal">): Promise<SagaOutcome<R>>;
  /** Stores the saga alone, in a transaction of yours too; a worker of any process begins it. */
  enqueue(input: I, options: Pick<EnqueueOptions<Tx>, "key" | "tx">): Promise<SagaOutcome<R>>;
  /** See {@link Sagas}. */
  find(key: string): Promise<SagaRecord | undefined>;
  cancel(key: string, options: ByPerson): Promise<SagaRecord>;
  retry(key: string, options: { readonly reason: string; readonly by?: string }): Promise<SagaRecord>;
}

export interface ListSagas {
  /** @defaultValue those that have not ended */
  readonly states?: readonly SagaState[];
  readonly saga?: string;
  /** After the saga with this id. */
  readonly after?: string;
  /** Range: integer >= 1. @defaultValue 100 */
  readonly limit?: number;
}

/** What can be done with sagas of any name and version, also where they are not defined. */
export interface Sagas {
  /** A saga with its steps and its history. */
  find(which: WhichSaga): Promise<SagaRecord | undefined>;
  /** Without their histories, the oldest first. */
  list(options?: ListSagas): Promise<readonly SagaRecord[]>;
  /**
   * Asks for a saga to be undone. What is under way is asked to be cancelled; once that is settled, what took effect is
   * undone in reverse order. One whose pivot takes effect all the same goes forward to its end. Asking twice does nothing.
   *
   * @throws Failure `NOT_CANCELLABLE` with `effect: "none"` when it is committed, or there is no such saga; TypeError
   * without a reason and a name.
   */
  cancel(which: WhichSaga, options: ByPerson): Promise<SagaRecord>;
  /**
   * Looks at a saga now, with all the patience of a new one; its operations in MANUAL go back to work. A worker that has the
   * saga loses it.
   *
   * @throws Failure `NOT_RETRYABLE` with `effect: "none"` when it has ended, or there is none; TypeError without a reason.
   */
  retry(which: WhichSaga, options: { readonly reason: string; readonly by?: string }): Promise<SagaRecord>;
}

const listAtMost = 100;

export function sagasOf<Tx>(parts: SagaEngine<Tx>, kick: () => void): Sagas {
  const { sagas } = parts;
  const record = async (row: SagaRow): Promise<SagaRecord> =>
    sagaRecord(row, await sagas.operations(row.begun), await sagas.history(row.id));
  return {
    async find(which) {
      const row = await findSaga(parts, which);
      return row === undefined ? undefined : await record(row);
    },
    async list(given = {}) {
      assertKnownKeys("list options", given, ["states", "saga", "after", "limit"]);
      const { states = openSagaStates, saga, after, limit = listAtMost } = given;
      for (const state of states) oneOf("list.states", state, sagaStates);
      const rows = await sagas.list(after, integerIn("list.limit", limit, 1, 10_000), states, saga);
      const operations = await sagas.operations(rows.flatMap(({ begun }) => begun));
      return rows.map((row) => sagaRecord(row, operations, []));
    },
    async cancel(which, given) {
      const row = await cancelSaga(parts, which, given);
      kick();
      return await record(row);
    },
    async retry(which, given) {
      const row = await retrySaga(parts, which, given);
      kick();
      return await record(row);
    },
  };
}

/** What a user holds of one version of a saga. */
export function sagaHandle<Tx, I, R>(
  parts: SagaEngine<Tx>,
  saga: CheckedSaga<Tx>,
  all: Sagas,
  kick: () => void,
): Saga<I, R, Tx> {
  const { name, version } = saga;
  return {
    name,
    version,
    run: (input, options) => runSaga(parts, saga, input, options) as Promise<SagaOutcome<R>>,
    enqueue: (input, options) => enqueueSaga(parts, saga, input, options, kick) as Promise<SagaOutcome<R>>,
    find: (key) => all.find({ saga: name, key }),
    cancel: (key, options) => all.cancel({ saga: name, key }, options),
    retry: (key, options) => all.retry({ saga: name, key }, options),
  };
}
