import type { SqlPort } from "../store/sql-port.ts";
import { property } from "./shared/causes.ts";
import { type KyselyExecutor, sendThroughKysely } from "./shared/kysely-query.ts";
import { hasMethods, portOf } from "./shared/library.ts";

/** The part of a Kysely transaction that the ledger uses. */
export interface KyselyTransaction extends KyselyExecutor {
  readonly isTransaction: true;
}

/** The part of `Kysely<DB>` that the ledger uses. */
export interface KyselyDatabase<Tx extends KyselyTransaction> extends KyselyExecutor {
  transaction(): {
    setIsolationLevel(level: "read committed"): {
      execute<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
    };
  };
}

/**
 * Connects the ledger to a `Kysely<DB>` on PostgreSQL. User functions get its `Transaction<DB>` as their `tx`.
 *
 * Kysely shows nobody its connections: a statement that takes too long is ended by way of another connection, and work of
 * other processes is noticed by polling.
 */
export function fromKysely<Tx extends KyselyTransaction>(db: KyselyDatabase<Tx>): SqlPort<Tx> {
  if (!hasMethods(db, "transaction", "withoutPlugins", "executeQuery") || isTransaction(db)) {
    throw new TypeError("fromKysely needs your Kysely instance: fromKysely(new Kysely({ dialect }))");
  }
  return portOf<Tx>({
    meant: "the transaction that db.transaction().execute(async (trx) => ...) gives you",
    query: (text, values) => sendThroughKysely(db, text, values),
    transaction: (work) => db.transaction().setIsolationLevel("read committed").execute(work),
    send: sendThroughKysely,
    script: (tx, text) => sendThroughKysely(tx, text, []),
    isTransaction,
  });
}

const isTransaction = (tx: unknown): boolean =>
  property(tx, "isTransaction") === true && hasMethods(tx, "withoutPlugins", "executeQuery");
