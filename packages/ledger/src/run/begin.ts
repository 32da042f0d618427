import { Failure } from "@outrigger/core";
import { databaseUnavailable, hasCode, ledgerFailureCodes } from "../failure.ts";
import type { NewOperation, OperationRow } from "../store/operation-row.ts";
import type { SqlQuery } from "../store/sql-port.ts";
import { about } from "./describe.ts";
import type { AnyDefinition, Engine, Held } from "./engine.ts";
import { gatheredOf } from "./gathered.ts";
import { intend } from "./intent.ts";

/** Either the operation is this worker's to send, or its key had been used before. */
export type Begun =
  | { readonly fresh: true; readonly held: Held }
  | { readonly fresh: false; readonly row: OperationRow };

/**
 * Makes the operation and the business row durable in one commit, before anything is sent.
 *
 * @throws what `prepare` throws, with nothing stored; Failure `DATABASE_UNAVAILABLE` with `effect: "none"`
 * when it is certain that nothing is stored under this key; Failure `INTENT_UNKNOWN` with `effect: "unknown"`
 * when that could not be found out, also because an earlier call may have stored it.
 */
export async function begin<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  fresh: NewOperation,
): Promise<Begun> {
  const { row, taken, free, error } =
    definition.many === undefined
      ? await intend(engine, definition, fresh)
      : await gatheredOf(engine, definition).intents.add(fresh);
  if (error === undefined) {
    return row === undefined ? await existing(engine, fresh) : await begun(engine, row, fresh.dueInMs);
  }
  if (hasCode(error, ledgerFailureCodes.commitUnknown) && !taken) {
    return await afterLostCommit(engine, fresh, row, error);
  }
  if (hasCode(error, ledgerFailureCodes.transactionAborted)) throw inPrepare(error as Failure);
  if (!engine.store.sql.isTransient(error)) throw error;
  // That transaction wrote nothing, so the end of its commit does not matter.
  if (taken) return await existingAfterLoss(engine, fresh);
  if (row === undefined && free !== true) throw intentUnknown(error);
  throw Failure.is(error) ? error : databaseUnavailable(error);
}

/** The same in a transaction that the user has begun and will end; who rolls back has nothing stored. */
export async function beginIn<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  fresh: NewOperation,
  tx: Tx,
): Promise<Begun> {
  const { store } = engine;
  const query = store.sql.join(tx);
  const row = await store.insert(query, fresh);
  if (row === undefined) return await existing(engine, fresh, query);
  await definition.prepare.run({ tx, query }, JSON.parse(fresh.request));
  await engine.wakeAtCommit(query);
  return { fresh: true, held: { row, leaseEndsAtMs: row.readAtMs, mine: false } };
}

function inPrepare(failure: Failure): Failure {
  const { code, effect, transient } = failure;
  return new Failure(`prepare: ${failure.message}`, { code, effect, transient, cause: failure });
}

async function existingAfterLoss<Tx>(engine: Engine<Tx>, fresh: NewOperation): Promise<Begun> {
  try {
    return await existing(engine, fresh);
  } catch (error) {
    throw intentUnknown(error);
  }
}

function intentUnknown(cause: unknown): Failure {
  return new Failure(
    "the database could not be asked what is stored under this key; nothing was sent from here: call run again " +
      "with the same key to learn what became of it",
    { code: ledgerFailureCodes.intentUnknown, effect: "unknown", cause },
  );
}

async function begun<Tx>(engine: Engine<Tx>, row: OperationRow, leaseMs: number): Promise<Begun> {
  engine.emit({
    type: "operationMoved",
    from: null,
    to: row.state,
    why: "created",
    fence: row.fence,
    ...about(row),
  });
  await engine.step("intent.afterCommit");
  return { fresh: true, held: { row, leaseEndsAtMs: row.readAtMs + leaseMs, mine: true } };
}

async function existing<Tx>(
  engine: Engine<Tx>,
  { operation, key }: NewOperation,
  query?: SqlQuery,
): Promise<Begun> {
  const row = await engine.store.findByKey(operation, key, query);
  if (row !== undefined) return { fresh: false, row };
  // Only whoever deletes rows can cause this.
  throw new Failure(`the operation with key "${key}" disappeared while it was read`, {
    code: ledgerFailureCodes.databaseUnavailable,
    effect: "none",
  });
}

/**
 * Finds out what became of a commit whose answer was lost: the same key is inserted once more, which waits for
 * the old transaction if it still runs, and is rolled back. If that insert succeeds, the old commit never
 * happened and never will.
 *
 * @param inserted - Undefined where its answer was lost too: what is found then may be somebody else's, so it is not sent;
 * and what is not found may still be on its way, with its commit.
 */
async function afterLostCommit<Tx>(
  engine: Engine<Tx>,
  fresh: NewOperation,
  inserted: OperationRow | undefined,
  cause: unknown,
): Promise<Begun> {
  const { store } = engine;
  try {
    await store.sql.transaction(async (_, query) => {
      const again = await store.dialect.boundLockWait(query, fresh.dueInMs / 2, () =>
        store.insert(query, fresh),
      );
      if (again !== undefined) throw new NeverCommitted();
    });
    const row = inserted && (await store.find(inserted.id));
    if (row === undefined || inserted === undefined) return await existing(engine, fresh);
    // Another worker may have taken it meanwhile; it is then no longer ours to send.
    if (row.fence !== inserted.fence || row.state !== inserted.state) return { fresh: false, row };
    return await begun(engine, { ...row, readAtMs: inserted.readAtMs }, fresh.dueInMs);
  } catch (error) {
    if (error instanceof NeverCommitted && inserted !== undefined) throw databaseUnavailable(cause);
    throw intentUnknown(error instanceof NeverCommitted ? cause : error);
  }
}

class NeverCommitted extends Error {}
