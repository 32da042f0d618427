import { type EntityManager, EntitySchema, type MikroORM } from "@mikro-orm/postgresql";
import { createLedger, type Ledger } from "@outrigger/ledger";
import { fromMikroOrm } from "@outrigger/ledger/mikro-orm";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

export const OrderRow = new EntitySchema<{ id: string; status: string }>({
  name: "Order",
  tableName: "orders",
  properties: { id: { type: "text", primary: true }, status: { type: "text" } },
});

export function define(
  orm: MikroORM,
  payments: Payments,
): { ledger: Ledger<EntityManager>; pay: Pay<EntityManager> } {
  // #region ledger
  const ledger = createLedger({ sql: fromMikroOrm(orm) }); // orm = await MikroORM.init(...)

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (em, order) => {
      em.persist(em.create(OrderRow, { id: order.id, status: "paying" })); // flushed before the commit
    },
    commit: async (em, order) => {
      const row = await em.findOneOrFail(OrderRow, order.id);
      row.status = "paid";
    },
    abandon: (em, order) => em.nativeUpdate(OrderRow, { id: order.id }, { status: "void" }),
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  orm: MikroORM,
  pay: Pay<EntityManager>,
  order: Order,
  alsoIn: (em: EntityManager) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await orm.em.fork().transactional(async (em) => {
    await pay.enqueue(order, { key: order.id, tx: em });
    await alsoIn(em); // what else belongs to it
  });
  // #endregion
}
