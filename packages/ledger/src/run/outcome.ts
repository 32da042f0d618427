import type { AbandonedFailure } from "../operation/definition.ts";
import type { Transition } from "../state/transitions.ts";
import type { Move, OperationRow, PlannedMove } from "../store/operation-row.ts";
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
  { row, move, transition, evidence }: Outcome,
  again = false,
): Promise<OperationRow | undefined> {
  const { store } = engine;
  let ours = false;
  try {
    const work = async (fenced: OperationRow | undefined, tx: Tx): Promise<OperationRow> => {
      if (fenced === undefined) throw new RowLost();
      ours = true;
      await business(definition, tx, row, transition, move, evidence);
      await engine.step(`${stepOf(transition)}.beforeCommit`);
      return fenced;
    };
    // Our row first: its lock orders workers, and a lost row ends here, before the user's function runs.
    if (!again) return await store.moving([{ row, move }], async ([fenced], tx) => await work(fenced, tx));
    return await store.sql.transaction(async (tx, query) =>
      work(
        await store.dialect.boundLockWait(query, retryLockTimeoutMs, () => store.move(query, row, move)),
        tx,
      ),
    );
  } catch (error) {
    if (error instanceof RowLost) return undefined;
    if (ours && transition.business !== undefined && !store.sql.isTransient(error))
      throw new BusinessRejected(error);
    throw error;
  }
}

async function business<Tx>(
  definition: AnyDefinition<Tx>,
  tx: Tx,
  row: OperationRow,
  transition: Transition,
  move: Move,
  evidence: Evidence,
): Promise<void> {
  const input: unknown = JSON.parse(row.request);
  if (transition.business === "commit") {
    const result: unknown = evidence.result === undefined ? undefined : JSON.parse(evidence.result);
    await definition.commit(tx, input, result, { provider: row.provider, key: row.key });
  } else if (transition.business === "abandon" && !row.abandoned) {
    await definition.abandon(
      tx,
      input,
      JSON.parse(move.failure ?? row.failure ?? "null") as AbandonedFailure,
    );
  }
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
