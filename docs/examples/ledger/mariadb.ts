import { createLedger, fromMysql2Pool, type Ledger, type Operation } from "@outrigger/ledger";
import mysql, { type Pool, type PoolConnection } from "mysql2/promise";

export interface Order {
  readonly id: string;
  readonly amount: number;
}

interface Charge {
  readonly chargeId: string;
}

/** What stands for a payment provider here. */
export interface Payments {
  charge(order: Order, key: string): Promise<Charge>;
  find(key: string): Promise<Charge | undefined>;
  undo(key: string): Promise<void>;
}

export interface Shop {
  readonly pool: Pool;
  readonly ledger: Ledger<PoolConnection>;
  readonly pay: Operation<Order, Charge, PoolConnection>;
}

export async function openShop(url: string, payments: Payments): Promise<Shop> {
  const provider = {
    call: (order: Order, { key }: { readonly key: string }) => payments.charge(order, key),
    inquire: async (_: Order, { key }: { readonly key: string }) => {
      const result = await payments.find(key);
      return result === undefined
        ? ({ status: "notFound" } as const)
        : ({ status: "found", result } as const);
    },
    cancel: (_: Order, { key }: { readonly key: string }) => payments.undo(key),
    capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
  } as const;
  // #region open
  const pool = mysql.createPool({ uri: url, connectionLimit: 10 });
  const ledger = createLedger({ sql: fromMysql2Pool(pool) });
  await ledger.migrate();

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...provider,
    prepare: (tx, { id }) => tx.execute("insert into orders (id, status) values (?, 'paying')", [id]),
    commit: (tx, { id }) => tx.execute("update orders set status = 'paid' where id = ?", [id]),
    abandon: (tx, { id }) => tx.execute("update orders set status = 'void' where id = ?", [id]),
  });
  ledger.start();
  // #endregion
  return { pool, ledger, pay };
}

export async function placeOrder({ pool, pay }: Shop, order: Order): Promise<void> {
  // #region join
  const tx = await pool.getConnection();
  try {
    await tx.beginTransaction();
    await tx.execute("delete from cart where order_id = ?", [order.id]);
    await pay.enqueue(order, { key: order.id, tx });
    await tx.commit();
    tx.release();
  } catch (error) {
    tx.destroy(); // which rolls back
    throw error;
  }
  // #endregion
}
