import { Failure } from "@outrigger/core";

/** The stable codes of this package, in its failures and in an operation's history. */
export const ledgerFailureCodes = {
  commitUnknown: "COMMIT_UNKNOWN",
  databaseUnavailable: "DATABASE_UNAVAILABLE",
  transactionAborted: "TRANSACTION_ABORTED",
  intentUnknown: "INTENT_UNKNOWN",
  keyReused: "KEY_REUSED",
  keyInvalid: "KEY_INVALID",
  inputInvalid: "INPUT_INVALID",
  callTimeout: "CALL_TIMEOUT",
  commitRejected: "COMMIT_REJECTED",
  outcomeUnknown: "OUTCOME_UNKNOWN",
  providerGone: "PROVIDER_GONE",
  resultInvalid: "RESULT_INVALID",
  inquiryInvalid: "INQUIRY_INVALID",
  refused: "REFUSED",
  cancelled: "CANCELLED",
  notRetryable: "NOT_RETRYABLE",
  statementTimeout: "STATEMENT_TIMEOUT",
  notMigrated: "NOT_MIGRATED",
  writeRejected: "WRITE_REJECTED",
  notCancellable: "NOT_CANCELLABLE",
  notResolvable: "NOT_RESOLVABLE",
  migrationTimeout: "MIGRATION_TIMEOUT",
  takenOver: "TAKEN_OVER",
  stepRejected: "STEP_REJECTED",
  barrierOrder: "BARRIER_ORDER",
  sessionUnfit: "SESSION_UNFIT",
  databaseTooOld: "DATABASE_TOO_OLD",
  callInTransaction: "CALL_IN_TRANSACTION",
  keyExpired: "KEY_EXPIRED",
} as const;

export function commitUnknown(cause: unknown): Failure {
  return new Failure("the connection was lost while COMMIT was being answered", {
    code: ledgerFailureCodes.commitUnknown,
    effect: "unknown",
    cause,
  });
}

export function databaseUnavailable(cause: unknown): Failure {
  return new Failure("the database could not be reached, so the transaction was rolled back", {
    code: ledgerFailureCodes.databaseUnavailable,
    effect: "none",
    cause,
  });
}

export function statementTimedOut(ms: number): Failure {
  return new Failure(`the database did not answer within ${ms} ms`, {
    code: ledgerFailureCodes.statementTimeout,
    effect: "unknown",
  });
}

export function notMigrated(cause: unknown): Failure {
  return new Failure(
    "the ledger's tables are missing or of an older version: call await ledger.migrate() first",
    {
      code: ledgerFailureCodes.notMigrated,
      effect: "none",
      transient: false,
      cause,
    },
  );
}

export function migrationTimedOut(ms: number, cause: unknown): Failure {
  return new Failure(
    `the ledger's tables could not be brought up to date within ${ms} ms, and nothing was changed: another process ` +
      "does it, or somebody holds a lock on them; try again, with a longer timeout if the tables are large",
    { code: ledgerFailureCodes.migrationTimeout, effect: "none", cause },
  );
}

export function hasCode(error: unknown, code: string): boolean {
  return Failure.is(error) && error.code === code;
}

/** What the caller gave cannot be stored as it is; nothing was stored or sent. */
export function invalidRequest(code: string, message: string): Failure {
  return new Failure(message, { code, effect: "none", kind: "rejected", transient: false });
}
