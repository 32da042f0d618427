import { createMariadbDatabase, mariadbForTests } from "@outrigger/lab";
import { fromMysql2Pool } from "@outrigger/ledger";
import mysql, {
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from "mysql2/promise";
import type { Connection, ConnectionOptions, Orders, ShopDatabase } from "./database.ts";

export interface MariadbShopDatabase extends ShopDatabase<PoolConnection> {
  readonly pool: Pool;
}

export async function mariadb(name: string): Promise<MariadbShopDatabase> {
  const server = await mariadbForTests();
  const database = await createMariadbDatabase(server.url, name);
  const pool = mysql.createPool({ uri: database.url, connectionLimit: 3 });
  await pool.query(
    "create table orders (id varchar(64) primary key, status varchar(16) not null, note text)",
  );
  const ask = async (text: string): Promise<Record<string, unknown>[]> =>
    (await pool.query<RowDataPacket[]>(words(text)))[0];
  return {
    product: "MariaDB",
    module: import.meta.url,
    version: 1,
    url: database.url,
    pool,
    defersConstraints: false,
    wakes: false,
    isCommit: isMariadbCommit,
    orders,
    connect(options) {
      const connection = connect(options);
      return { ...connection, kill: () => kill(connection, pool) };
    },
    query: ask,
    async run(tx, text) {
      await tx.query(words(text));
    },
    async begin() {
      const tx = await pool.getConnection();
      await tx.beginTransaction();
      const end = async (text: string): Promise<void> => {
        await tx.query(text);
        tx.release();
      };
      return { tx, commit: () => end("commit"), rollback: () => end("rollback") };
    },
    table: (table, schema = "outrigger") => `${schema}_${table}`,
    instant: (ms) => `(utc_timestamp(6) + interval ${Math.round(ms * 1_000)} microsecond)`,
    async forbid(on, table, condition) {
      await pool.query(
        words(`create trigger forbidden before ${on} on ${table} for each row begin
          if ${condition} then signal sqlstate '45000' set message_text = 'no'; end if;
        end`),
      );
      return async () => {
        await pool.query("drop trigger forbidden");
      };
    },
    async drop() {
      await pool.end();
      await database.drop();
      await server.stop();
    },
  };
}

/** A query is its length in three bytes, a zero, 3, and its text. */
export const isMariadbCommit = (chunk: Buffer): boolean =>
  chunk[4] === 3 && chunk.toString("latin1", 5) === "commit";

/** `key` is a word of the language here. */
const words = (text: string): string => text.replaceAll(/(?<!primary )\bkey\b/g, "`key`");

interface MariadbConnection extends Omit<Connection<PoolConnection>, "kill"> {
  readonly pool: Pool;
  /** The server's numbers of its sessions. */
  readonly sessions: ReadonlySet<number>;
}

export function connect({ url }: ConnectionOptions): MariadbConnection {
  const pool = mysql.createPool({ uri: url, connectionLimit: 2 });
  const sessions = new Set<number>();
  pool.on("connection", ({ threadId }) => sessions.add(threadId));
  return { pool, sessions, sql: fromMysql2Pool(pool), close: () => pool.end().catch(() => {}) };
}

/** As the end of a process: the server rolls back what its sessions have open. */
async function kill(connection: MariadbConnection, pool: Pool): Promise<void> {
  // Not awaited: it waits for what will never come back.
  void connection.close();
  for (const session of connection.sessions) {
    // It may have gone by itself.
    await pool.query(`kill ${session}`).catch(() => {});
  }
}

export const orders: Orders<PoolConnection> = {
  async prepare(tx, order) {
    await tx.execute("insert into orders (id, status) values (?, 'pending')", [order.id]);
  },
  async commit(tx, order, _payment, { provider }) {
    const [{ affectedRows }] = await tx.execute<ResultSetHeader>(
      "update orders set status = 'paid', note = ? where id = ? and status = 'pending'",
      [provider, order.id],
    );
    if (affectedRows !== 1) throw new Error("the order no longer waits for a payment");
  },
  async abandon(tx, order, why) {
    await tx.execute(
      "update orders set status = 'void', note = ? where id = ? and status in ('pending', 'paid')",
      [why.code, order.id],
    );
  },
};
