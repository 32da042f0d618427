import type { StoredOperation } from "../store/operation-row.ts";
import type { CheckedSaga, CheckedStep } from "./checked-saga.ts";
import { type Again, type SagaFacts, type StepFacts, standingOf } from "./decide.ts";
import type { BegunOperation, SagaRow } from "./saga-store.ts";

/** An operation of a step that was begun, as it was read. */
export interface Part {
  readonly begun: BegunOperation;
  readonly operation: StoredOperation;
}

/** What was begun last for a step, and to undo it. */
export interface StepParts {
  readonly done: Part | undefined;
  readonly undone: Part | undefined;
  /** Whether one of them was begun whose row is gone: nobody knows how it ended, so a person has to look. */
  readonly lost: boolean;
}

const untouched: StepParts = { done: undefined, undone: undefined, lost: false };

/** Tries before an age alone may hand a saga to a person; a restart after a long outage is no reason. */
const triesBeforeManual = 5;

/** The operations that count: of those for the same the last one. */
export function partsOf(
  saga: { readonly steps: readonly { readonly name: string }[] },
  row: SagaRow,
  operations: readonly StoredOperation[],
): ReadonlyMap<string, StepParts> {
  const last = (step: string, what: BegunOperation["what"]): BegunOperation | undefined =>
    row.begun.findLast((each) => each.step === step && each.what === what);
  const partOf = (begun: BegunOperation | undefined): Part | undefined => {
    const operation = operations.find(
      (each) => each.operation === begun?.operation && each.key === begun.key,
    );
    return begun === undefined || operation === undefined ? undefined : { begun, operation };
  };
  return new Map(
    saga.steps.map(({ name }) => {
      const begun = [last(name, "do"), last(name, "undo")];
      const [done, undone] = begun.map(partOf);
      const lost = begun.filter((each) => each !== undefined).length > [done, undone].filter(Boolean).length;
      return [name, { done, undone, lost }];
    }),
  );
}

/** What of its row counts. */
export type CountingRow = Pick<SagaRow, "intent" | "cancelWanted" | "tries" | "stalledForMs" | "retriedAt">;

/** Of one that is about to be stored. */
export const newRow: CountingRow = {
  intent: "EXECUTE",
  cancelWanted: false,
  tries: 0,
  stalledForMs: 0,
  retriedAt: undefined,
};

/** What a saga does next depends on this, and on nothing else. */
export function factsOf<Tx>(
  saga: CheckedSaga<Tx>,
  row: CountingRow,
  parts: ReadonlyMap<string, StepParts>,
  rejected: string | undefined,
): SagaFacts {
  return {
    intent: row.intent,
    cancelWanted: row.cancelWanted,
    steps: saga.steps.map((step) => stepFacts(saga, row, step, parts.get(step.name), step.name === rejected)),
  };
}

function stepFacts<Tx>(
  saga: CheckedSaga<Tx>,
  row: CountingRow,
  step: CheckedStep<Tx>,
  { done, undone, lost }: StepParts = untouched,
  rejected: boolean,
): StepFacts {
  const standing = lost
    ? ({ standing: "stuck", unsure: true } as const)
    : standingOf(done?.operation, undone?.operation.state);
  // What was refused: the step itself, or what was to undo it.
  const refused = standing.standing === "done" ? undone : done;
  return {
    name: step.name,
    needs: step.needs,
    pivot: step.pivot,
    undoable: step.undo !== "none",
    ...standing,
    asked: lost || done?.operation.cancelWantedForMs !== undefined,
    rejected,
    again: rejected ? (isOverdue(saga, row) ? "never" : "later") : againOf(saga, row, refused),
  };
}

/** Whether something stood in the way for so long that a person has to know. */
export function isOverdue<Tx>(saga: CheckedSaga<Tx>, row: CountingRow): boolean {
  return row.tries >= triesBeforeManual && row.stalledForMs >= saga.manualAfterMs;
}

function againOf<Tx>(saga: CheckedSaga<Tx>, row: CountingRow, refused: Part | undefined): Again {
  if (refused === undefined) return "now";
  const { begun, operation } = refused;
  const nowMs = Date.parse(operation.asOf);
  const sinceMs = Date.parse(latest(failingSince(refused), row.retriedAt));
  const afresh = row.retriedAt !== undefined && row.retriedAt > operation.updatedAt;
  if (begun.tries >= triesBeforeManual && nowMs - sinceMs >= saga.manualAfterMs && !afresh) return "never";
  return afresh || nowMs - Date.parse(operation.updatedAt) >= waitMs(saga, begun.tries) ? "now" : "later";
}

/** ISO texts of one form are ordered as their times are. */
function latest(one: string, other: string | undefined): string {
  return other !== undefined && other > one ? other : one;
}

/** When the first of those for the same was refused. */
export function failingSince({ begun, operation }: Part): string {
  return begun.failingSince ?? operation.updatedAt;
}

/** The wait after so many tries. */
export function waitMs<Tx>(saga: CheckedSaga<Tx>, tries: number): number {
  return Math.min(saga.retryMaxMs, saga.retryFirstMs * 2 ** Math.min(30, Math.max(0, tries - 1)));
}
