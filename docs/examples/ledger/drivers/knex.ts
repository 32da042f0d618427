import { createLedger, type Ledger } from "@outrigger/ledger";
import { fromKnex } from "@outrigger/ledger/knex";
import type { Knex } from "knex";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

export function define(
  db: Knex,
  payments: Payments,
): { ledger: Ledger<Knex.Transaction>; pay: Pay<Knex.Transaction> } {
  // #region ledger
  const ledger = createLedger({ sql: fromKnex(db) }); // db = knex({ client: "pg", connection })

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (trx, order) => trx("orders").insert({ id: order.id, status: "paying" }),
    commit: (trx, order) => trx("orders").where({ id: order.id }).update({ status: "paid" }),
    abandon: (trx, order) => trx("orders").where({ id: order.id }).update({ status: "void" }),
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  db: Knex,
  pay: Pay<Knex.Transaction>,
  order: Order,
  alsoIn: (trx: Knex.Transaction) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await db.transaction(async (trx) => {
    await pay.enqueue(order, { key: order.id, tx: trx });
    await alsoIn(trx); // what else belongs to it
  });
  // #endregion
}
