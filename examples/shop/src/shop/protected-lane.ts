import type { HttpIntegration } from "@outrigger/http";
import type { AbandonedFailure, Ledger, Operation, ProviderDefinition } from "@outrigger/ledger";
import type { Pool } from "pg";
import { type Order, type OrderRow, sameOrder } from "./order.ts";
import { ProblemError } from "./problem.ts";
import { assertCancelled, type Charge, chargeFrom, inquiryFrom } from "./provider-answers.ts";

/** One try to pay an order. A customer whose card was declined may try again: that is a new operation. */
interface Payment extends Order {
  readonly attempt: number;
}

/** The order changed between reading it and storing the intent: another request of the same customer was faster. */
class OrderMoved extends Error {}

/**
 * The same checkout, protected: the intent is durable before the call, no connection is held during it, and
 * whatever the provider does, the order ends paid with one charge or unpaid with none.
 */
export function paymentOperation(
  ledger: Ledger,
  providers: Readonly<Record<string, HttpIntegration>>,
): Operation<Payment, Charge> {
  return ledger.operation<Payment, Charge>("checkout.pay", {
    providers: Object.fromEntries(
      Object.entries(providers).map(([name, integration]) => [name, chargeThrough(integration)]),
    ),

    async prepare(tx, payment) {
      const moved =
        payment.attempt === 1
          ? await tx.query(
              `insert into orders (id, amount, currency, method, status) values ($1, $2, $3, $4, 'paying')
               on conflict (id) do nothing`,
              [payment.orderId, payment.amount, payment.currency, payment.method],
            )
          : await tx.query(
              `update orders set status = 'paying', attempt = $2, withdrawn = false, reason = null, updated_at = clock_timestamp()
               where id = $1 and status = 'unpaid' and attempt = $2 - 1`,
              [payment.orderId, payment.attempt],
            );
      if (moved.rowCount === 0) throw new OrderMoved();
    },

    unknown: { notFoundAfter: "3s", retryMax: "3s" },

    async commit(tx, payment, _charge, { provider }) {
      const moved = await tx.query(
        `update orders set status = 'paid', provider = $3, updated_at = clock_timestamp()
         where id = $1 and attempt = $2 and status = 'paying' and not withdrawn`,
        [payment.orderId, payment.attempt, provider],
      );
      // The charge is then cancelled: money without an order is what this lane exists to prevent.
      if (moved.rowCount === 0) throw new Error("the order is no longer waiting for this payment");
    },

    async abandon(tx, payment, why) {
      await tx.query(
        `update orders set status = 'unpaid', reason = $3, updated_at = clock_timestamp()
         where id = $1 and attempt = $2 and status = 'paying'`,
        [payment.orderId, payment.attempt, why.code],
      );
    },
  });
}

function chargeThrough(integration: HttpIntegration): ProviderDefinition<Payment, Charge> {
  return {
    async call(payment, { key, signal, deadlineAtMs }) {
      const { orderId, amount, currency } = payment;
      const json = { orderId, amount, currency };
      const response = await integration.request("charge", { json, key, signal, deadlineAtMs });
      return chargeFrom(response.json(), payment, key);
    },

    async inquire(payment, { key, signal, deadlineAtMs }) {
      const query = { orderId: payment.orderId };
      const response = await integration.request("inquire", { query, signal, deadlineAtMs });
      return inquiryFrom(response.json(), payment, key);
    },

    async cancel(payment, { key, cancelKey, signal, deadlineAtMs }) {
      const json = { orderId: payment.orderId, key };
      const response = await integration.request("cancel", { json, key: cancelKey, signal, deadlineAtMs });
      assertCancelled(response.json(), key);
    },

    capabilities: {
      idempotencyKey: { window: "1d" },
      inquiry: {},
      cancel: { blocksLateOriginal: true },
    },
  };
}

/** The order as it stands after a checkout, and why it was not paid if it was not. */
export interface CheckoutAnswer {
  readonly row: OrderRow;
  readonly failure?: AbandonedFailure;
}

/**
 * Pays an order once, however often it is asked to.
 *
 * @throws ProblemError 422 when the order id was used before for something else.
 */
export async function protectedCheckout(
  pool: Pool,
  payments: Operation<Payment, Charge>,
  order: Order,
): Promise<CheckoutAnswer> {
  // A second round is needed only when another request of the same customer moved the order in between.
  for (let round = 1; round <= 3; round += 1) {
    const row = await findOrder(pool, order.orderId);
    if (row !== undefined && !sameOrder(row, order)) throw differentOrder(order);
    if (row !== undefined && row.status !== "unpaid") return { row };
    const attempt = (row?.attempt ?? 0) + 1;
    try {
      const outcome = await payments.run(
        { ...order, attempt },
        {
          key: `${order.orderId}.${attempt}`,
          ...(order.method === "transfer" ? { providers: ["b"] } : {}),
        },
      );
      const after = (await findOrder(pool, order.orderId)) as OrderRow;
      return outcome.status === "abandoned" ? { row: after, failure: outcome.failure } : { row: after };
    } catch (error) {
      if (!(error instanceof OrderMoved)) throw error;
    }
  }
  return { row: (await findOrder(pool, order.orderId)) as OrderRow };
}

/**
 * Takes back an order that is still being paid. If the charge went through, or still does, it is cancelled.
 *
 * @returns the order as it is now; undefined when there is none. A paid order stays paid.
 */
export async function withdrawOrder(pool: Pool, orderId: string): Promise<OrderRow | undefined> {
  await pool.query(
    "update orders set withdrawn = true, updated_at = clock_timestamp() where id = $1 and status = 'paying'",
    [orderId],
  );
  return await findOrder(pool, orderId);
}

export async function findOrder(pool: Pool, orderId: string): Promise<OrderRow | undefined> {
  const found = await pool.query<OrderRow>("select * from orders where id = $1", [orderId]);
  return found.rows[0];
}

function differentOrder(order: Order): ProblemError {
  return new ProblemError({
    status: 422,
    code: "ORDER_DIFFERS",
    title: "Order differs",
    detail: `orderId "${order.orderId}" is already used for another amount, currency or method; send the same values or a new orderId`,
    field: "orderId",
  });
}
