import type { HttpIntegration } from "@outrigger/http";
import { createLedger, fromPgPool, type Inquiry, type Ledger, type Operation } from "@outrigger/ledger";
import type { Pool } from "pg";

interface Order {
  readonly id: string;
  readonly amount: number;
}

interface Charge {
  readonly chargeId: string;
  readonly key: string;
  readonly status: "approved" | "cancelled";
}

type Payments = HttpIntegration<"charge" | "inquire" | "cancel">;

/** What became of the charge with this key, in the provider's words. */
async function chargeWith(payments: Payments, orderId: string, key: string): Promise<Inquiry<Charge>> {
  const response = await payments.request("inquire", { query: { orderId } });
  const mine = response.json<{ charges: Charge[] }>().charges.find((charge) => charge.key === key);
  if (mine === undefined) return { status: "notFound" };
  return mine.status === "approved" ? { status: "found", result: mine } : { status: "refused" };
}

export function defineFirst(
  pool: Pool,
  payments: Payments,
): { ledger: Ledger; pay: Operation<Order, Charge> } {
  // #region operation
  const ledger = createLedger({ sql: fromPgPool(pool) });
  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    prepare: (tx, { id }) => tx.query("insert into orders (id, status) values ($1, 'paying')", [id]),
    call: async ({ id, amount }, { key }) =>
      (await payments.request("charge", { json: { orderId: id, amount, currency: "KRW" }, key })).json(),
    inquire: ({ id }, { key }) => chargeWith(payments, id, key),
    cancel: ({ id }, { key }) => payments.request("cancel", { json: { key, orderId: id } }),
    commit: (tx, { id }) => tx.query("update orders set status = 'paid' where id = $1", [id]),
    abandon: (tx, { id }) => tx.query("update orders set status = 'void' where id = $1", [id]),
    capabilities: { idempotencyKey: { window: "15d" }, cancel: { blocksLateOriginal: true } },
  });
  // #endregion
  return { ledger, pay };
}

export async function runFirst(ledger: Ledger, pay: Operation<Order, Charge>, order: Order): Promise<string> {
  // #region run
  await ledger.migrate();
  ledger.start();
  const { status } = await pay.run(order, { key: order.id }); // "committed", "abandoned" or "pending"
  // #endregion
  return status;
}
