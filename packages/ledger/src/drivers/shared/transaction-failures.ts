import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../../failure.ts";

/** A statement had failed, and the function that sent it went on as if it had not. */
export function transactionFailed(cause?: unknown): Failure {
  return new Failure(
    "the transaction was rolled back, because a statement in it had failed and its error was caught; " +
      "let errors of tx reach the ledger, or use a savepoint",
    {
      code: ledgerFailureCodes.transactionAborted,
      effect: "none",
      transient: false,
      ...(cause !== undefined && { cause }),
    },
  );
}

/** @param state - What the database says of the transaction: committed, aborted, or nothing. */
export function transactionEnded(state: unknown): Failure {
  const became =
    state === "committed"
      ? "committed, so what was written stands, and is settled later without being sent from here"
      : state === "aborted"
        ? "rolled back"
        : "ended, and nobody knows how";
  return new Failure(
    `the ledger's transaction was ended by the function that ran in it; it was ${became}. Only the ledger may ` +
      "send begin, commit and rollback on tx; use a savepoint",
    {
      code: ledgerFailureCodes.transactionAborted,
      effect: state === "aborted" ? "none" : "unknown",
      transient: false,
    },
  );
}
