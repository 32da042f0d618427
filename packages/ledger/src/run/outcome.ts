import type { CheckedWrite } from "../operation/business-write.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import type { Transition } from "../state/transitions.ts";
import type { OperationRow, PlannedMove } from "../store/operation-row.ts";
import { type SqlQuery, type SqlStatement, StatementFailed } from "../store/sql-port.ts";
import type { AnyDefinition, Engine, StepName } from "./engine.ts";
import type { Evidence } from "./evidence.ts";

/** The user's function, or the commit with what it wrote, cannot succeed. */
export class BusinessRejected extends Error {
  constructor(cause: unknown) {
    super("the business transaction was rejected", { cause });
  }
}

/** Rolls the transaction back when the row is no longer ours. */
class RowLost extends Error {}

/** One row's move, with all that its business row needs. */
export interface Outcome extends PlannedMove {
  readonly transition: Transition;
  readonly evidence: Evidence;
}

/** Bounds the wait for a transaction of ours whose connection broke while the server still holds its locks. */
const retryLockTimeoutMs = 2_000;

/**
 * By itself, in a transaction with the business row.
 *
 * @returns undefined when the row is no longer ours.
 * @throws BusinessRejected
 */
export async function settleOne<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  outcome: Outcome,
  again = false,
): Promise<OperationRow | undefined> {
  const { store } = engine;
  const { row, move, transition } = outcome;
  const planned = [{ row, move }];
  const write = businessOf(definition, outcome);
  let ours = false;
  try {
    if (write?.statement !== undefined && !again && store.writesAtOnce) {
      ours = true;
      const business = write.statement();
      await engine.step(`${stepOf(transition)}.beforeCommit`);
      ours = false;
      const moved = await store.moveAtOnce(planned, business);
      if (moved !== undefined) return moved[0];
    }
    const work = async (fenced: OperationRow | undefined, tx: Tx, query: SqlQuery): Promise<OperationRow> => {
      if (fenced === undefined) throw new RowLost();
      ours = true;
      await write?.run({ tx, query });
      await engine.step(`${stepOf(transition)}.beforeCommit`);
      return fenced;
    };
    // Our row first: its lock orders workers, and a lost row ends here, before the user's function runs.
    if (!again) return await store.moving(planned, ([fenced], tx, query) => work(fenced, tx, query));
    return await store.sql.transaction(async (tx, query) =>
      work(
        await store.dialect.boundLockWait(query, retryLockTimeoutMs, () => store.move(query, row, move)),
        tx,
        query,
      ),
    );
  } catch (caught) {
    if (caught instanceof RowLost) return undefined;
    const isTheirs = caught instanceof StatementFailed;
    const error = isTheirs ? caught.cause : caught;
    if ((ours || isTheirs) && transition.business !== undefined && !store.sql.isTransient(error))
      throw new BusinessRejected(error);
    throw error;
  }
}

/** One outcome's business write. */
interface Write<Tx> {
  run(on: { readonly tx: Tx; readonly query: SqlQuery }): unknown;
  readonly statement: (() => SqlStatement) | undefined;
}

function businessOf<Tx>(
  { commit, abandon }: AnyDefinition<Tx>,
  { row, move, transition, evidence }: Outcome,
): Write<Tx> | undefined {
  const input = (): unknown => JSON.parse(row.request);
  if (transition.business === "commit") {
    const result: unknown = evidence.result === undefined ? undefined : JSON.parse(evidence.result);
    const info = { provider: row.provider, key: row.key };
    return withArguments(commit, (): [unknown, unknown, typeof info] => [input(), result, info]);
  }
  if (transition.business === "abandon" && !row.abandoned) {
    const why = (): AbandonedFailure => JSON.parse(move.failure ?? row.failure ?? "null") as AbandonedFailure;
    return withArguments(abandon, (): [unknown, AbandonedFailure] => [input(), why()]);
  }
  return undefined;
}

function withArguments<Tx, Args extends readonly unknown[]>(
  { run, statement }: CheckedWrite<Tx, Args>,
  args: () => Args,
): Write<Tx> {
  return {
    run: (on) => run(on, ...args()),
    statement: statement && (() => statement(...args())),
  };
}

/** What a crash test calls the place of a move. */
export function stepOf({ to, nextProvider, business: step }: Transition): StepPrefix {
  if (step !== undefined) return "outcome";
  if (nextProvider) return "failover";
  if (to === "UNKNOWN") return "unknown";
  if (to === "CANCELLING") return "cancelIntent";
  return to === "SENDING" ? "resend" : "manual";
}

export type StepPrefix = StepName extends infer Name
  ? Name extends `${infer Prefix}.beforeCommit`
    ? Prefix
    : never
  : never;
