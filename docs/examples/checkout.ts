// #region imports
import { exponential } from "@outrigger/core";
import type { HttpIntegration } from "@outrigger/http";
import { HttpFailure, httpIntegration } from "@outrigger/http";
import type { Ledger, Operation } from "@outrigger/ledger";
import { createLedger, fromPgPool } from "@outrigger/ledger";
import type { Pool } from "pg";

// #endregion

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

export function describePayments(baseUrl: string): Payments {
  // #region describe
  const payments = httpIntegration({
    name: "payments",
    baseUrl, // "https://api.example.com"
    timeout: { connect: "3s", read: "10s", total: "30s" },
    pool: { connections: 50, acquire: "1s" },
    concurrency: { limit: 50 }, // over it: fail at once, 503 to our own caller
    retry: { maxRetries: 2, backoff: exponential("200ms") }, // jittered, and only where it is safe
    breaker: { window: "10s", failureRatio: 0.5, minimumCalls: 20, openFor: "30s", probes: 5 },
    operations: {
      charge: {
        method: "POST",
        path: "/v1/charges",
        idempotency: { header: "Idempotency-Key", window: "15d" },
        refusals: [402], // a final "no" by the provider's contract: nothing was charged
      },
      // Circuits of their own: failing charges must not keep us from asking what became of them.
      inquire: { method: "GET", path: "/v1/charges", breaker: "own" },
      cancel: { method: "POST", path: "/v1/cancels", idempotency: "natural", breaker: "own" },
    },
  });
  // #endregion
  return payments;
}

export function definePayment(
  pool: Pool,
  payments: Payments,
): { ledger: Ledger; pay: Operation<Order, Charge> } {
  // #region ledger
  const ledger = createLedger({ sql: fromPgPool(pool) });

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    // In one commit with the ledger's own row, before anything is sent.
    prepare: (tx, order) => tx.query("insert into orders (id, status) values ($1, 'paying')", [order.id]),

    // No database connection is held here. What it throws says whether it may have had an effect.
    async call(order, { key, signal, deadlineAtMs }) {
      const json = { orderId: order.id, amount: order.amount, currency: "KRW" };
      return (await payments.request("charge", { json, key, signal, deadlineAtMs })).json();
    },

    // After a timeout or a crash, by any process.
    async inquire(order, { key, signal }) {
      const response = await payments.request("inquire", { query: { orderId: order.id }, signal });
      const mine = response.json<{ charges: Charge[] }>().charges.find((charge) => charge.key === key);
      if (mine === undefined) return { status: "notFound" };
      return mine.status === "approved" ? { status: "found", result: mine } : { status: "refused" };
    },
    cancel: (order, { key, signal }) =>
      payments.request("cancel", { json: { key, orderId: order.id }, signal }),
    capabilities: { idempotencyKey: { window: "15d" }, cancel: { blocksLateOriginal: true } },

    // In one commit with the ledger's outcome.
    commit: (tx, order) => tx.query("update orders set status = 'paid' where id = $1", [order.id]),
    abandon: (tx, order) => tx.query("update orders set status = 'unpaid' where id = $1", [order.id]),
  });
  // #endregion
  return { ledger, pay };
}

export async function useIt(ledger: Ledger, pay: Operation<Order, Charge>): Promise<string> {
  const order = { id: "order-1", amount: 15_000 };
  // #region run
  await ledger.migrate();
  ledger.start(); // settles in the background what a timeout or a crash left open

  const outcome = await pay.run(order, { key: order.id });
  // "committed": paid · "abandoned": not charged, with the reason ·
  // "pending": will end as one of the two, or, if nobody can find out, as MANUAL for a person: watch
  // ledger.snapshot(), and the order's own row tells the customer
  // #endregion
  return outcome.status;
}

/** For a provider that answers 404 when it does not know a payment. */
export async function inquireOne(payments: HttpIntegration<"inquire">, paymentId: string): Promise<unknown> {
  // #region notFound
  try {
    return (await payments.request("inquire", { params: { paymentId } })).json();
  } catch (error) {
    if (HttpFailure.is(error) && error.status === 404) return { status: "notFound" };
    throw error;
  }
  // #endregion
}

export async function shutDown(ledger: Ledger, payments: Payments, pool: Pool): Promise<void> {
  // #region stop
  await ledger.stop(); // finishes what it works on, or leaves it to another process
  await payments.close();
  await pool.end();
  // #endregion
}
