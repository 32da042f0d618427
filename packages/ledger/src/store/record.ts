import type { AbandonedFailure } from "../operation/definition.ts";
import type { Intent, OperationState } from "../state/transitions.ts";
import type { HistoryEntry, LastError, StoredOperation } from "./store.ts";

/** An operation for people and other programs: plain JSON, without the request and the result. */
export interface OperationRecord {
  readonly id: string;
  readonly operation: string;
  readonly key: string;
  readonly state: OperationState;
  readonly intent: Intent;
  readonly provider: string;
  readonly attempt: number;
  /** Whether somebody asked for it to be undone before it was committed. */
  readonly cancelRequested: boolean;
  readonly failure: AbandonedFailure | null;
  /** What was met last on the way; it stays when the operation ends well after it. */
  readonly lastError: LastError | null;
  /** ISO 8601, UTC, by the database's clock. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly history: readonly HistoryEntry[];
}

export function recordOf(row: StoredOperation, history: readonly HistoryEntry[]): OperationRecord {
  return {
    id: row.id,
    operation: row.operation,
    key: row.key,
    state: row.state,
    intent: row.intent,
    provider: row.provider,
    attempt: row.attempt,
    cancelRequested: row.cancelWantedForMs !== undefined,
    failure: row.failure === undefined ? null : (JSON.parse(row.failure) as AbandonedFailure),
    lastError: row.lastError ?? null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    history,
  };
}
