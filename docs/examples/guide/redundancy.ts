import { loadBudget } from "@outrigger/core";
import {
  type HttpIntegration,
  httpIntegration,
  innerBudget,
  type RedundancyEvent,
  RedundancyFailure,
  type RedundantIntegration,
  type RedundantRead,
  type RedundantWrite,
  redundantIntegration,
  redundantRead,
  redundantWrite,
} from "@outrigger/http";

export interface Order {
  readonly id: string;
  readonly amount: number;
  readonly method: "card" | "transfer";
}

type Payments = RedundantIntegration<{
  readonly charge: RedundantWrite<Order, string>;
  readonly fees: RedundantRead<number, number>;
}>;

// #region providers
const budget = loadBudget({ name: "payments" }); // for retries, hedges and failover together

/** Each provider is an integration of its own: address, credentials, timeouts, breaker and limits. */
export function north(baseUrl: string): HttpIntegration<"charge" | "cancel" | "fees"> {
  return httpIntegration({
    name: "north",
    baseUrl,
    headers: { authorization: "Bearer north-secret" },
    timeout: { connect: "3s", read: "5s", total: "8s" }, // leaves time for the other one
    retry: { maxRetries: 1, budget: innerBudget(budget) },
    breaker: { window: "10s", failureRatio: 0.5, minimumCalls: 20, openFor: "30s", probes: 5 },
    operations: {
      charge: {
        method: "POST",
        path: "/v1/charges",
        idempotency: { header: "Idempotency-Key", window: "1d" },
        refusals: [402],
      },
      cancel: { method: "POST", path: "/v1/cancels", idempotency: "natural", breaker: "own" },
      fees: { method: "GET", path: "/v1/fees", breaker: "own" },
    },
  });
}
// #endregion

export function south(baseUrl: string): HttpIntegration<"pay" | "fees"> {
  return httpIntegration({
    name: "south",
    baseUrl,
    headers: { "x-api-key": "south-secret" },
    timeout: { connect: "3s", read: "5s", total: "8s" },
    retry: { maxRetries: 1, budget: innerBudget(budget) },
    operations: {
      pay: {
        method: "POST",
        path: "/pay",
        idempotency: { header: "x-request-id", window: "1d" },
        refusals: [422],
      },
      fees: { method: "GET", path: "/fees", breaker: "own" },
    },
  });
}

export function paymentsBehindOneName(
  northApi: ReturnType<typeof north>,
  southApi: ReturnType<typeof south>,
  onEvent?: (event: RedundancyEvent) => void,
): Payments {
  // #region describe
  const payments = redundantIntegration({
    name: "payments",
    providers: {
      north: { integration: northApi, priority: 1 }, // gets everything while it is well
      south: { integration: southApi, priority: 2 }, // takes what north cannot
    },
    timeout: { total: "20s", settle: "3s" },
    recovery: { firstShare: 0.1, rampUp: "30s" },
    budget,
    ...(onEvent && { onEvent }),
    operations: {
      charge: redundantWrite<Order, string>({
        providers: {
          north: {
            operation: "charge",
            accepts: ({ method }) => method === "card",
            request: ({ id, amount }, { key }) => ({ json: { orderId: id, amount }, key }),
            answer: (response) => response.json<{ chargeId: string }>().chargeId,
            // Asked only when the charge may have been made. North's cancel blocks the key for ever, whatever comes late.
            settle: async (_order, { key, request }) => {
              await request("cancel", { json: { key } });
              return { status: "cancelled" };
            },
          },
          south: {
            operation: "pay",
            request: ({ id, amount }, { key }) => ({ json: { reference: id, won: amount }, key }),
            answer: (response) => response.json<{ receipt: string }>().receipt,
            // No settle: a payment that may have been made here ends here.
          },
        },
      }),
      fees: redundantRead<number, number>({
        hedge: { percentile: 0.95 }, // the slowest twentieth is asked of the other provider as well
        providers: {
          north: {
            operation: "fees",
            request: (amount) => ({ query: { amount } }),
            answer: (response) => response.json<{ fee: number }>().fee,
          },
          south: {
            operation: "fees",
            request: (amount) => ({ query: { won: amount } }),
            answer: (response) => response.json<{ won: number }>().won,
          },
        },
      }),
    },
  });
  // #endregion
  return payments;
}

// #region call
export async function pay(payments: Payments, order: Order): Promise<string> {
  try {
    const { value, provider } = await payments.call("charge", order, { key: order.id });
    return `${value} by ${provider}`; // keep both: only this provider can be asked about it, or refund it
  } catch (error) {
    if (!RedundancyFailure.is(error)) throw error;
    if (error.effect === "none") return `not paid: ${error.code}`;
    // May have been paid at error.provider. Nobody else was asked; the same key goes to the same provider.
    return `open at ${error.provider}`;
  }
}
// #endregion

export async function takeOut(payments: Payments): Promise<void> {
  // #region drain
  await payments.drain("north"); // no new calls; resolves when the last one has ended
  // ... the provider's maintenance window ...
  payments.resume("north"); // a tenth of its calls at first, all of them after 30 s
  // #endregion
}

export function shiftTraffic(payments: Payments): readonly number[] {
  // #region shares
  payments.reconfigure("south", { priority: 1 }); // both in the first priority now
  payments.reconfigure("north", { weight: 3 }); // three calls in four
  const shares = payments.snapshot().operations["charge"]?.providers.map(({ share }) => share);
  // #endregion
  return shares ?? [];
}
