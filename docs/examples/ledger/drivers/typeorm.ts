import { createLedger, type Ledger } from "@outrigger/ledger";
import { fromTypeOrm } from "@outrigger/ledger/typeorm";
import { type DataSource, type EntityManager, EntitySchema } from "typeorm";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

export const OrderRow = new EntitySchema<{ id: string; status: string }>({
  name: "Order",
  tableName: "orders",
  columns: { id: { type: "text", primary: true }, status: { type: "text" } },
});

export function define(
  dataSource: DataSource,
  payments: Payments,
): { ledger: Ledger<EntityManager>; pay: Pay<EntityManager> } {
  // #region ledger
  const ledger = createLedger({ sql: fromTypeOrm(dataSource) }); // once await dataSource.initialize() has been called

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (manager, order) => manager.insert(OrderRow, { id: order.id, status: "paying" }),
    commit: (manager, order) => manager.update(OrderRow, { id: order.id }, { status: "paid" }),
    abandon: (manager, order) => manager.update(OrderRow, { id: order.id }, { status: "void" }),
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  dataSource: DataSource,
  pay: Pay<EntityManager>,
  order: Order,
  alsoIn: (manager: EntityManager) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await dataSource.transaction(async (manager) => {
    await pay.enqueue(order, { key: order.id, tx: manager });
    await alsoIn(manager); // what else belongs to it
  });
  // #endregion
}
