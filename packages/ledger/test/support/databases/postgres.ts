import { createDatabase, databaseForTests } from "@outrigger/lab";
import { fromPgPool, type PgTx } from "@outrigger/ledger";
import pg from "pg";
import { latestVersion } from "../../../src/store/postgres/migrations.ts";
import { isPostgresCommit } from "../commit-proxy.ts";
import { orders, ordersTable } from "../payments.ts";
import type { Connection, ConnectionOptions, ShopDatabase } from "./database.ts";

export interface PostgresConnection extends Connection<PgTx> {
  readonly pool: pg.Pool;
}

export interface PostgresShopDatabase extends ShopDatabase<PgTx> {
  readonly pool: pg.Pool;
  connect(options: ConnectionOptions): PostgresConnection;
}

export async function postgres(name: string): Promise<PostgresShopDatabase> {
  const server = await databaseForTests();
  const database = await createDatabase(server.url, name);
  const pool = new pg.Pool({ connectionString: database.url, max: 3 });
  pool.on("error", () => {});
  await pool.query(ordersTable);
  const kill = async (connection: Pick<PostgresConnection, "close">, { name: of }: ConnectionOptions) => {
    // Not awaited: it waits for what will never come back.
    void connection.close();
    await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [
      of,
    ]);
  };
  return {
    product: "PostgreSQL",
    module: import.meta.url,
    version: latestVersion,
    url: database.url,
    pool,
    orders,
    defersConstraints: true,
    wakes: true,
    isCommit: isPostgresCommit,
    connect: (options) => {
      const connection = connect(options);
      return { ...connection, kill: () => kill(connection, options) };
    },
    query: async (text) => (await pool.query(text)).rows as Record<string, unknown>[],
    async run(tx, text) {
      await tx.query(text);
    },
    async begin() {
      const client = await pool.connect();
      await client.query("begin");
      const end = async (text: string): Promise<void> => {
        await client.query(text);
        client.release();
      };
      return { tx: client as PgTx, commit: () => end("commit"), rollback: () => end("rollback") };
    },
    table: (table, schema = "outrigger") => `${schema}.${table}`,
    instant: (ms) => `(now() + ${ms} * interval '1 millisecond')`,
    async forbid(on, table, condition) {
      await pool.query(`
        create function forbidden() returns trigger language plpgsql as $$
          begin raise exception 'no' using errcode = '22000'; end $$;
        create trigger forbidden before ${on} on ${table} for each row
          when (${condition}) execute function forbidden()`);
      return async () => {
        await pool.query("drop function forbidden cascade");
      };
    },
    async drop() {
      await pool.end();
      await database.drop();
      await server.stop();
    },
  };
}

export { orders };

export function connect({ name, url, queryTimeoutMs }: ConnectionOptions): Omit<PostgresConnection, "kill"> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 2,
    application_name: name,
    ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
  });
  pool.on("error", () => {});
  return {
    pool,
    sql: fromPgPool(pool),
    close: () => pool.end(),
  };
}
