import type { Intent, OperationState } from "../state/transitions.ts";
import type { StoredOperation } from "../store/operation-row.ts";
import type { SagaState } from "./decide.ts";
import type { SagaFailure } from "./definition.ts";
import type { BegunOperation, SagaHistoryEntry, SagaRow } from "./saga-store.ts";

/** An operation that was begun for a step, or to undo it. */
export interface SagaStepRecord {
  readonly step: string;
  readonly what: "do" | "undo";
  readonly operation: string;
  readonly key: string;
  /** Null when the operation's row has been deleted. */
  readonly id: string | null;
  readonly state: OperationState | null;
}

/** A saga for people and other programs: plain JSON, without the request and the results. */
export interface SagaRecord {
  readonly id: string;
  readonly saga: string;
  readonly version: number;
  readonly key: string;
  readonly state: SagaState;
  readonly intent: Intent;
  readonly cancelRequested: boolean;
  /** Why it turned back; null while it has not. */
  readonly failure: SagaFailure | null;
  /** What stood in its way last, beside the outcomes of its operations. */
  readonly lastError: { readonly at: string; readonly code: string | null; readonly message: string } | null;
  /** In the order in which they were begun. */
  readonly steps: readonly SagaStepRecord[];
  /** ISO 8601, UTC, by the database's clock. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When a step last began or ended, or a person moved it: what is open and long past this is stuck. */
  readonly progressAt: string;
  /** When it is looked at next; null when it has ended. */
  readonly nextAt: string | null;
  /** The database's time when this was read, for ages that no other clock can spoil. */
  readonly asOf: string;
  readonly history: readonly SagaHistoryEntry[];
}

export function sagaRecord(
  row: SagaRow,
  operations: readonly StoredOperation[],
  history: readonly SagaHistoryEntry[],
): SagaRecord {
  const { id, saga, version, key, state, intent, createdAt, updatedAt, nextAt } = row;
  return {
    ...{ id, saga, version, key, state, intent },
    cancelRequested: row.cancelWanted,
    failure: row.failure === undefined ? null : (JSON.parse(row.failure) as SagaFailure),
    lastError: row.lastError ?? null,
    steps: row.begun.map((each) => stepRecord(each, operations)),
    ...{ createdAt, updatedAt, nextAt },
    progressAt: row.progressAt,
    asOf: row.readAt,
    history: [
      { at: createdAt, from: null, to: "RUNNING", why: "created", evidence: null, by: null },
      ...history,
    ],
  };
}

function stepRecord(begun: BegunOperation, operations: readonly StoredOperation[]): SagaStepRecord {
  const { step, what, operation, key } = begun;
  const found = operations.find((each) => each.operation === operation && each.key === key);
  return { step, what, operation, key, id: found?.id ?? null, state: found?.state ?? null };
}
