import { Failure } from "@outrigger/core";
import { commitUnknown } from "../../failure.ts";
import { property } from "./causes.ts";
import { databaseErrorOf, failedTransaction, sqlStateOf } from "./postgres-errors.ts";
import { transactionEnded, transactionFailed } from "./transaction-failures.ts";

const notOurs = "outrigger: not the transaction that the ledger began";

/**
 * Fails unless the session is still in the transaction with this number. A user's function may have ended the
 * transaction, or have begun another one, which the server's answers alone do not show.
 */
export function checkOf(transaction: string): string {
  const number = BigInt(transaction).toString();
  return `select (case when txid_current_if_assigned() = ${number} then '1' else '${notOurs}' end)::int`;
}

export const stateText = "select txid_status($1::bigint)::text as state";

/**
 * Ends the session that is in the transaction with this number, if one still is. A server notices only when it answers that
 * nobody is there any more; until then a statement that was given up keeps its locks.
 */
export const endSessionText = `select pg_terminate_backend(pid)::text as ended from pg_stat_activity
  where backend_xid::text = ($1::bigint & 4294967295)::text`;

/**
 * The same where the number is not known: by the server's process, if it has been in its transaction for so many
 * milliseconds. A pooler gives processes numbers of its own, which no process has. One that waits for a standby is left
 * alone: its commit would be seen before that has it.
 */
export const endLongSessionText = `select pg_terminate_backend(pid)::text as ended from pg_stat_activity
  where pid = $1::bigint and usename = current_user and datname = current_database()
    and xact_start < clock_timestamp() - $2 * interval '1 ms' and wait_event is distinct from 'SyncRep'`;

export interface CheckedEnd {
  /** What the check, or COMMIT, was answered with. */
  readonly error: unknown;
  /** Whether the connection is gone, so that there was no answer. */
  readonly lost: boolean;
  /** Asks the database what became of the transaction: committed, aborted, or nothing. */
  readonly state: () => Promise<unknown>;
}

/**
 * What an error at the end of a transaction means.
 *
 * @returns undefined when it has been committed all the same, else what to throw.
 */
export async function endedBy({ error, lost, state }: CheckedEnd): Promise<unknown> {
  if (lost) return commitUnknown(error);
  // Somebody between here and the server kept COMMIT from being sent, as the guard does.
  if (Failure.is(error) && error.effect === "none") return error;
  const cause = databaseErrorOf(error);
  if (sqlStateOf(cause) === failedTransaction) return transactionFailed();
  if (String(property(cause, "message")).includes(notOurs)) return transactionEnded(await state());
  // An ERROR is the server's answer, and it has rolled back. FATAL, or a word in another language, says nothing.
  if (property(cause, "severity") === "ERROR") return cause;
  const became = await state();
  if (became === "committed") return undefined;
  return became === "aborted" ? cause : commitUnknown(error);
}
