import { createLedger, fromPgPool, type Ledger, type LedgerEvent } from "@outrigger/ledger";
import { fromKysely } from "@outrigger/ledger/kysely";
import { Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

interface Schema {
  orders: { id: string; status: string };
}

export function connect(connectionString: string): Kysely<Schema> {
  // #region connect
  const pool = new pg.Pool({ connectionString });
  pool.on("error", console.error);
  pool.on("connect", (client) => client.on("error", console.error)); // else a lost connection may end the process
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  // #endregion
  return db;
}

export function define(
  db: Kysely<Schema>,
  payments: Payments,
): { ledger: Ledger<Transaction<Schema>>; pay: Pay<Transaction<Schema>> } {
  // #region ledger
  const ledger = createLedger({ sql: fromKysely(db) });

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (trx, order) => trx.insertInto("orders").values({ id: order.id, status: "paying" }).execute(),
    commit: (trx, order) =>
      trx.updateTable("orders").set({ status: "paid" }).where("id", "=", order.id).execute(),
    abandon: (trx, order) =>
      trx.updateTable("orders").set({ status: "void" }).where("id", "=", order.id).execute(),
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  db: Kysely<Schema>,
  pay: Pay<Transaction<Schema>>,
  order: Order,
  alsoIn: (trx: Transaction<Schema>) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await db.transaction().execute(async (trx) => {
    await pay.enqueue(order, { key: order.id, tx: trx });
    await alsoIn(trx); // what else belongs to it
  });
  // #endregion
}

export function withWakeUp(
  db: Kysely<Schema>,
  pool: pg.Pool,
  onEvent: (event: LedgerEvent) => void,
): Ledger<Transaction<Schema>> {
  // #region wake-up
  const { listen } = fromPgPool(pool); // the pool that Kysely stands on
  const ledger = createLedger({ sql: { ...fromKysely(db), ...(listen && { listen }) }, onEvent });
  // #endregion
  return ledger;
}
