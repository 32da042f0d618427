import type { SqlBounds, SqlPort } from "../store/sql-port.ts";
import { checkOut } from "./pg/check-out.ts";
import { fromPgPool, type PgClient, type PgPool } from "./pg.ts";
import { property } from "./shared/causes.ts";
import { hasMethods, type Library, portOf } from "./shared/library.ts";
import { closePg, type PgConnection, pgConnection, sendThroughPg } from "./shared/pg-client.ts";
import {
  listenThroughPostgresJs,
  type PostgresJsPool,
  type PostgresJsSender,
  PostgresJsTransactions,
  sendThroughPostgresJs,
} from "./shared/postgres-js.ts";

/** The part of a Drizzle transaction that the ledger uses. */
export interface DrizzleTransaction {
  readonly _: { readonly session: object };
  rollback(): never;
}

/** The part of a Drizzle database that the ledger uses. */
export interface DrizzleDatabase<Tx extends DrizzleTransaction> {
  readonly _: { readonly session: object };
  transaction<T>(work: (tx: Tx) => Promise<T>, config?: { isolationLevel?: "read committed" }): Promise<T>;
}

/**
 * Connects the ledger to Drizzle on `node-postgres` with a pool, or on `postgres-js`. User functions get Drizzle's `tx`.
 */
export function fromDrizzle<Tx extends DrizzleTransaction>(db: DrizzleDatabase<Tx>): SqlPort<Tx> {
  if (hasMethods(db, "transaction", "execute")) {
    const client = driverOf(db);
    if (hasMethods(client, "unsafe", "begin", "listen")) {
      return portOf(onPostgresJs(db, client as PostgresJsPool));
    }
    if (hasMethods(client, "connect", "query") && typeof property(client, "totalCount") === "number") {
      return portOf(onPgPool(db, client as PgPool<PgClient>));
    }
  }
  throw new TypeError(
    "fromDrizzle needs a database of drizzle-orm/node-postgres with a pool, or of drizzle-orm/postgres-js: " +
      "fromDrizzle(drizzle(new pg.Pool(...)))",
  );
}

const meant = "the tx that db.transaction(async (tx) => ...) gives you";

/** What it sends its statements with: a pool, or a transaction's connection. */
const driverOf = (of: unknown): unknown => property(property(property(of, "_"), "session"), "client");

function onPostgresJs<Tx extends DrizzleTransaction>(
  db: DrizzleDatabase<Tx>,
  sql: PostgresJsPool,
): Library<Tx> {
  const transactions = new PostgresJsTransactions<Tx>();
  const send: Library<Tx>["send"] = async (tx, text, values) => {
    transactions.assertThere(tx);
    return await sendThroughPostgresJs(sql, driverOf(tx) as PostgresJsSender, text, values);
  };
  return {
    meant,
    query: (text, values) => sendThroughPostgresJs(sql, sql, text, values),
    transaction: (work) =>
      transactions.run((inner) => db.transaction(inner, { isolationLevel: "read committed" }), work),
    send,
    script: (tx, text) => send(tx, text, []),
    isTransaction: (tx) => isTransaction(tx, "unsafe", "savepoint"),
    listen: (...given) => listenThroughPostgresJs(sql, ...given),
  };
}

function onPgPool<Tx extends DrizzleTransaction>(
  db: DrizzleDatabase<Tx>,
  pool: PgPool<PgClient>,
): Library<Tx> {
  const { query, listen } = fromPgPool(pool);
  const connectionOf = (tx: Tx): PgConnection => pgConnection(driverOf(tx), "Drizzle");
  const send: Library<Tx>["send"] = async (tx, text, values) =>
    await sendThroughPg(connectionOf(tx), text, values);
  return {
    meant,
    query,
    transaction: (work, bounds) => transactionOnPool(db, pool, work, bounds),
    send,
    script: (tx, text) => send(tx, text, []),
    close: (tx) => closePg(connectionOf(tx)),
    isTransaction: (tx) => isTransaction(tx, "query", "end"),
    ...(listen !== undefined && { listen }),
  };
}

function isTransaction(tx: unknown, ...ofDriver: readonly string[]): boolean {
  return hasMethods(tx, "rollback", "execute") && hasMethods(driverOf(tx), ...ofDriver);
}

/**
 * On a connection that is taken out, and given back, here: Drizzle does not give one back on which BEGIN has failed, and
 * listens to no errors of a connection that breaks between two statements, which ends the process.
 */
async function transactionOnPool<Tx extends DrizzleTransaction>(
  db: DrizzleDatabase<Tx>,
  pool: PgPool<PgClient>,
  work: (tx: Tx) => Promise<void>,
  bounds: SqlBounds | undefined,
): Promise<void> {
  let broken = false;
  const onError = (): void => {
    broken = true;
  };
  const connection = await checkOut(pool, onError, bounds);
  try {
    // The same session, but on one connection instead of the pool: its transaction then runs there.
    const session = Object.create(db._.session, { client: { value: connection } }) as DrizzleDatabase<Tx>;
    await session.transaction(work, { isolationLevel: "read committed" });
  } finally {
    connection.release(broken);
    connection.removeListener("error", onError);
  }
}
