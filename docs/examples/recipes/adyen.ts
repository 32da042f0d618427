import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type Adyen = HttpIntegration<"pay" | "capture" | "cancel">;

// #region describe
/** @param baseUrl - Of one region, for good: a key is not known in another one. */
export function adyen(apiKey: string, baseUrl: string): Adyen {
  return httpIntegration({
    name: "adyen",
    baseUrl,
    headers: { "x-api-key": apiKey },
    timeout: { connect: "3s", read: "30s", total: "65s" },
    idempotency: { header: "idempotency-key", window: "31d" },
    operations: {
      pay: { method: "POST", path: "/v71/payments" },
      // Bounded by the amount that is left, at Adyen.
      capture: { method: "POST", path: "/v71/payments/{pspReference}/captures" },
      cancel: { method: "POST", path: "/v71/payments/{pspReference}/cancels", breaker: "own" },
    },
  });
}
// #endregion

// #region pay
export async function pay(
  api: Adyen,
  order: { readonly id: string; readonly minorUnits: number; readonly paymentMethod: object },
): Promise<"authorised" | "refused" | "notSent" | "open"> {
  try {
    const response = await api.request("pay", {
      json: {
        merchantAccount: "ShopKR",
        reference: order.id,
        amount: { value: order.minorUnits, currency: "KRW" },
        paymentMethod: order.paymentMethod,
      },
      key: `pay-${order.id}`, // at most 64 characters
    });
    // A no comes as a 200.
    const { resultCode } = response.json<{ resultCode: string }>();
    if (resultCode === "Authorised") return "authorised";
    return resultCode === "Refused" ? "refused" : "open";
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    return error.effect === "none" ? "notSent" : "open"; // the webhook tells, or the same key within 31 days
  }
}
// #endregion
