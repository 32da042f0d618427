import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createLedger, fromSqlite, type SqliteTx } from "@outrigger/ledger";
import type { Client, CrashDatabase } from "./database.ts";

const ordersTable = "create table orders (id text primary key, status text not null)";

export function sqliteClient(url: string): Client<SqliteTx> {
  const sql = fromSqlite(url);
  return {
    sql,
    orders: {
      begin: (tx, order) => tx.prepare("insert into orders (id, status) values (?, 'pending')").run(order),
      end: (tx, order, status) => tx.prepare("update orders set status = ? where id = ?").run(status, order),
    },
    async close() {
      sql.close();
    },
  };
}

/**
 * In memory, where the system has files there: no process that dies takes with it what it has given to the system, so the
 * disk adds nothing here but waiting, during which SQLite stops all the cases of a process.
 */
const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/**
 * A file for each case: one that stands still in its transaction has the only lock of its file. There is no server that
 * could be stopped, and no connection on which an answer could be lost.
 */
export async function sqliteDatabase(): Promise<CrashDatabase> {
  const directory = mkdtempSync(join(folder, "outrigger-crash-"));
  const template = join(directory, "template.db");
  const sql = fromSqlite(template);
  await sql.transaction(async (tx) => tx.exec(ordersTable));
  await createLedger({ sql }).migrate();
  // The last connection that closes moves the log into the file.
  sql.close();
  const fileOf = (caseKey: string): string => join(directory, `${caseKey}.db`);
  return {
    connection(caseKey) {
      copyFileSync(template, fileOf(caseKey));
      return { kind: "sqlite", url: fileOf(caseKey) };
    },
    forget(caseKey) {
      for (const ending of ["", "-wal", "-shm"]) rmSync(`${fileOf(caseKey)}${ending}`, { force: true });
    },
    async statuses(orders) {
      const found = new Map<string, string>();
      for (const order of orders) {
        const db = new DatabaseSync(fileOf(order.slice(0, order.lastIndexOf("-"))), { readOnly: true });
        const row = db.prepare("select status from orders where id = ?").get(order);
        if (row !== undefined) found.set(order, String(row["status"]));
        db.close();
      }
      return found;
    },
    async close() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
