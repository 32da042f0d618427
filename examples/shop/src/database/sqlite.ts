import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fromSqlite, type SqlitePort, type SqliteTx } from "@outrigger/ledger";
import type { OrderRow } from "../shop/order.ts";
import {
  type BareLane,
  bareWaitMs,
  type ChangedOrder,
  type Orders,
  type ShopDatabase,
  type Usage,
} from "./shop-database.ts";
import { Turns } from "./turns.ts";

const ordersTable = (name: string): string => `
  create table ${name} (
    id          text primary key,
    amount      integer not null check (amount > 0),
    currency    text not null,
    method      text not null,
    status      text not null check (status in ('paying', 'paid', 'unpaid')),
    attempt     integer not null default 1,
    withdrawn   integer not null default 0,
    provider    text,
    reason      text,
    updated_at  integer not null default (${now})
  ) strict;
  create index ${name}_by_time on ${name} (updated_at);`;

/** Milliseconds since 1970. */
const now = "cast(unixepoch('subsec') * 1000 as integer)";

/**
 * A file has one writer at a time, so each lane has a file of its own: in one, a bare checkout that waits for its provider
 * would keep the protected lane from writing too, and every other part of a real shop.
 *
 * @param folder - Of the two files, which are made when they are missing.
 */
export function openSqlite(folder: string): ShopDatabase<SqliteTx> {
  const files = { outrigger: join(folder, "shop.db"), bare: join(folder, "bare.db") };
  const { sql, use } = watched(fromSqlite(files.outrigger));
  const bare = openBare(files.bare);
  const readers = { outrigger: openReader(files.outrigger), bare: openReader(files.bare) };
  return {
    sql,
    orders: ordersIn(sql, readers.outrigger, use),
    bare: bare.lane,
    async createTables() {
      await sql.transaction(async (tx) => tx.exec(ordersTable("orders")));
      bare.db.exec(ordersTable("bare_orders"));
    },
    async changedSince(lane, sinceMs) {
      return readers[lane]
        .prepare(
          `select id, amount, currency, status, provider, updated_at as changedAtMs
           from ${lane === "bare" ? "bare_orders" : "orders"} where updated_at >= ? order by updated_at`,
        )
        .all(sinceMs) as unknown as ChangedOrder[];
    },
    async close() {
      for (const each of [bare.db, readers.outrigger, readers.bare]) each.close();
      sql.close();
    },
  };
}

function ordersIn(sql: SqlitePort, reader: DatabaseSync, use: Usage): Orders<SqliteTx> {
  return {
    find: async (id) => findIn(reader, "orders", id),
    async withdraw(id) {
      await sql.transaction(async (tx) =>
        tx
          .prepare(`update orders set withdrawn = 1, updated_at = ${now} where id = ? and status = 'paying'`)
          .run(id),
      );
    },
    use,

    begin(tx, { orderId, amount, currency, method, attempt }) {
      const { changes } =
        attempt === 1
          ? tx
              .prepare(
                `insert into orders (id, amount, currency, method, status) values (?, ?, ?, ?, 'paying')
                 on conflict (id) do nothing`,
              )
              .run(orderId, amount, currency, method)
          : tx
              .prepare(
                `update orders set status = 'paying', attempt = ?2, withdrawn = 0, reason = null, updated_at = ${now}
                 where id = ?1 and status = 'unpaid' and attempt = ?2 - 1`,
              )
              .run(orderId, attempt);
      return changes === 1;
    },
    paid(tx, { orderId, attempt }, provider) {
      const { changes } = tx
        .prepare(
          `update orders set status = 'paid', provider = ?, updated_at = ${now}
           where id = ? and attempt = ? and status = 'paying' and not withdrawn`,
        )
        .run(provider, orderId, attempt);
      return changes === 1;
    },
    unpaid(tx, { orderId, attempt }, reason) {
      tx.prepare(
        `update orders set status = 'unpaid', provider = null, reason = ?, updated_at = ${now}
         where id = ? and attempt = ?`,
      ).run(reason, orderId, attempt);
    },
  };
}

/**
 * How long to wait, in milliseconds, for another process that repairs the file after a crash: the only one for whom anybody
 * waits here. It takes no time to speak of, and SQLite stops the process for it.
 */
const repairMs = 1_000;

function openReader(file: string): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true, timeout: repairMs });
}

function findIn(db: DatabaseSync, table: "orders" | "bare_orders", id: string): OrderRow | undefined {
  return db
    .prepare(
      `select id, amount, currency, method, status, attempt, provider, reason from ${table} where id = ?`,
    )
    .get(id) as OrderRow | undefined;
}

/**
 * The transaction that stays open while the provider is called, as on a server: `begin immediate`, the checkout, `commit`.
 *
 * All checkouts use one connection and take turns on it, waiting for theirs as they would for one out of a pool. With a
 * connection each, `begin immediate` would fail while another checkout has the file. A busy timeout would not help: SQLite
 * waits by stopping the process, in which then nobody hears the provider's answer that would set the file free.
 */
function openBare(file: string): { readonly db: DatabaseSync; readonly lane: BareLane } {
  const db = new DatabaseSync(file, { timeout: repairMs });
  db.exec("pragma journal_mode = wal");
  const turns = new Turns();
  return {
    db,
    lane: {
      get use() {
        return { connections: 1, ...turns.use };
      },
      async transaction(work) {
        const endTurn = await turns.take(bareWaitMs);
        try {
          db.exec("begin immediate");
          const value = await work({
            find: async (id) => findIn(db, "bare_orders", id),
            async store({ orderId, amount, currency, method }) {
              db.prepare(
                "insert into bare_orders (id, amount, currency, method, status) values (?, ?, ?, ?, 'paying')",
              ).run(orderId, amount, currency, method);
            },
            async paid(id, provider) {
              db.prepare(
                `update bare_orders set status = 'paid', provider = ?, updated_at = ${now} where id = ?`,
              ).run(provider, id);
            },
          });
          db.exec("commit");
          return value;
        } catch (error) {
          if (db.isOpen && db.isTransaction) db.exec("rollback");
          throw error;
        } finally {
          endTurn();
        }
      },
    },
  };
}

/** The same port, counting who writes and who waits for the file: there is no pool that would. */
function watched(sql: SqlitePort): { readonly sql: SqlitePort; readonly use: Usage } {
  const use = { connections: 1, inUse: 0, waiting: 0 };
  return {
    use,
    sql: {
      ...sql,
      async transaction(work, bounds) {
        let state: "inUse" | "waiting" = "waiting";
        use.waiting += 1;
        try {
          return await sql.transaction((tx, query) => {
            use.waiting -= 1;
            use.inUse += 1;
            state = "inUse";
            return work(tx, query);
          }, bounds);
        } finally {
          use[state] -= 1;
        }
      },
    },
  };
}
