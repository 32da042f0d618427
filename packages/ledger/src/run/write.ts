import type { Transition } from "../state/transitions.ts";
import type { Move, OperationRow } from "../store/operation-row.ts";
import { about, codeOf } from "./describe.ts";
import { type AnyDefinition, type Engine, type Held, sleep } from "./engine.ts";
import type { Evidence } from "./evidence.ts";
import { gatheredOf, movesOf } from "./gathered.ts";
import { BusinessRejected, type Outcome, settleOne, stepOf } from "./outcome.ts";

/** The database did not take a write after several tries. The row stays as it is until its lease ends. */
export class WriteFailed extends Error {}

/** What became of a move. `overtaken` is the row when a cancel was asked for since it was read. */
export interface Written {
  readonly held: Held;
  readonly overtaken?: OperationRow;
}

const writeTries = 3;
/** The first wait before another try; doubles. */
const writeRetryMs = 50;

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
      const outcome = { row: held.row, move, transition, evidence };
      const row = await writeOnce(engine, definition, outcome, tries > 1);
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
  outcome: Outcome,
  again: boolean,
): Promise<OperationRow | undefined> {
  const { row, move, transition } = outcome;
  const name = stepOf(transition);
  const isNews = move.from !== move.to || move.provider !== row.provider;
  if (transition.business === undefined && !again) {
    if (isNews) await engine.step(`${name}.beforeCommit`);
    const moved = await movesOf(engine).add(outcome);
    if (isNews && moved !== undefined) await engine.step(`${name}.afterCommit`);
    return moved;
  }
  const moved = await settleOutcome(engine, definition, outcome, again);
  if (moved !== undefined) await engine.step(`${name}.afterCommit`);
  return moved;
}

async function settleOutcome<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  outcome: Outcome,
  again: boolean,
): Promise<OperationRow | undefined> {
  if (outcome.transition.business === "commit" && definition.many !== undefined && !again) {
    engine.turn.pass();
    return await gatheredOf(engine, definition).outcomes.add(outcome);
  }
  await engine.turn.hold();
  return await settleOne(engine, definition, outcome, again);
}

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
