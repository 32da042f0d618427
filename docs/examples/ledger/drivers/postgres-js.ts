import { createLedger, type Ledger } from "@outrigger/ledger";
import { fromPostgresJs } from "@outrigger/ledger/postgres-js";
import type { Sql, TransactionSql } from "postgres";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

export function define(
  sql: Sql,
  payments: Payments,
): { ledger: Ledger<TransactionSql>; pay: Pay<TransactionSql> } {
  // #region ledger
  const ledger = createLedger({ sql: fromPostgresJs(sql) }); // sql = postgres(...)

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (tx, order) => tx`insert into orders (id, status) values (${order.id}, 'paying')`,
    commit: (tx, order) => tx`update orders set status = 'paid' where id = ${order.id}`,
    abandon: (tx, order) => tx`update orders set status = 'void' where id = ${order.id}`,
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  sql: Sql,
  pay: Pay<TransactionSql>,
  order: Order,
  alsoIn: (tx: TransactionSql) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await sql.begin(async (tx) => {
    await pay.enqueue(order, { key: order.id, tx });
    await alsoIn(tx); // what else belongs to it
  });
  // #endregion
}
