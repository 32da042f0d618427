import type { AbandonedFailure } from "../operation/definition.ts";
import type { Intent, OperationState } from "../state/transitions.ts";
import type { HistoryEntry, LastError, StoredOperation } from "./operation-row.ts";

/** An operation for people and other programs: plain JSON, without the request and the result. */
export interface OperationSummary {
  readonly id: string;
  readonly operation: string;
  readonly key: string;
  readonly state: OperationState;
  readonly intent: Intent;
  readonly provider: string;
  readonly attempt: number;
  /** Whether somebody asked for it to be undone. */
  readonly cancelRequested: boolean;
  /** Whether more than one effect may stand, so that only a person takes it out of MANUAL. */
  readonly personOnly: boolean;
  readonly failure: AbandonedFailure | null;
  /** What was met last on the way; it stays when the operation ends well after it. */
  readonly lastError: LastError | null;
  /** ISO 8601, UTC, by the database's clock. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When a worker takes it up next, or the lease ends of the one that has it; null where nothing happens by itself. */
  readonly nextAt: string | null;
  /** The database's time when this was read, for ages that no other clock can spoil. */
  readonly asOf: string;
}

export interface OperationRecord extends OperationSummary {
  readonly history: readonly HistoryEntry[];
  /** What it was asked to do, where `find` was asked for it. */
  readonly request?: unknown;
}

export function recordOf(row: StoredOperation, history: readonly HistoryEntry[]): OperationRecord {
  return { ...summaryOf(row), history };
}

export function summaryOf(row: StoredOperation): OperationSummary {
  return {
    id: row.id,
    operation: row.operation,
    key: row.key,
    state: row.state,
    intent: row.intent,
    provider: row.provider,
    attempt: row.attempt,
    cancelRequested: row.cancelWantedForMs !== undefined,
    personOnly: row.personOnly,
    failure: row.failure === undefined ? null : (JSON.parse(row.failure) as AbandonedFailure),
    lastError: row.lastError ?? null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    nextAt: row.nextAt ?? null,
    asOf: row.asOf,
  };
}
