import { Failure } from "@outrigger/core";

/** Sends one statement. Values travel as parameters, never inside the text. */
export type SqlQuery = (text: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>;
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * What the ledger needs of a database driver. `Tx` is what the user's own functions get to work with.
 *
 * Nothing of the ledger holds a connection while it calls a provider, so a port may be as small as one
 * connection.
 */
export interface SqlPort<Tx> {
  /** Runs one statement, committed when it returns. */
  readonly query: SqlQuery;
  /**
   * Runs `work` in one READ COMMITTED transaction, and resolves when its commit is known.
   *
   * @throws Failure {@link ledgerCodes.commitUnknown} with `effect: "unknown"` when the answer to COMMIT did
   * not arrive. Whatever else is thrown has been rolled back; an error of `work` comes through as it is.
   */
  transaction<T>(work: (tx: Tx, query: SqlQuery) => Promise<T>): Promise<T>;
  /** Whether the same statements may succeed when they are tried again: lost connections, deadlocks, overload. */
  isTransient(error: unknown): boolean;
}

/** The stable codes of this package. */
export const ledgerCodes = {
  commitUnknown: "COMMIT_UNKNOWN",
  databaseUnavailable: "DATABASE_UNAVAILABLE",
  transactionAborted: "TRANSACTION_ABORTED",
  intentUnknown: "INTENT_UNKNOWN",
  keyReused: "KEY_REUSED",
  keyInvalid: "KEY_INVALID",
  inputInvalid: "INPUT_INVALID",
  callTimeout: "CALL_TIMEOUT",
  callFailed: "CALL_FAILED",
  commitRejected: "COMMIT_REJECTED",
  outcomeUnknown: "OUTCOME_UNKNOWN",
  refused: "REFUSED",
  cancelled: "CANCELLED",
} as const;

export function commitUnknown(cause: unknown): Failure {
  return new Failure("the connection was lost while COMMIT was being answered", {
    code: ledgerCodes.commitUnknown,
    effect: "unknown",
    cause,
  });
}

export function databaseUnavailable(cause: unknown): Failure {
  return new Failure("the database could not be reached, so the transaction was rolled back", {
    code: ledgerCodes.databaseUnavailable,
    effect: "none",
    cause,
  });
}

export function hasCode(error: unknown, code: string): boolean {
  return Failure.is(error) && error.code === code;
}
