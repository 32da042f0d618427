import type { SqlPort } from "../store/sql-port.ts";
import { hasMethods, portOf } from "./shared/library.ts";
import {
  listenThroughPostgresJs,
  type PostgresJsPool,
  type PostgresJsSender,
  PostgresJsTransactions,
  sendThroughPostgresJs,
} from "./shared/postgres-js.ts";

export type { PostgresJsPool, PostgresJsSender };

/** The part of a postgres.js transaction that the ledger uses. */
export interface PostgresJsTransaction extends PostgresJsSender {
  savepoint: unknown;
}

/** The part of postgres.js's `Sql` that the ledger uses. */
export interface PostgresJsSql<Tx extends PostgresJsTransaction> extends PostgresJsPool {
  begin: {
    (work: (tx: Tx) => Promise<unknown>): PromiseLike<unknown>;
    (options: string, work: (tx: Tx) => Promise<unknown>): PromiseLike<unknown>;
  };
}

/**
 * Connects the ledger to postgres.js. User functions get what `sql.begin` gives them as their `tx`.
 *
 * postgres.js shows nobody its connections: a statement that takes too long is ended by way of another connection. It
 * listens by itself again when the connection on which it does so is lost.
 */
export function fromPostgresJs<Tx extends PostgresJsTransaction>(sql: PostgresJsSql<Tx>): SqlPort<Tx> {
  if (!hasMethods(sql, "unsafe", "begin", "listen")) {
    throw new TypeError('fromPostgresJs needs what postgres(...) of the package "postgres" returns');
  }
  const transactions = new PostgresJsTransactions<Tx>();
  const send = async (tx: Tx, text: string, values: readonly unknown[]): ReturnType<typeof query> => {
    transactions.assertThere(tx);
    return await sendThroughPostgresJs(sql, tx, text, values);
  };
  const query = (text: string, values: readonly unknown[]): ReturnType<typeof sendThroughPostgresJs> =>
    sendThroughPostgresJs(sql, sql, text, values);
  return portOf<Tx>({
    meant: "the sql that sql.begin(async (sql) => ...) gives you",
    query,
    transaction: (work) =>
      transactions.run((inner) => sql.begin("isolation level read committed", inner), work),
    send,
    script: (tx, text) => send(tx, text, []),
    isTransaction: (tx) => hasMethods(tx, "unsafe", "savepoint"),
    listen: (...given) => listenThroughPostgresJs(sql, ...given),
  });
}
