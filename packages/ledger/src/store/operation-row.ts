import type { Intent, OpenState, OperationState } from "../state/transitions.ts";

/** An operation as it was read, with ages instead of instants: they were measured by the database's clock. */
export interface OperationRow {
  readonly id: string;
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly state: OperationState;
  readonly intent: Intent;
  readonly fence: number;
  readonly provider: string;
  readonly providers: readonly string[];
  /** Sends that were made durable, the first one included. */
  readonly attempt: number;
  /** Claims since the state last changed; asking and sending again count as one state. */
  readonly tries: number;
  readonly inDoubt: boolean;
  readonly request: string;
  readonly result: string | undefined;
  readonly failure: string | undefined;
  readonly sentForMs: number;
  /** Negative when the provider has forgotten the key, also when it never kept one. */
  readonly keyLeftMs: number;
  readonly unknownForMs: number;
  readonly cancellingForMs: number;
  /** Undefined while nobody wants it undone. */
  readonly cancelWantedForMs: number | undefined;
  /** Whether the business row has been voided. */
  readonly abandoned: boolean;
  /** Whether a second send was refused for good. */
  readonly resendRefused: boolean;
  readonly personOnly: boolean;
  /** Local monotonic instant before the statement was sent, so that what is derived from it errs to the safe side. */
  readonly readAtMs: number;
}

/** An operation with what people want to know of it beside. */
export interface StoredOperation extends OperationRow {
  readonly lastError: LastError | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When it is due, or its lease ends. Undefined where nothing happens by itself. */
  readonly nextAt: string | undefined;
  /** The database's time at which it was read. */
  readonly asOf: string;
}

/** What of it is compared with a provider's list. */
export type ComparedOperation = Pick<
  StoredOperation,
  "id" | "operation" | "key" | "state" | "provider" | "providers" | "request" | "result" | "createdAt"
>;

/** What the last call, inquiry, cancel or local transaction failed with, if any ever did. */
export interface LastError {
  /** ISO 8601, UTC, by the database's clock. */
  readonly at: string;
  readonly code: string | null;
  readonly message: string;
  /** Tries in that state so far, that one included. */
  readonly tries: number;
}

export interface NewOperation {
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly state: "READY" | "SENDING";
  readonly dueInMs: number;
  readonly providers: readonly string[];
  readonly request: string;
  readonly keyWindowMs: number | undefined;
}

export interface Move {
  readonly from: OperationState;
  readonly to: OperationState;
  readonly intent: Intent;
  readonly provider: string;
  readonly inDoubt: boolean;
  readonly abandoned: boolean;
  readonly resendRefused: boolean;
  readonly personOnly: boolean;
  /** Its tries and its patience start again. */
  readonly afresh: boolean;
  /** Who, where it was a person or a source of evidence. */
  readonly by?: string | undefined;
  /** Undefined for states in which nothing is left to do. */
  readonly dueInMs: number | undefined;
  readonly result?: string | undefined;
  readonly failure?: string | undefined;
  readonly keyWindowMs: number | undefined;
  readonly why: string;
  readonly evidence?: string | undefined;
  /** Replaces the last error. */
  readonly error?: { readonly code: string | undefined; readonly message: string } | undefined;
}

export interface HistoryEntry {
  readonly at: string;
  readonly fence: number;
  readonly from: OperationState | null;
  readonly to: OperationState;
  readonly provider: string;
  readonly why: string;
  readonly evidence: string | null;
  /** Who it was, where it was a person or an outside source. */
  readonly by: string | null;
}

export interface OpenCount {
  readonly state: OpenState;
  readonly count: number;
  readonly oldestMs: number;
}

/** A worker's move of the row that it saw. */
export interface PlannedMove {
  readonly row: OperationRow;
  readonly move: Move;
}

/** A person's move: see the statement `intervene`. */
export interface Intervention {
  readonly to: OperationState;
  readonly why: string;
  readonly reason: string;
  readonly by: string | undefined;
  readonly wantsCancel: boolean;
}

/** A page of operations, those that were moved out of the way included. */
export interface ListFilter {
  readonly states: readonly OperationState[];
  readonly operation: string | undefined;
  /** Created longer ago than this. */
  readonly olderThanMs: number | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

/** Which operations are moved out of the hot table, or forgotten, in one go. */
export interface ArchiveBatch {
  readonly olderThanMs: number;
  readonly limit: number;
}
