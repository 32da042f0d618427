import { hasCode, ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import { codeOf, messageOf } from "../run/describe.ts";
import type { Held } from "../run/engine.ts";
import { storableText } from "../store/storable-text.ts";
import { planned, StepRejected, sendAll, storeIn, withBegun } from "./begin.ts";
import type { CheckedSaga } from "./checked-saga.ts";
import { decideSaga, type SagaDecision } from "./decide.ts";
import type { SagaFailure } from "./definition.ts";
import type { SagaEngine } from "./parts.ts";
import type { SagaChange, SagaRow } from "./saga-store.ts";
import { factsOf, isOverdue, partsOf, type StepParts, waitMs } from "./standing.ts";
import { cancelStep, type Obstacle } from "./undo.ts";

/** What a worker has of a saga while it drives it. */
export interface Drive<Tx> {
  readonly parts: SagaEngine<Tx>;
  readonly saga: CheckedSaga<Tx>;
  /** Of the calls that are made on the way. */
  readonly signal: AbortSignal;
}

/** The row is no longer this worker's. */
class SagaLost extends Error {}

/**
 * Takes a saga as far as it can go now: to its end, or to a step that others have, or that has to wait.
 *
 * @returns its row; undefined when another worker has it.
 * @throws what the database fails with; the row then waits for the end of its lease.
 */
export async function drive<Tx>(at: Drive<Tx>, held: SagaRow): Promise<SagaRow | undefined> {
  const { sagas, driven } = at.parts;
  const end = driven.begin(held);
  let row = held;
  let rejected: StepRejected | undefined;
  try {
    for (;;) {
      if (at.signal.aborted) {
        // Whoever called has gone, or the process ends: what is left is for others, at once.
        await sagas.release(row);
        return row;
      }
      driven.look(row);
      const operations = await sagas.operations(row.begun);
      const parts = partsOf(at.saga, row, operations);
      const decision = decideSaga(factsOf(at.saga, row, parts, rejected?.step));
      const done = await act(at, row, parts, decision, rejected);
      if (done.waits) return done.row;
      row = done.row;
      rejected = done.rejected;
    }
  } catch (error) {
    if (!(error instanceof SagaLost)) throw error;
    return undefined;
  } finally {
    // A step that settled while the saga was given back would be noticed only after its wait.
    if (end()) sagas.wake(held.saga, held.key).then(at.parts.engine.wake, () => {});
  }
}

interface Acted {
  readonly row: SagaRow;
  /** Nothing is left to do now. */
  readonly waits: boolean;
  readonly rejected?: StepRejected | undefined;
}

async function act<Tx>(
  at: Drive<Tx>,
  row: SagaRow,
  parts: ReadonlyMap<string, StepParts>,
  decision: SagaDecision,
  rejected: StepRejected | undefined,
): Promise<Acted> {
  const { state, turn, begin, ask, undo } = decision;
  if (state === "DONE" || state === "COMPENSATED") {
    return {
      row: await moved(at, row, { state, why: "ended", progress: true, dueInMs: undefined, held: false }),
      waits: true,
    };
  }
  if (turn !== undefined) return { row: await turnedBack(at, row, parts, turn.step, rejected), waits: false };
  if (ask.length > 0) return await cancelAll(at, row, parts, decision, "ask", ask);
  const cancels = undo.filter((name) => !hasOwnUndo(at.saga, name));
  if (cancels.length > 0) return await cancelAll(at, row, parts, decision, "undo", cancels);
  const begins = begin.map((name) => [name, "do"] as const);
  const undoes = undo.map((name) => [name, "undo"] as const);
  if (begin.length + undo.length > 0) return await beginAll(at, row, parts, [...begins, ...undoes]);
  if (rejected === undefined && at.parts.driven.hasNews(row)) return { row, waits: false };
  return { row: await wait(at, row, decision, rejected), waits: true };
}

function hasOwnUndo<Tx>(saga: CheckedSaga<Tx>, name: string): boolean {
  return typeof saga.steps.find((step) => step.name === name)?.undo === "object";
}

/** Stores what is to be begun with the saga's row, and then sends it. */
async function beginAll<Tx>(
  at: Drive<Tx>,
  row: SagaRow,
  parts: ReadonlyMap<string, StepParts>,
  which: readonly (readonly [name: string, what: "do" | "undo"])[],
): Promise<Acted> {
  const { engine, sagas } = at.parts;
  let held: readonly Held[] = [];
  let after = row;
  try {
    const all = which.flatMap(([name, what]) => {
      const step = at.saga.steps.find((each) => each.name === name);
      return step === undefined ? [] : [planned(at.saga, row, step, what, parts)];
    });
    const change = { ...kept(at, row), begun: withBegun(row, all), progress: true };
    after = await engine.store.sql.transaction(async (tx, query) => {
      // Its row first: the fence orders workers, so that no step is begun twice.
      const saved = await sagas.save(query, row, change);
      if (saved === undefined) throw new SagaLost();
      held = await storeIn(at.parts, tx, query, all);
      await engine.step("sagaStep.beforeCommit");
      return saved;
    });
  } catch (error) {
    if (!(error instanceof StepRejected)) throw error;
    return { row, waits: false, rejected: error };
  }
  await engine.step("sagaStep.afterCommit");
  await sendAll(at.parts, held, at.signal);
  return { row: after, waits: false };
}

/** From here on there is no way forward; it is durable before anything is undone. */
async function turnedBack<Tx>(
  at: Drive<Tx>,
  row: SagaRow,
  parts: ReadonlyMap<string, StepParts>,
  step: string | undefined,
  rejected: StepRejected | undefined,
): Promise<SagaRow> {
  const failure = failureOf(row, step, step === undefined ? undefined : parts.get(step), rejected);
  return await moved(at, row, {
    state: "COMPENSATING",
    intent: "CANCEL",
    failure: JSON.stringify(failure),
    why: step === undefined ? "cancelRequested" : `turned back at ${step}`,
    evidence: `${failure.code}: ${failure.message}`,
    progress: true,
  });
}

function failureOf(
  row: SagaRow,
  step: string | undefined,
  parts: StepParts | undefined,
  rejected: StepRejected | undefined,
): SagaFailure {
  if (step === undefined) {
    const text = "it was cancelled on request";
    return { code: ledgerFailureCodes.cancelled, message: text, kind: "failed", effect: "none" };
  }
  const stored = parts?.done?.operation.failure;
  if (stored !== undefined) return { ...(JSON.parse(stored) as AbandonedFailure), step };
  const cause: unknown = rejected?.cause;
  return {
    code: codeOf(cause) ?? ledgerFailureCodes.stepRejected,
    message: storableText(
      cause === undefined ? `step ${step} of saga ${row.saga} was refused` : messageOf(cause),
    ),
    kind: "rejected",
    effect: "none",
    step,
  };
}

/** Side by side: what may be undone now does not depend on each other. */
async function cancelAll<Tx>(
  at: Drive<Tx>,
  row: SagaRow,
  parts: ReadonlyMap<string, StepParts>,
  decision: SagaDecision,
  what: "ask" | "undo",
  which: readonly string[],
): Promise<Acted> {
  const obstacles = await Promise.all(
    which.map(async (name) => {
      const operation = parts.get(name)?.done?.operation;
      return operation === undefined
        ? undefined
        : await cancelStep(at.parts, row, operation, what, at.signal);
    }),
  );
  at.parts.engine.kick();
  const met = obstacles.find((each) => each !== undefined);
  if (met === undefined) return { row, waits: false };
  return { row: await wait(at, row, decision, undefined, met), waits: true };
}

/** Gives it back until something settles, or its wait is over. */
async function wait<Tx>(
  at: Drive<Tx>,
  row: SagaRow,
  { state }: SagaDecision,
  rejected: StepRejected | undefined,
  obstacle: Obstacle | undefined = rejected && {
    code: codeOf(rejected.cause),
    message: messageOf(rejected.cause),
  },
): Promise<SagaRow> {
  const stalled = obstacle !== undefined && isOverdue(at.saga, row);
  const shown = stalled ? "MANUAL" : state;
  const isNews = shown !== row.state;
  // Half of the wait is jitter: enough to spread workers, and never a wait of nothing.
  const ceilingMs = shown === "MANUAL" ? at.saga.retryMaxMs : waitMs(at.saga, row.tries);
  return await moved(at, row, {
    state: shown,
    held: false,
    dueInMs: ceilingMs * (0.5 + at.parts.engine.random() / 2),
    progress: false,
    ...(isNews && { why: shown === "MANUAL" ? "needs a person" : "goes on" }),
    ...(obstacle !== undefined && {
      error: {
        code: obstacle.code === undefined ? undefined : storableText(obstacle.code),
        message: storableText(obstacle.message),
      },
    }),
  });
}

const kept = <Tx>({ saga }: Drive<Tx>, row: SagaRow): SagaChange => ({
  state: row.intent === "CANCEL" ? "COMPENSATING" : "RUNNING",
  intent: row.intent,
  begun: row.begun,
  held: true,
  dueInMs: saga.leaseMs,
  progress: false,
});

async function moved<Tx>(at: Drive<Tx>, row: SagaRow, change: Partial<SagaChange>): Promise<SagaRow> {
  const { engine, sagas } = at.parts;
  const whole = { ...kept(at, row), ...change };
  await engine.step("saga.beforeCommit");
  const saved = await sagas.save(engine.store.sql.query, row, whole);
  if (saved === undefined) throw new SagaLost();
  await engine.step("saga.afterCommit");
  if (row.state !== saved.state) {
    engine.emit({
      type: "sagaMoved",
      id: saved.id,
      saga: saved.saga,
      version: saved.version,
      key: saved.key,
      from: row.state,
      to: saved.state,
      why: whole.why ?? "",
    });
  }
  return saved;
}

/** Whether the answer to a COMMIT is all that is missing. */
export const isCommitUnknown = (error: unknown): boolean => hasCode(error, ledgerFailureCodes.commitUnknown);
