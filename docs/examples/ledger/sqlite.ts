import { Failure } from "@outrigger/core";
import type { SqliteTx } from "@outrigger/ledger";
import { createLedger, fromSqlite, type Ledger, type Operation, type SqlitePort } from "@outrigger/ledger";

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
  readonly sql: SqlitePort;
  readonly ledger: Ledger<SqliteTx>;
  readonly pay: Operation<Order, Charge, SqliteTx>;
}

export async function openShop(file: string, payments: Payments): Promise<Shop> {
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
  const sql = fromSqlite(file); // "shop.db": made when it is missing
  const ledger = createLedger({ sql });
  await ledger.migrate();

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...provider,
    prepare: (tx, { id }) => tx.prepare("insert into orders (id, status) values (?, 'paying')").run(id),
    commit: (tx, { id }) => tx.prepare("update orders set status = 'paid' where id = ?").run(id),
    abandon: (tx, { id }) => tx.prepare("update orders set status = 'void' where id = ?").run(id),
  });
  ledger.start();
  // #endregion
  return { sql, ledger, pay };
}

export async function placeOrder({ sql, pay }: Shop, order: Order): Promise<void> {
  // #region write
  await sql.transaction(async (tx) => {
    tx.prepare("delete from cart where order_id = ?").run(order.id);
    await pay.enqueue(order, { key: order.id, tx });
  });
  // #endregion
}

export async function close({ sql, ledger }: Shop): Promise<void> {
  // #region close
  await ledger.stop();
  sql.close();
  // #endregion
}

export const declined = (): Failure =>
  new Failure("declined", { code: "DECLINED", effect: "none", kind: "refused" });
