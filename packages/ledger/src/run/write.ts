import type { AbandonedFailure } from "../operation/definition.ts";
import type { Transition } from "../state/transitions.ts";
import type { Move, OperationRow } from "../store/store.ts";
import { about, codeOf } from "./describe.ts";
import { type AnyDefinition, type Engine, type Held, type StepName, sleep } from "./engine.ts";
import type { Evidence } from "./evidence.ts";

/** The database did not take a write after several tries. The row stays as it is until its lease ends. */
export class WriteFailed extends Error {}

/** The user's function, or the commit with what it wrote, cannot succeed. */
export class BusinessRejected extends Error {
  constructor(cause: unknown) {
    super("the business transaction was rejected", { cause });
  }
}

/** Rolls the transaction back when the row is no longer ours. */
class RowLost extends Error {}

/** What became of a move. `overtaken` is the row when a cancel was asked for since it was read. */
export interface Written {
  readonly held: Held;
  readonly overtaken?: OperationRow;
}

const writeTries = 3;
/** The first wait before another try; doubles. */
const writeRetryMs = 50;
/** Bounds the wait for a transaction of ours whose connection broke while the server still holds its locks. */
const retryLockTimeoutMs = 2_000;

/**
 * Makes a move durable, with the business row in the same commit, and tries again while that may help.
 *
 * @throws BusinessRejected, WriteFailed
 */
export async function write<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  move: Move,
  transition: Transition,
  evidence: Evidence,
): Promise<Written> {
  const { store, clock } = engine;
  for (let tries = 1; ; tries += 1) {
    try {
      const row = await writeOnce(engine, definition, held.row, move, transition, evidence, tries > 1);
      if (row !== undefined) {
        announceMove(engine, row, move);
        return { held: { row, leaseEndsAtMs: row.readAtMs + (move.dueInMs ?? 0), mine: true } };
      }
      // Nothing was changed. After a commit whose answer was lost, the row may already be where we wanted it.
      const now = await store.find(held.row.id);
      if (now !== undefined && tries > 1 && now.fence === held.row.fence && now.state === move.to) {
        announceMove(engine, now, move);
        return { held: { row: now, leaseEndsAtMs: held.leaseEndsAtMs, mine: true } };
      }
      if (now !== undefined && isOvertaken(held.row, now)) return { held, overtaken: now };
      engine.emit({ type: "zombieStopped", fence: held.row.fence, ...about(held.row) });
      return { held: { row: now ?? held.row, leaseEndsAtMs: 0, mine: false } };
    } catch (error) {
      if (error instanceof BusinessRejected) throw error;
      engine.emit({ type: "databaseFailed", during: move.to, code: codeOf(error) });
      const late = clock.now() >= held.leaseEndsAtMs;
      if (tries >= writeTries || late || !store.sql.isTransient(error)) {
        throw new WriteFailed(`an operation could not be moved to ${move.to}`, { cause: error });
      }
      await sleep(clock, writeRetryMs * 2 ** (tries - 1));
    }
  }
}

/** Whether all that stopped the write is a cancel that it did not know of. */
function isOvertaken(before: OperationRow, now: OperationRow): boolean {
  return (
    now.fence === before.fence &&
    now.state === before.state &&
    (now.cancelWantedForMs === undefined) !== (before.cancelWantedForMs === undefined)
  );
}

async function writeOnce<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  move: Move,
  transition: Transition,
  evidence: Evidence,
  again: boolean,
): Promise<OperationRow | undefined> {
  const { store } = engine;
  const name = stepOf(transition);
  const isNews = move.from !== move.to || move.provider !== row.provider;
  if (transition.business === undefined && !again) {
    if (isNews) await engine.step(`${name}.beforeCommit`);
    const moved = await store.move(store.sql.query, row, move);
    if (isNews && moved !== undefined) await engine.step(`${name}.afterCommit`);
    return moved;
  }
  let ours = false;
  try {
    const moved = await store.sql.transaction(async (tx, query) => {
      if (again) await store.dialect.boundLockWait(query, retryLockTimeoutMs);
      // Our row first: its lock orders workers, and a lost row ends here, before the user's function runs.
      const fenced = await store.move(query, row, move);
      if (fenced === undefined) throw new RowLost();
      ours = true;
      await business(definition, tx, row, transition, move, evidence);
      await engine.step(`${name}.beforeCommit`);
      return fenced;
    });
    await engine.step(`${name}.afterCommit`);
    return moved;
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

function stepOf({ to, nextProvider, business: step }: Transition): StepPrefix {
  if (step !== undefined) return "outcome";
  if (nextProvider) return "failover";
  if (to === "UNKNOWN") return "unknown";
  if (to === "CANCELLING") return "cancelIntent";
  return to === "SENDING" ? "resend" : "manual";
}

type StepPrefix = StepName extends infer Name
  ? Name extends `${infer Prefix}.beforeCommit`
    ? Prefix
    : never
  : never;

function announceMove<Tx>(engine: Engine<Tx>, row: OperationRow, move: Move): void {
  if (move.from === move.to && move.provider === row.provider && move.from !== "SENDING") return;
  engine.emit({
    type: "operationMoved",
    from: move.from,
    to: move.to,
    why: move.why,
    fence: row.fence,
    ...about(row),
  });
}
