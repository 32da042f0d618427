import type { AbandonedFailure } from "../operation/definition.ts";
import { storableText } from "../operation/request.ts";
import {
  decide,
  type EvidenceKind,
  intentAfter,
  type OperationFacts,
  type Transition,
} from "../state/transitions.ts";
import { hasCode, ledgerCodes, type SqlQuery } from "../store/sql-port.ts";
import type { Move, OperationRow } from "../store/store.ts";
import {
  type AnyDefinition,
  currentProvider,
  type Engine,
  type Held,
  type StepName,
  sleep,
} from "./engine.ts";

/** What was learnt, with what has to be kept of it. */
export interface Evidence {
  readonly kind: EvidenceKind;
  /** A stable code that goes into the history. */
  readonly code?: string | undefined;
  /** Words for people; cut, and cleaned of what the database cannot store. */
  readonly message?: string | undefined;
  /** JSON. */
  readonly result?: string | undefined;
  readonly failure?: AbandonedFailure | undefined;
}

/**
 * What a worker does with an operation that is not settled after a move: `handOver` lets any resolver have it
 * at once; `keep` goes on with it, and backs off only when there is nothing new.
 */
export type AfterMove = "handOver" | "keep";

/** The database did not take a write after several tries. The row stays as it is until its lease ends. */
export class WriteFailed extends Error {}

/**
 * Turns evidence into a durable, fenced move, together with the business row.
 *
 * When the user's transaction refuses the outcome, that refusal is the next piece of evidence.
 *
 * @throws WriteFailed
 */
export async function settle<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  evidence: Evidence,
  after: AfterMove,
): Promise<Held> {
  const provider = currentProvider(definition, held.row) ?? absentProvider;
  const transition = decide(factsOf(engine, definition, held.row, evidence), evidence.kind, provider);
  const move = moveFor(engine, definition, held.row, evidence, transition, after);
  try {
    return await write(engine, definition, held, move, transition, evidence);
  } catch (error) {
    if (!(error instanceof BusinessRejected)) throw error;
    const refusal = {
      kind: transition.business === "commit" ? "commitRejected" : "abandonRejected",
      code: ledgerCodes.commitRejected,
      message: `${transition.business}: ${messageOf(error.cause)}`,
      result: evidence.result,
    } as const;
    return await settle(engine, definition, held, refusal, after);
  }
}

/** Tries before an age alone may hand an operation to a person; a restart after a long outage is no reason. */
const triesBeforeManual = 5;

const absentProvider = { canCancel: false, cancelBlocksLateOriginal: false } as const;

function factsOf<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
): OperationFacts {
  const sinceReadMs = engine.clock.now() - row.readAtMs;
  const unsettledForMs = (row.state === "CANCELLING" ? row.cancellingForMs : row.unknownForMs) + sinceReadMs;
  return {
    state: row.state,
    inDoubt: row.inDoubt,
    anotherProvider: mayFailOver(definition, evidence) && providerAfter(row) !== undefined,
    quietEnded: quietLeftMs(engine, definition, row) <= 0,
    // A send that starts now may last as long as its lease.
    keyOpen: row.keyLeftMs - sinceReadMs > definition.leaseMs,
    overdue: row.tries >= triesBeforeManual && unsettledForMs >= definition.manualAfterMs,
    onNotFound: definition.onNotFound,
  };
}

function mayFailOver<Tx>(definition: AnyDefinition<Tx>, evidence: Evidence): boolean {
  const kind = evidence.failure?.kind;
  return kind !== "aborted" && (kind !== "refused" || definition.failoverOnRefusal);
}

function providerAfter(row: OperationRow): string | undefined {
  return row.providers[row.providers.indexOf(row.provider) + 1];
}

function moveFor<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
  transition: Transition,
  after: AfterMove,
): Move {
  const provider = transition.nextProvider ? (providerAfter(row) ?? row.provider) : row.provider;
  const { from, to } = transition;
  return {
    from,
    to,
    intent: intentAfter(row.intent, to),
    provider,
    inDoubt: row.inDoubt || to === "UNKNOWN",
    dueInMs: dueInMs(engine, definition, row, evidence, transition, after),
    result: evidence.result,
    failure: failureFor(row, evidence, transition),
    keyWindowMs: definition.providers.get(provider)?.keyWindowMs,
    why: evidence.code === undefined ? evidence.kind : `${evidence.kind}: ${storableText(evidence.code)}`,
    evidence: evidence.message === undefined ? undefined : storableText(evidence.message),
  };
}

function dueInMs<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
  { from, to }: Transition,
  after: AfterMove,
): number | undefined {
  if (to === "SENDING") return definition.leaseMs;
  if (to !== "UNKNOWN" && to !== "CANCELLING") return undefined;
  if (after === "handOver") return 0;
  if (from !== to) return definition.leaseMs;
  const ceilingMs = Math.min(
    definition.retryMaxMs,
    definition.retryFirstMs * 2 ** Math.min(30, Math.max(0, row.tries - 1)),
  );
  // Half of the wait is jitter: enough to spread workers, and never a wait of nothing.
  const backoffMs = ceilingMs * (0.5 + engine.random() / 2);
  if (evidence.kind !== "notFound") return backoffMs;
  const leftMs = quietLeftMs(engine, definition, row);
  return leftMs > 0 ? Math.min(backoffMs, leftMs) : backoffMs;
}

/** Until "not found" may be acted upon. */
function quietLeftMs<Tx>(engine: Engine<Tx>, definition: AnyDefinition<Tx>, row: OperationRow): number {
  const delayMs = currentProvider(definition, row)?.consistencyDelayMs ?? 0;
  const sentForMs = row.sentForMs + (engine.clock.now() - row.readAtMs);
  return Math.max(definition.notFoundAfterMs, delayMs) - sentForMs;
}

function failureFor(row: OperationRow, evidence: Evidence, { to }: Transition): string | undefined {
  if (to === "FAILED") return JSON.stringify(evidence.failure);
  if (to !== "CANCELLING" && to !== "CANCELLED") return undefined;
  // The reason that led to the cancel stays; the cancel's own answer adds nothing for the caller.
  if (row.failure !== undefined) return undefined;
  const rejected = evidence.kind === "commitRejected";
  const reason: AbandonedFailure = {
    code: rejected
      ? ledgerCodes.commitRejected
      : evidence.kind === "notFound"
        ? ledgerCodes.outcomeUnknown
        : ledgerCodes.cancelled,
    message: storableText(
      rejected
        ? `it took effect, but the local transaction could not take it, so it was cancelled (${evidence.message})`
        : "its outcome was unknown and could not be found out, so it was cancelled",
    ),
    kind: "failed",
    effect: "none",
  };
  return JSON.stringify(reason);
}

/** The user's function, or the commit with what it wrote, cannot succeed. */
class BusinessRejected extends Error {
  constructor(cause: unknown) {
    super("the business transaction was rejected", { cause });
  }
}

/** Rolls the transaction back when the row is no longer ours. */
class RowLost extends Error {}

const writeTries = 3;
/** The first wait before another try; doubles. */
const writeRetryMs = 50;
/** Bounds the wait for a transaction of ours whose connection broke while the server still holds its locks. */
const retryLockTimeoutMs = 2_000;

async function write<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  move: Move,
  transition: Transition,
  evidence: Evidence,
): Promise<Held> {
  const { store, clock } = engine;
  for (let tries = 1; ; tries += 1) {
    try {
      const row = await writeOnce(engine, definition, held.row, move, transition, evidence, tries > 1);
      if (row !== undefined) {
        announceMove(engine, row, move);
        return { row, leaseEndsAtMs: row.readAtMs + (move.dueInMs ?? 0), mine: true };
      }
      // Nothing was changed. After a commit whose answer was lost, the row may already be where we wanted it.
      const now = await store.find(held.row.id);
      if (now !== undefined && tries > 1 && now.fence === held.row.fence && now.state === move.to) {
        announceMove(engine, now, move);
        return { row: now, leaseEndsAtMs: held.leaseEndsAtMs, mine: true };
      }
      engine.emit({ type: "zombieStopped", fence: held.row.fence, ...about(held.row) });
      return { row: now ?? held.row, leaseEndsAtMs: 0, mine: false };
    } catch (error) {
      if (error instanceof BusinessRejected) throw error;
      engine.emit({ type: "databaseFailed", during: move.to, code: codeOf(error) });
      if (tries >= writeTries || !store.sql.isTransient(error)) {
        throw new WriteFailed(`an operation could not be moved to ${move.to}`, { cause: error });
      }
      await sleep(clock, writeRetryMs * 2 ** (tries - 1));
    }
  }
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
      if (again) await boundLockWait(query, retryLockTimeoutMs);
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

export async function boundLockWait(query: SqlQuery, ms: number): Promise<void> {
  await query("select set_config('lock_timeout', $1, true)", [`${Math.ceil(ms)}ms`]);
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
  } else if (transition.business === "abandon") {
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

export function about(row: OperationRow): { id: string; operation: string; key: string; provider: string } {
  return { id: row.id, operation: row.operation, key: row.key, provider: row.provider };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? storableText(code) : undefined;
}

/** Whether a failed COMMIT left it open what was stored. */
export function isCommitUnknown(error: unknown): boolean {
  return hasCode(error, ledgerCodes.commitUnknown);
}
