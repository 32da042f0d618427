import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMariadbDatabase, freePort, type Mariadb, startMariadb } from "@outrigger/lab";
import { createLedger, fromMysql2Pool } from "@outrigger/ledger";
import mysql, { type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { CommitProxy } from "../../../packages/ledger/test/support/commit-proxy.ts";
import { isMariadbCommit } from "../../../packages/ledger/test/support/databases/mariadb.ts";
import { type Client, type CrashDatabase, idleConnectionMs, serverConnections } from "./database.ts";

const ordersTable = "create table orders (id varchar(255) primary key, status varchar(16) not null)";

/** @param connections - Each operation that stands still in its transaction keeps one. */
export function mariadbClient(url: string, connections: number): Client<PoolConnection> {
  const pool = mysql.createPool({ uri: url, connectionLimit: connections, idleTimeout: idleConnectionMs });
  return {
    sql: fromMysql2Pool(pool),
    orders: {
      begin: (tx, order) => tx.execute("insert into orders (id, status) values (?, 'pending')", [order]),
      end: (tx, order, status) => tx.execute("update orders set status = ? where id = ?", [status, order]),
    },
    close: () => pool.end(),
  };
}

/**
 * A server of its own that waits for the disk: what it has committed has to survive being stopped at once. It keeps its
 * address when it starts again.
 */
export async function mariadbDatabase(): Promise<CrashDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), "outrigger-crash-"));
  chmodSync(dataDir, 0o755); // For the server's user, who is another one when we are root.
  const port = await freePort();
  // That it ends, and what it says of it, is what is wanted here.
  const start = async (): Promise<Mariadb> => {
    const started = await startMariadb({ dataDir, port, keep: true, onLine: () => {} });
    const connection = await mysql.createConnection(started.url);
    await connection.query(`set global max_connections = ${serverConnections}`);
    await connection.end();
    return started;
  };
  let server = await start();
  const database = await createMariadbDatabase(server.url, "crash");
  const { url } = database;
  const pool = mysql.createPool({ uri: url, connectionLimit: 3 });
  await pool.query(ordersTable);
  await createLedger({ sql: fromMysql2Pool(pool) }).migrate();
  const [settings] = await pool.query<RowDataPacket[]>("select @@pid_file as pid");
  const pidFile = String(settings[0]?.["pid"]);
  return {
    connection: () => ({ kind: "mariadb", url }),
    async lossyWay() {
      const proxy = await new CommitProxy(url, isMariadbCommit).start();
      return {
        connection: { kind: "mariadb", url: proxy.url, ownWay: true },
        next: (fate) => proxy.next(fate),
        close: () => proxy.stop(),
      };
    },
    async crash() {
      process.kill(Number.parseInt(readFileSync(pidFile, "utf8"), 10), "SIGKILL");
      await server.exited;
      return async () => {
        server = await start();
      };
    },
    async statuses(orders) {
      if (orders.length === 0) return new Map();
      const [rows] = await pool.query<RowDataPacket[]>("select id, status from orders where id in (?)", [
        [...orders],
      ]);
      return new Map(rows.map((row) => [String(row["id"]), String(row["status"])]));
    },
    async close() {
      await pool.end().catch(() => {}); // The server may be what has failed.
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
