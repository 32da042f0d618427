import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type Postgres, startPostgres } from "@outrigger/lab";
import { createLedger, fromPgPool, type PgTx } from "@outrigger/ledger";
import pg from "pg";
import { CommitProxy, isPostgresCommit } from "../../../packages/ledger/test/support/commit-proxy.ts";
import { type Client, type CrashDatabase, idleConnectionMs, serverConnections } from "./database.ts";

export const ordersTable = "create table orders (id text primary key, status text not null)";

/** @param connections - Each operation that stands still in its transaction keeps one. */
export function postgresClient(url: string, connections: number): Client<PgTx> {
  const pool = new pg.Pool({ connectionString: url, max: connections, idleTimeoutMillis: idleConnectionMs });
  pool.on("error", () => {});
  return {
    sql: fromPgPool(pool),
    orders: {
      begin: (tx, order) => tx.query("insert into orders (id, status) values ($1, 'pending')", [order]),
      end: (tx, order, status) => tx.query("update orders set status = $2 where id = $1", [order, status]),
    },
    close: () => pool.end(),
  };
}

/**
 * A server of its own that waits for the disk: what it has committed has to survive being stopped at once. It keeps its
 * address when it starts again.
 */
export async function postgresDatabase(): Promise<CrashDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), "outrigger-crash-"));
  const port = await freePort();
  // That it ends, and what it says of it, is what is wanted here.
  const start = (): Promise<Postgres> =>
    startPostgres({ dataDir, port, keep: true, maxConnections: serverConnections, onLine: () => {} });
  let server = await start();
  const { url } = server;
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  pool.on("error", () => {});
  await letIn(pool, new URL(url));
  await pool.query(ordersTable);
  await createLedger({ sql: fromPgPool(pool) }).migrate();
  return {
    connection: () => ({ kind: "postgres", url }),
    async lossyWay() {
      const proxy = await new CommitProxy(url, isWrite).start();
      return {
        connection: { kind: "postgres", url: proxy.url, ownWay: true },
        next: (fate) => proxy.next(fate),
        close: () => proxy.stop(),
      };
    },
    async crash() {
      process.kill(
        Number.parseInt(readFileSync(join(dataDir, "data", "postmaster.pid"), "utf8"), 10),
        "SIGQUIT",
      );
      await server.exited;
      return async () => {
        server = await start();
      };
    },
    async statuses(orders) {
      const { rows } = await pool.query<{ id: string; status: string }>(
        "select id, status from orders where id = any($1)",
        [orders],
      );
      return new Map(rows.map(({ id, status }) => [id, status]));
    },
    async close() {
      await pool.end().catch(() => {}); // The server may be what has failed.
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Each process makes dozens of connections at once: the thousands of rounds that guard a password are most of that. */
async function letIn(pool: pg.Pool, { username, password }: URL): Promise<void> {
  const { rows } = await pool.query<{ version: string }>(
    "select current_setting('server_version_num') as version",
  );
  if (Number(rows[0]?.version) < 160_000) return;
  const role = pg.escapeIdentifier(decodeURIComponent(username));
  const secret = pg.escapeLiteral(decodeURIComponent(password));
  await pool.query(`set scram_iterations = 1; alter role ${role} password ${secret}`);
}

/** A COMMIT, or a move by itself, which the server commits at once: `cancelKnown` stands in what every move is given. */
function isWrite(chunk: Buffer): boolean {
  return isPostgresCommit(chunk) || chunk.includes("cancelKnown");
}
