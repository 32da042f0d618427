import { exponential } from "@outrigger/core";
import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type Stripe = HttpIntegration<"createIntent" | "getIntent" | "refund">;

// #region describe
export function stripe(secretKey: string, baseUrl = "https://api.stripe.com"): Stripe {
  return httpIntegration({
    name: "stripe",
    baseUrl,
    headers: { authorization: `Bearer ${secretKey}` },
    timeout: { connect: "3s", read: "30s", total: "65s" },
    retry: { maxRetries: 2, backoff: exponential("500ms") },
    idempotency: { header: "Idempotency-Key", window: "1d" },
    errorCode: "error.code",
    refusals: [402], // a declined card: final for this key
    // 500 stands in no list: Stripe (v1) answers the same key with the same 500, so repeating it is pointless.
    operations: {
      createIntent: { method: "POST", path: "/v1/payment_intents" },
      getIntent: { method: "GET", path: "/v1/payment_intents/{id}", breaker: "own" },
      refund: { method: "POST", path: "/v1/refunds", breaker: "own" },
    },
  });
}
// #endregion

// #region charge
export async function charge(
  api: Stripe,
  order: { readonly id: string; readonly amount: number; readonly paymentMethod: string },
): Promise<{ readonly intent: string } | "declined" | "notSent" | "open"> {
  try {
    const response = await api.request("createIntent", {
      form: {
        amount: String(order.amount),
        currency: "krw",
        payment_method: order.paymentMethod,
        confirm: "true",
        "metadata[order_id]": order.id, // so that an open payment can be found by the order
      },
      key: `charge-${order.id}`,
    });
    return { intent: response.json<{ id: string }>().id };
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.effect !== "none") return "open"; // the same call with the same key gets the answer, for a day
    return error.kind === "refused" ? "declined" : "notSent";
  }
}
// #endregion
