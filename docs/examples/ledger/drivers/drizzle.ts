import { createLedger, type Ledger } from "@outrigger/ledger";
import { fromDrizzle } from "@outrigger/ledger/drizzle";
import { eq } from "drizzle-orm";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

const orders = pgTable("orders", { id: text().primaryKey(), status: text().notNull() });

type Tx = Parameters<Parameters<NodePgDatabase["transaction"]>[0]>[0];

export function define(db: NodePgDatabase, payments: Payments): { ledger: Ledger<Tx>; pay: Pay<Tx> } {
  // #region ledger
  const ledger = createLedger({ sql: fromDrizzle(db) }); // db = drizzle(new pg.Pool(...)), or drizzle(postgres(...))

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (tx, order) => tx.insert(orders).values({ id: order.id, status: "paying" }),
    commit: (tx, order) => tx.update(orders).set({ status: "paid" }).where(eq(orders.id, order.id)),
    abandon: (tx, order) => tx.update(orders).set({ status: "void" }).where(eq(orders.id, order.id)),
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  db: NodePgDatabase,
  pay: Pay<Tx>,
  order: Order,
  alsoIn: (tx: Tx) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await db.transaction(async (tx) => {
    await pay.enqueue(order, { key: order.id, tx });
    await alsoIn(tx); // what else belongs to it
  });
  // #endregion
}
