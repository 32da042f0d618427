import { fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import type { OrderRow } from "../shop/order.ts";
import {
  type BareLane,
  bareWaitMs,
  type ChangedOrder,
  connectionsPerLane,
  ledgerSchema,
  type Orders,
  type ShopDatabase,
  type Usage,
} from "./shop-database.ts";

/** Everything the example stores lives in this schema and the ledger's, which are made anew at each start. */
const shopSchema = "outrigger_shop";

/**
 * Two tables of the same shape, one per lane.
 *
 * `status` is `paying` from the moment the order is stored until its payment is settled; `withdrawn` says that the
 * customer no longer wants it, whatever the provider does.
 */
const ordersTable = (name: string): string => `
  create table ${name} (
    id          text primary key,
    amount      bigint not null check (amount > 0),
    currency    text not null,
    method      text not null,
    status      text not null check (status in ('paying', 'paid', 'unpaid')),
    attempt     integer not null default 1,
    withdrawn   boolean not null default false,
    provider    text,
    reason      text,
    updated_at  timestamptz not null default clock_timestamp()
  );
  create index on ${name} (updated_at);`;

/** Each lane has a pool of its own, so that neither takes the other's connections. */
export function openPostgres(url: string): ShopDatabase<pg.PoolClient> {
  const pool = newPool(url);
  const barePool = newPool(url);
  return {
    sql: fromPgPool<pg.PoolClient>(pool),
    orders: ordersIn(pool),
    bare: bareLaneIn(barePool),
    async createTables() {
      await pool.query(`
        drop schema if exists ${ledgerSchema} cascade;
        drop schema if exists ${shopSchema} cascade;
        create schema ${shopSchema};
        ${ordersTable("orders")}
        ${ordersTable("bare_orders")}`);
    },
    async changedSince(lane, sinceMs) {
      const { rows } = await pool.query<Stored<ChangedOrder>>(
        `select id, amount, currency, status, provider, extract(epoch from updated_at)::float8 * 1000 as "changedAtMs"
         from ${lane === "bare" ? "bare_orders" : "orders"}
         where updated_at >= to_timestamp($1::float8 / 1000) order by updated_at`,
        [sinceMs],
      );
      return rows.map(withNumber);
    },
    async close() {
      await Promise.all([pool.end(), barePool.end()]);
    },
  };
}

function ordersIn(pool: pg.Pool): Orders<pg.PoolClient> {
  return {
    find: (id) => findIn(pool, "orders", id),
    async withdraw(id) {
      await pool.query(
        "update orders set withdrawn = true, updated_at = clock_timestamp() where id = $1 and status = 'paying'",
        [id],
      );
    },
    get use() {
      return usageOf(pool);
    },

    async begin(tx, { orderId, amount, currency, method, attempt }) {
      const { rowCount } =
        attempt === 1
          ? await tx.query(
              `insert into orders (id, amount, currency, method, status) values ($1, $2, $3, $4, 'paying')
               on conflict (id) do nothing`,
              [orderId, amount, currency, method],
            )
          : await tx.query(
              `update orders set status = 'paying', attempt = $2, withdrawn = false, reason = null,
                 updated_at = clock_timestamp()
               where id = $1 and status = 'unpaid' and attempt = $2 - 1`,
              [orderId, attempt],
            );
      return rowCount === 1;
    },
    async paid(tx, { orderId, attempt }, provider) {
      const { rowCount } = await tx.query(
        `update orders set status = 'paid', provider = $3, updated_at = clock_timestamp()
         where id = $1 and attempt = $2 and status = 'paying' and not withdrawn`,
        [orderId, attempt, provider],
      );
      return rowCount === 1;
    },
    async unpaid(tx, { orderId, attempt }, reason) {
      await tx.query(
        `update orders set status = 'unpaid', provider = null, reason = $3, updated_at = clock_timestamp()
         where id = $1 and attempt = $2`,
        [orderId, attempt, reason],
      );
    },
  };
}

function bareLaneIn(pool: pg.Pool): BareLane {
  return {
    get use() {
      return usageOf(pool);
    },
    transaction: (work) =>
      inTransaction(pool, (client) =>
        work({
          find: (id) => findIn(client, "bare_orders", id),
          async store({ orderId, amount, currency, method }) {
            await client.query(
              "insert into bare_orders (id, amount, currency, method, status) values ($1, $2, $3, $4, 'paying')",
              [orderId, amount, currency, method],
            );
          },
          async paid(id, provider) {
            await client.query(
              "update bare_orders set status = 'paid', provider = $2, updated_at = clock_timestamp() where id = $1",
              [id, provider],
            );
          },
        }),
      ),
  };
}

function newPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    options: `-c search_path=${shopSchema}`,
    max: connectionsPerLane,
    connectionTimeoutMillis: bareWaitMs,
  });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on("error", () => {});
  return pool;
}

async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // A session that the server ends while it waits for the provider would else end the whole process.
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on("error", onError);
  try {
    await client.query("begin");
    const value = await work(client);
    await client.query("commit");
    return value;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  } finally {
    client.removeListener("error", onError);
    client.release(broken);
  }
}

/** A bigint arrives as text, which is exact; the shop's amounts are bounded, and exact as numbers too. */
type Stored<Row> = Omit<Row, "amount"> & { readonly amount: string };

function withNumber<Row extends { readonly amount: string }>(
  row: Row,
): Omit<Row, "amount"> & { amount: number } {
  return { ...row, amount: Number(row.amount) };
}

async function findIn(
  connection: pg.Pool | pg.PoolClient,
  table: "orders" | "bare_orders",
  id: string,
): Promise<OrderRow | undefined> {
  const { rows } = await connection.query<Stored<OrderRow>>(
    `select id, amount, currency, method, status, attempt, provider, reason from ${table} where id = $1`,
    [id],
  );
  return rows.map(withNumber)[0];
}

function usageOf(pool: pg.Pool): Usage {
  return {
    connections: pool.options.max,
    inUse: pool.totalCount - pool.idleCount,
    waiting: pool.waitingCount,
  };
}
