import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fromSqlite, type SqliteTx } from "@outrigger/ledger";
import { ordersTable } from "../payments.ts";
import type { Connection, ConnectionOptions, Orders, ShopDatabase } from "./database.ts";

/** A file in a directory of its own, which goes with it. */
export async function sqlite(name: string): Promise<ShopDatabase<SqliteTx>> {
  const directory = mkdtempSync(join(tmpdir(), `outrigger-${name}-`));
  const file = join(directory, "shop.db");
  // In the process of the tests it must not wait by stopping everybody: whoever has the lock may be among them.
  const db = new DatabaseSync(file);
  db.exec(`pragma journal_mode = wal; ${ordersTable}`);
  return {
    product: "SQLite",
    module: import.meta.url,
    version: 2,
    url: file,
    orders,
    defersConstraints: true,
    wakes: false,
    connect,
    query: async (text) => await whenFree(() => db.prepare(text).all() as Record<string, unknown>[]),
    async run(tx, text) {
      tx.exec(text);
    },
    async begin() {
      const own = new DatabaseSync(file);
      await whenFree(() => own.exec("begin immediate"));
      const end = async (text: string): Promise<void> => {
        own.exec(text);
        own.close();
      };
      return { tx: own, commit: () => end("commit"), rollback: () => end("rollback") };
    },
    table: (table, schema = "outrigger") => `${schema}_${table}`,
    instant: (ms) => `(unixepoch() * 1000 + ${ms})`,
    async forbid(on, table, condition) {
      await whenFree(() =>
        db.exec(`create trigger forbidden before ${on} on ${table} when ${condition}
          begin select raise(abort, 'no'); end`),
      );
      return () => whenFree(() => db.exec("drop trigger forbidden"));
    },
    async drop() {
      db.close();
      rmSync(directory, { recursive: true });
    },
  };
}

export function connect({ url }: ConnectionOptions): Connection<SqliteTx> {
  const sql = fromSqlite(url);
  const end = async (): Promise<void> => sql.close();
  return { sql, close: end, kill: end };
}

export const orders: Orders<SqliteTx> = {
  prepare(tx, order) {
    tx.prepare("insert into orders (id, status) values (?, 'pending')").run(order.id);
  },
  commit(tx, order, _payment, { provider }) {
    const { changes } = tx
      .prepare("update orders set status = 'paid', note = ? where id = ? and status = 'pending'")
      .run(provider, order.id);
    if (changes !== 1) throw new Error("the order no longer waits for a payment");
  },
  abandon(tx, order, why) {
    tx.prepare(
      "update orders set status = 'void', note = ? where id = ? and status in ('pending', 'paid')",
    ).run(why.code, order.id);
  },
};

async function whenFree<T>(run: () => T): Promise<T> {
  for (;;) {
    try {
      return run();
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
