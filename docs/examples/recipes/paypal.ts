import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type PayPal = HttpIntegration<"capture" | "getOrder" | "refund">;

// #region describe
export function paypal(accessToken: string, baseUrl = "https://api-m.paypal.com"): PayPal {
  return httpIntegration({
    name: "paypal",
    baseUrl,
    headers: { authorization: `Bearer ${accessToken}` },
    // PayPal's own client has no timeout at all.
    timeout: { connect: "3s", read: "30s", total: "65s" },
    // How long an id is kept differs from API to API: the shortest that is sure to hold, and longer than the call.
    idempotency: { header: "PayPal-Request-Id", window: "1h" },
    operations: {
      // Two at the same time with one id: the second one might fail, so the retry waits for the first one's end.
      capture: { method: "POST", path: "/v2/checkout/orders/{id}/capture", uncertain: [500] },
      getOrder: { method: "GET", path: "/v2/checkout/orders/{id}", breaker: "own" },
      refund: { method: "POST", path: "/v2/payments/captures/{id}/refund", uncertain: [500], breaker: "own" },
    },
  });
}
// #endregion

// #region capture
export async function capture(api: PayPal, orderId: string): Promise<"captured" | "notCaptured" | "open"> {
  try {
    await api.request("capture", { params: { id: orderId }, json: {}, key: `capture-${orderId}` });
    return "captured";
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.effect === "none") return "notCaptured";
  }
  const order = await api.request("getOrder", { params: { id: orderId } }).catch(() => undefined);
  return order?.json<{ status: string }>().status === "COMPLETED" ? "captured" : "open";
}
// #endregion
