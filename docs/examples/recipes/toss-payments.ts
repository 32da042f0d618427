import { exponential } from "@outrigger/core";
import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type Toss = HttpIntegration<"confirm" | "cancel" | "find" | "findByOrder">;

// #region describe
/** @param secretKey - A test key or a live one. It is sent as the user of basic authentication, without a password. */
export function tossPayments(secretKey: string, baseUrl = "https://api.tosspayments.com"): Toss {
  const idempotency = { header: "Idempotency-Key", window: "15d" } as const;
  return httpIntegration({
    name: "toss-payments",
    baseUrl,
    headers: { authorization: `Basic ${Buffer.from(`${secretKey}:`).toString("base64")}` },
    timeout: { connect: "3s", read: "30s", total: "65s" }, // room for one repetition of a call that says nothing
    retry: { maxRetries: 2, backoff: exponential("500ms") },
    errorCode: "code",
    idempotency, // of every POST
    operations: {
      confirm: {
        method: "POST",
        path: "/v1/payments/confirm",
        refusals: ["REJECT_CARD_PAYMENT", "REJECT_CARD_COMPANY", "INVALID_STOPPED_CARD"],
        // Both come with statuses that say something else: the code decides. The same key gets the true answer later.
        uncertain: ["PROVIDER_ERROR", "IDEMPOTENT_REQUEST_PROCESSING"],
        // ALREADY_PROCESSED_PAYMENT stands in no list: it is left open, not repeated, and asked about.
      },
      cancel: {
        method: "POST",
        path: "/v1/payments/{paymentKey}/cancel",
        uncertain: ["PROVIDER_ERROR", "IDEMPOTENT_REQUEST_PROCESSING"],
        breaker: "own",
      },
      find: { method: "GET", path: "/v1/payments/{paymentKey}", breaker: "own" },
      findByOrder: { method: "GET", path: "/v1/payments/orders/{orderId}", breaker: "own" },
    },
  });
}
// #endregion

// #region confirm
export interface TossOrder {
  readonly paymentKey: string;
  readonly orderId: string;
  readonly amount: number;
}

/** "open": nobody knows yet. Ask again later; never take it for a no. */
export async function confirmPayment(
  toss: Toss,
  order: TossOrder,
): Promise<"paid" | "declined" | "notSent" | "open"> {
  try {
    await toss.request("confirm", { json: order, key: `confirm-${order.orderId}` });
    return "paid";
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.effect === "none") return error.kind === "refused" ? "declined" : "notSent";
  }
  try {
    const found = await toss.request("findByOrder", { params: { orderId: order.orderId } });
    return found.json<{ status: string }>().status === "DONE" ? "paid" : "open";
  } catch {
    return "open";
  }
}
// #endregion
