import { hasCode, ledgerFailureCodes } from "../failure.ts";
import type { CommittedItem } from "../operation/definition.ts";
import type { NewOperation, OperationRow, PlannedMove } from "../store/operation-row.ts";
import { type SqlPort, StatementFailed } from "../store/sql-port.ts";
import type { AnyDefinition, Engine } from "./engine.ts";
import { Gatherer, gatherDefaults } from "./gather.ts";
import { type Intended, intend } from "./intent.ts";
import { type Outcome, settleOne } from "./outcome.ts";

/** What concurrent callers of one operation write together. */
export interface Gathered {
  readonly intents: Gatherer<NewOperation, Intended>;
  readonly outcomes: Gatherer<Outcome, OperationRow | undefined>;
}

type Moves = Gatherer<PlannedMove, OperationRow | undefined>;

const ofStore = new WeakMap<object, Moves>();
const ofDefinition = new WeakMap<object, Gathered>();

/** Those of this operation in this ledger: a definition belongs to one. */
export function gatheredOf<Tx>(engine: Engine<Tx>, definition: AnyDefinition<Tx>): Gathered {
  const known = ofDefinition.get(definition);
  if (known !== undefined) return known;
  const made = gathered(engine, definition);
  ofDefinition.set(definition, made);
  return made;
}

/** Those for moves without a business row, of any operation. */
export function movesOf<Tx>(engine: Engine<Tx>): Moves {
  const known = ofStore.get(engine.store);
  if (known !== undefined) return known;
  const made = gatheredMoves(engine);
  ofStore.set(engine.store, made);
  return made;
}

function gathered<Tx>(engine: Engine<Tx>, definition: AnyDefinition<Tx>): Gathered {
  const options = { ...gatherDefaults, clock: engine.clock };
  return {
    intents: new Gatherer<NewOperation, Intended>(
      options,
      ({ key }) => key,
      (batch) =>
        together(
          engine.store.sql,
          batch,
          (fresh) => intend(engine, definition, fresh),
          (some) => intendAll(engine, definition, some),
        ),
    ),
    outcomes: new Gatherer<Outcome, OperationRow | undefined>(
      options,
      ({ row }) => row.id,
      (batch) =>
        together(
          engine.store.sql,
          batch,
          (outcome) => settleOne(engine, definition, outcome),
          (some) => settleAll(engine, definition, some),
        ),
    ),
  };
}

function gatheredMoves<Tx>(engine: Engine<Tx>): Moves {
  const { store } = engine;
  return new Gatherer<PlannedMove, OperationRow | undefined>(
    { ...gatherDefaults, clock: engine.clock },
    ({ row }) => row.id,
    (batch) =>
      together(
        store.sql,
        batch,
        ({ row, move }) => store.move(store.sql.query, row, move),
        async (some) => fulfilled(await store.moveMany(store.sql.query, some)),
      ),
  );
}

/**
 * All in one. A batch that was refused is tried in halves, until whoever it was stands alone: one of many costs a few
 * transactions more, and not one for each. What is transient, such as a deadlock, is over when each stands for itself.
 */
async function together<T, R>(
  { isTransient }: Pick<SqlPort<never>, "isTransient">,
  batch: readonly T[],
  singly: (item: T) => Promise<R>,
  all: (batch: readonly T[]) => Promise<readonly PromiseSettledResult<R>[]>,
): Promise<readonly PromiseSettledResult<R>[]> {
  if (batch.length > 1) {
    try {
      return await all(batch);
    } catch (error) {
      // It was rolled back as a whole.
      if (batch.length > 2 && !isTransient(error)) {
        const middle = batch.length >> 1;
        const halves = [batch.slice(0, middle), batch.slice(middle)];
        const results: PromiseSettledResult<R>[] = [];
        // One after the other: they may wait for the same locks.
        for (const half of halves) results.push(...(await together({ isTransient }, half, singly, all)));
        return results;
      }
    }
  }
  return await Promise.allSettled(batch.map(singly));
}

function fulfilled<R>(values: readonly R[]): readonly PromiseSettledResult<R>[] {
  return values.map((value) => ({ status: "fulfilled", value }));
}

async function intendAll<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  batch: readonly NewOperation[],
): Promise<readonly PromiseSettledResult<Intended>[]> {
  const { store } = engine;
  let rows: readonly (OperationRow | undefined)[] | undefined;
  try {
    rows = await intendAtOnce(engine, definition, batch);
    // Our rows first: their unique keys order callers, and a repeated key ends here.
    rows ??= await store.inserting(batch, async (inserted, tx, query) => {
      rows = inserted;
      const fresh = inserted.filter((row) => row !== undefined);
      if (fresh.length === 0) return inserted;
      await definition.many?.prepare.run(
        { tx, query },
        fresh.map(({ request }) => JSON.parse(request)),
      );
      await engine.step("intent.beforeCommit");
      return inserted;
    });
    return fulfilled(rows.map((row) => ({ row, taken: row === undefined })));
  } catch (error) {
    // Each finds out about its own key. Whatever else failed has been rolled back.
    if (!hasCode(error, ledgerFailureCodes.commitUnknown)) throw error;
    return fulfilled(
      batch.map((_, index) => {
        const row = rows?.[index];
        return { row, taken: rows !== undefined && row === undefined, error };
      }),
    );
  }
}

/** @returns undefined where their intents cannot be written at once, and nothing was. */
async function intendAtOnce<Tx>(
  { store, step }: Engine<Tx>,
  { many }: AnyDefinition<Tx>,
  batch: readonly NewOperation[],
): Promise<readonly OperationRow[] | undefined> {
  if (many?.prepare.statement === undefined || !store.writesAtOnce) return undefined;
  const business = many.prepare.statement(batch.map(({ request }) => JSON.parse(request)));
  await step("intent.beforeCommit");
  return await store.insertAtOnce(batch, business);
}

async function settleAll<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  batch: readonly Outcome[],
): Promise<readonly PromiseSettledResult<OperationRow | undefined>[]> {
  const { store } = engine;
  try {
    const atOnce = await settleAtOnce(engine, definition, batch);
    if (atOnce !== undefined) return fulfilled(atOnce);
    // Our rows first: their locks order workers, and a lost row does not reach the user's function.
    const rows = await store.moving(batch, async (moved, tx, query) => {
      const ours = batch.filter((_, index) => moved[index] !== undefined);
      if (ours.length > 0) await definition.many?.commit.run({ tx, query }, ours.map(committed));
      await engine.step("outcome.beforeCommit");
      return moved;
    });
    return fulfilled(rows);
  } catch (caught) {
    const error = caught instanceof StatementFailed ? caught.cause : caught;
    if (!store.sql.isTransient(error)) throw error;
    return batch.map(() => ({ status: "rejected", reason: error }));
  }
}

/** @returns undefined where their outcomes cannot be written at once, and nothing was. */
async function settleAtOnce<Tx>(
  { store, step }: Engine<Tx>,
  { many }: AnyDefinition<Tx>,
  batch: readonly Outcome[],
): Promise<readonly OperationRow[] | undefined> {
  if (many?.commit.statement === undefined || !store.writesAtOnce) return undefined;
  const business = many.commit.statement(batch.map(committed));
  await step("outcome.beforeCommit");
  return await store.moveAtOnce(batch, business);
}

function committed({ row, evidence: { result } }: Outcome): CommittedItem<unknown, unknown> {
  return {
    input: JSON.parse(row.request),
    result: result === undefined ? undefined : JSON.parse(result),
    provider: row.provider,
    key: row.key,
  };
}
