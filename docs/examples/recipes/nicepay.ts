import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type NicePay = HttpIntegration<"approve" | "netCancel" | "cancel" | "find" | "findByOrder">;

// #region describe
export function nicepay(clientId: string, secretKey: string, baseUrl = "https://api.nicepay.co.kr"): NicePay {
  return httpIntegration({
    name: "nicepay",
    baseUrl,
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${secretKey}`).toString("base64")}` },
    timeout: { connect: "5s", read: "30s", total: "40s" },
    errorCode: "resultCode", // in answers of status 200 too
    successCodes: ["0000"],
    operations: {
      // No key: a request that may have arrived is never sent again, but cancelled.
      approve: {
        method: "POST",
        path: "/v1/payments/{tid}",
        refusals: ["U112", "P015"],
        uncertain: ["U503"],
      },
      netCancel: { method: "POST", path: "/v1/payments/netcancel", idempotency: "natural", breaker: "own" },
      cancel: { method: "POST", path: "/v1/payments/{tid}/cancel", breaker: "own" },
      find: { method: "GET", path: "/v1/payments/{tid}", breaker: "own" },
      findByOrder: { method: "GET", path: "/v1/payments/find/{orderId}", breaker: "own" },
    },
  });
}
// #endregion

// #region approve
/** Approves a payment that the customer has authenticated; what may have happened without an answer is cancelled. */
export async function approve(
  nice: NicePay,
  payment: { readonly tid: string; readonly orderId: string; readonly amount: number },
): Promise<"paid" | "notPaid" | "open"> {
  const { tid, orderId, amount } = payment;
  try {
    await nice.request("approve", { params: { tid }, json: { amount } });
    return "paid";
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.effect === "none") return "notPaid";
  }
  try {
    await nice.request("netCancel", { json: { orderId } }); // mandatory after a read timeout
    return "notPaid";
  } catch {
    return "open"; // ask with findByOrder, and cancel again, until one of them answers
  }
}
// #endregion
