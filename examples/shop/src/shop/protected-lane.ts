import type { HttpIntegration } from "@outrigger/http";
import type { AbandonedFailure, Ledger, Operation, ProviderDefinition } from "@outrigger/ledger";
import type { Orders } from "../database/shop-database.ts";
import { type Order, type OrderRow, type Payment, sameOrder } from "./order.ts";
import { ProblemError } from "./problem.ts";
import { assertCancelled, type Charge, chargeFrom, inquiryFrom } from "./provider-answers.ts";

/** The order changed between reading it and storing the intent: another request of the same customer was faster. */
class OrderMoved extends Error {}

/**
 * The same checkout, protected: the intent is durable before the call, no connection is held during it, and
 * whatever the provider does, the order ends paid with one charge or unpaid with none.
 */
export function paymentOperation<Tx>(
  ledger: Ledger<Tx>,
  orders: Orders<Tx>,
  providers: Readonly<Record<string, HttpIntegration>>,
): Operation<Payment, Charge, Tx> {
  return ledger.operation<Payment, Charge>("checkout.pay", {
    providers: Object.fromEntries(
      Object.entries(providers).map(([name, integration]) => [name, chargeThrough(integration)]),
    ),

    async prepare(tx, payment) {
      if (!(await orders.begin(tx, payment))) throw new OrderMoved();
    },

    unknown: { notFoundAfter: "3s", retryMax: "3s" },

    async commit(tx, payment, _charge, { provider }) {
      // The charge is then cancelled: money without an order is what this lane exists to prevent.
      if (!(await orders.paid(tx, payment, provider))) {
        throw new Error("the order is no longer waiting for this payment");
      }
    },

    async abandon(tx, payment, why) {
      await orders.unpaid(tx, payment, why.code);
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
export async function protectedCheckout<Tx>(
  orders: Orders<Tx>,
  payments: Operation<Payment, Charge, Tx>,
  order: Order,
): Promise<CheckoutAnswer> {
  // A second round is needed only when another request of the same customer moved the order in between.
  for (let round = 1; round <= 3; round += 1) {
    const row = await orders.find(order.orderId);
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
      const after = (await orders.find(order.orderId)) as OrderRow;
      return outcome.status === "abandoned" ? { row: after, failure: outcome.failure } : { row: after };
    } catch (error) {
      if (!(error instanceof OrderMoved)) throw error;
    }
  }
  return { row: (await orders.find(order.orderId)) as OrderRow };
}

/**
 * Takes back an order that is still being paid. If the charge went through, or still does, it is cancelled.
 *
 * @returns the order as it is now; undefined when there is none. A paid order stays paid.
 */
export async function withdrawOrder(orders: Orders<unknown>, orderId: string): Promise<OrderRow | undefined> {
  await orders.withdraw(orderId);
  return await orders.find(orderId);
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
