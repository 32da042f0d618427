import type { SqlBounds, SqlPort, SqlQuery, SqlRow } from "../store/sql-port.ts";
import type { PgClient, PgOwnClient, PgPool } from "./pg/pool.ts";
import { PreparedNames } from "./pg/prepared-names.ts";
import { PgSession } from "./pg/session.ts";
import { property } from "./shared/causes.ts";
import { failedTransaction, isTransient, sqlStateOf } from "./shared/postgres-errors.ts";
import { transactionFailed } from "./shared/transaction-failures.ts";

export type { PgClient, PgOwnClient, PgPool };

/** What the user's functions see of a client, when they do not name their own type. */
export interface PgTx extends PgClient {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: Row[]; readonly rowCount: number | null; readonly command: string }>;
}

/**
 * Connects the ledger to a `Pool` of the package `pg`. User functions get the pool's client as their `tx`.
 */
export function fromPgPool<Client extends PgClient = PgTx>(pool: PgPool<Client>): SqlPort<Client> {
  const { Client: OwnClient, options } = pool;
  const names = new PreparedNames();
  const withClient = <T>(
    bounds: SqlBounds | undefined,
    work: (session: PgSession<Client>) => Promise<T>,
  ): Promise<T> => PgSession.with(pool, names, bounds, work);
  return {
    dialect: "postgres",
    query: (text, values, bounds) => withClient(bounds, (session) => session.query(text, values)),
    transaction: (work, bounds) =>
      withClient(bounds, (session) =>
        session.transaction(undefined, (_, { client, query }) => work(client, query)),
      ),
    transactionWith: (first, work, bounds) =>
      withClient(bounds, (session) =>
        session.transaction(first, (rows, { client, query }) => work(rows, client, query)),
      ),
    atOnce: (statements, bounds) => withClient(bounds, (session) => session.atOnce(statements)),
    join: joined,
    ...(OwnClient !== undefined && {
      listen: (channel: string, heard: () => void, lost: (error: unknown) => void) =>
        listenOn(new OwnClient(options as never), channel, heard, lost),
    }),
    isTransient,
  };
}

function joined(tx: PgClient): SqlQuery {
  const status: unknown = property(tx, "getTransactionStatus");
  if (typeof property(tx, "query") !== "function" || typeof property(tx, "totalCount") === "number") {
    throw new TypeError(
      "tx must be the client on which your transaction runs (const client = await pool.connect()); a pool sends " +
        "each statement on another connection",
    );
  }
  if (typeof status === "function") {
    const now: unknown = status.call(tx);
    if (now === "E") throw transactionFailed();
    if (now !== "T") {
      throw new TypeError('tx must be in a transaction: send "begin" on it first, or leave tx out');
    }
  }
  return async (text, values = []) => {
    try {
      return (await tx.query(text, [...values])).rows as readonly SqlRow[];
    } catch (error) {
      // The client learns of it a moment later than of the error that it comes from.
      throw sqlStateOf(error) === failedTransaction ? transactionFailed(error) : error;
    }
  };
}

/** A connection of its own, because one of the pool's would be missing there. */
async function listenOn(
  client: PgOwnClient,
  channel: string,
  heard: () => void,
  lost: (error: unknown) => void,
): Promise<() => Promise<void>> {
  let over = false;
  const onLost = (error: unknown): void => {
    if (over) return;
    over = true;
    // It may be half open; its end is not waited for.
    client.end().catch(() => {});
    lost(error);
  };
  client.on("error", onLost);
  client.on("end", () => onLost(new Error("the connection that listened has ended")));
  client.on("notification", heard);
  try {
    await client.connect();
    await client.query(`listen ${channel}`);
  } catch (error) {
    over = true;
    client.end().catch(() => {});
    throw error;
  }
  return async () => {
    over = true;
    await client.end();
  };
}
