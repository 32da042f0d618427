import { fromMysql2Pool } from "@outrigger/ledger";
import mysql, {
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from "mysql2/promise";
import type { OrderRow } from "../shop/order.ts";
import {
  type BareLane,
  bareWaitMs,
  type ChangedOrder,
  connectionsPerLane,
  type Orders,
  type ShopDatabase,
  type Usage,
} from "./shop-database.ts";

/**
 * As on PostgreSQL (./postgres.ts), with one thing to know: text is compared without regard to case unless its column says otherwise, and
 * then the orders "a-1" and "A-1" would be one.
 */
const ordersTable = (name: string): string => `
  create table ${name} (
    id          varchar(64) character set ascii collate ascii_bin primary key,
    amount      bigint not null check (amount > 0),
    currency    char(3) not null,
    method      varchar(16) not null,
    status      varchar(16) not null check (status in ('paying', 'paid', 'unpaid')),
    attempt     integer not null default 1,
    withdrawn   boolean not null default false,
    provider    varchar(64),
    reason      varchar(255),
    updated_at  timestamp(6) not null default current_timestamp(6),
    key (updated_at)
  ) engine = innodb`;

/** Each lane has a pool of its own, so that neither takes the other's connections. */
export function openMariadb(url: string): ShopDatabase<PoolConnection> {
  const pool = newPool(url);
  const barePool = newPool(url);
  return {
    sql: fromMysql2Pool(pool),
    orders: ordersIn(pool),
    bare: bareLaneIn(barePool),
    async createTables() {
      for (const name of ["orders", "bare_orders"]) await pool.query(ordersTable(name));
    },
    async changedSince(lane, sinceMs) {
      const [rows] = await pool.execute<(ChangedOrder & RowDataPacket)[]>(
        `select id, amount, currency, status, provider, unix_timestamp(updated_at) * 1e3 as changedAtMs
         from ${lane === "bare" ? "bare_orders" : "orders"}
         where updated_at >= from_unixtime(? / 1000) order by updated_at`,
        [sinceMs],
      );
      return rows;
    },
    async close() {
      await Promise.all([pool.end(), barePool.end()]);
    },
  };
}

function ordersIn(pool: Pool): Orders<PoolConnection> {
  return {
    find: (id) => findIn(pool, "orders", id),
    async withdraw(id) {
      await pool.execute(
        "update orders set withdrawn = true, updated_at = now(6) where id = ? and status = 'paying'",
        [id],
      );
    },
    get use() {
      return usageOf(pool);
    },

    async begin(tx, { orderId, amount, currency, method, attempt }) {
      if (attempt === 1) {
        return await unlessThere(
          tx.execute(
            "insert into orders (id, amount, currency, method, status) values (?, ?, ?, ?, 'paying')",
            [orderId, amount, currency, method],
          ),
        );
      }
      return moved(
        await tx.execute<ResultSetHeader>(
          `update orders set status = 'paying', attempt = ?, withdrawn = false, reason = null, updated_at = now(6)
           where id = ? and status = 'unpaid' and attempt = ?`,
          [attempt, orderId, attempt - 1],
        ),
      );
    },
    async paid(tx, { orderId, attempt }, provider) {
      return moved(
        await tx.execute<ResultSetHeader>(
          `update orders set status = 'paid', provider = ?, updated_at = now(6)
           where id = ? and attempt = ? and status = 'paying' and not withdrawn`,
          [provider, orderId, attempt],
        ),
      );
    },
    async unpaid(tx, { orderId, attempt }, reason) {
      await tx.execute(
        `update orders set status = 'unpaid', provider = null, reason = ?, updated_at = now(6)
         where id = ? and attempt = ?`,
        [reason, orderId, attempt],
      );
    },
  };
}

function bareLaneIn(pool: Pool): BareLane {
  return {
    get use() {
      return usageOf(pool);
    },
    transaction: (work) =>
      inTransaction(pool, (connection) =>
        work({
          find: (id) => findIn(connection, "bare_orders", id),
          async store({ orderId, amount, currency, method }) {
            await connection.execute(
              "insert into bare_orders (id, amount, currency, method, status) values (?, ?, ?, ?, 'paying')",
              [orderId, amount, currency, method],
            );
          },
          async paid(id, provider) {
            await connection.execute(
              "update bare_orders set status = 'paid', provider = ?, updated_at = now(6) where id = ?",
              [provider, id],
            );
          },
        }),
      ),
  };
}

function newPool(url: string): Pool {
  return mysql.createPool({ uri: url, connectionLimit: connectionsPerLane, connectTimeout: bareWaitMs });
}

async function inTransaction<T>(pool: Pool, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
  const connection = await connectionWithin(pool, bareWaitMs);
  try {
    await connection.beginTransaction();
    const value = await work(connection);
    await connection.commit();
    return value;
  } catch (error) {
    await connection.rollback().catch(() => connection.destroy());
    throw error;
  } finally {
    connection.release();
  }
}

/** mysql2 has no bound for this wait, and pg has one: the bare lane is to be the same on both. */
async function connectionWithin(pool: Pool, ms: number): Promise<PoolConnection> {
  const coming = pool.getConnection();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no connection within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([coming, tooLate]);
  } catch (error) {
    coming.then((late) => late.release()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** `insert ignore` would pass over every other error too. A statement that fails undoes itself alone, so this one may. */
async function unlessThere(insert: Promise<unknown>): Promise<boolean> {
  try {
    await insert;
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "ER_DUP_ENTRY") return false;
    throw error;
  }
}

function moved([result]: [ResultSetHeader, unknown]): boolean {
  return result.affectedRows === 1;
}

async function findIn(
  connection: Pool | PoolConnection,
  table: "orders" | "bare_orders",
  id: string,
): Promise<OrderRow | undefined> {
  const [rows] = await connection.execute<(OrderRow & RowDataPacket)[]>(
    `select id, amount, currency, method, status, attempt, provider, reason from ${table} where id = ?`,
    [id],
  );
  return rows[0];
}

/** mysql2 keeps these to itself, and has no other way to tell how full a pool is. */
interface Inside {
  readonly _allConnections: { readonly length: number };
  readonly _freeConnections: { readonly length: number };
  readonly _connectionQueue: { readonly length: number };
}

function usageOf(pool: Pool): Usage {
  const inside = pool.pool as unknown as Inside;
  return {
    connections: connectionsPerLane,
    inUse: inside._allConnections.length - inside._freeConnections.length,
    waiting: inside._connectionQueue.length,
  };
}
