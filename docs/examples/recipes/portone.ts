import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type PortOne = HttpIntegration<"payWithBillingKey" | "cancel" | "find">;

// #region describe
export function portone(apiSecret: string, baseUrl = "https://api.portone.io"): PortOne {
  return httpIntegration({
    name: "portone",
    baseUrl,
    headers: { authorization: `PortOne ${apiSecret}` },
    // At least 60 s to read, by PortOne; cutting the connection does not cancel what it has begun.
    timeout: { connect: "3s", read: "60s", total: "125s" },
    retry: { maxRetries: 1 },
    errorCode: "type",
    idempotency: { header: "Idempotency-Key", window: "3h" },
    uncertain: ["IDEMPOTENCY_OUTSTANDING_REQUEST"], // the first one still runs: the same key gets its answer later
    operations: {
      payWithBillingKey: { method: "POST", path: "/payments/{paymentId}/billing-key" },
      cancel: { method: "POST", path: "/payments/{paymentId}/cancel", breaker: "own" },
      find: {
        method: "GET",
        path: "/payments/{paymentId}",
        timeout: { read: "10s", total: "30s" },
        breaker: "own",
      },
    },
  });
}
// #endregion

// #region pay
export async function pay(
  api: PortOne,
  payment: {
    readonly id: string;
    readonly billingKey: string;
    readonly orderName: string;
    readonly total: number;
  },
): Promise<"paid" | "notPaid" | "open"> {
  const { id, billingKey, orderName, total } = payment;
  try {
    await api.request("payWithBillingKey", {
      params: { paymentId: id },
      json: { billingKey, orderName, amount: { total }, currency: "KRW" },
      key: `pay-with-key-${id}`, // 16 to 256 letters, digits, "-" and "_"
    });
    return "paid";
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.effect === "none") return "notPaid";
  }
  const found = await api.request("find", { params: { paymentId: id } }).catch(() => undefined);
  return found?.json<{ status: string }>().status === "PAID" ? "paid" : "open";
}
// #endregion
