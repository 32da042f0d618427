import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type KakaoPay = HttpIntegration<"ready" | "approve" | "order" | "cancel">;

// #region describe
export function kakaopay(secretKey: string, baseUrl = "https://open-api.kakaopay.com"): KakaoPay {
  return httpIntegration({
    name: "kakaopay",
    baseUrl,
    headers: { authorization: `SECRET_KEY ${secretKey}` },
    timeout: { connect: "3s", read: "30s", total: "40s" },
    operations: {
      // No key is known of: a POST that may have arrived is not sent again.
      ready: { method: "POST", path: "/online/v1/payment/ready" },
      approve: { method: "POST", path: "/online/v1/payment/approve" },
      cancel: { method: "POST", path: "/online/v1/payment/cancel", breaker: "own" },
      // A question that is asked by POST: it may be repeated.
      order: { method: "POST", path: "/online/v1/payment/order", idempotency: "natural", breaker: "own" },
    },
  });
}
// #endregion

// #region approve
export interface Approval {
  readonly cid: string;
  readonly tid: string;
  readonly partner_order_id: string;
  readonly partner_user_id: string;
  readonly pg_token: string;
}

/** The last step, after the customer came back with `pg_token`. Where the answer is lost, KakaoPay is asked. */
export async function approve(kakao: KakaoPay, approval: Approval): Promise<"paid" | "notPaid" | "open"> {
  try {
    await kakao.request("approve", { json: approval });
    return "paid";
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.effect === "none") return "notPaid";
  }
  const { cid, tid } = approval;
  const found = await kakao.request("order", { json: { cid, tid } }).catch(() => undefined);
  // Anything else may still change: ask again later.
  return found?.json<{ status: string }>().status === "SUCCESS_PAYMENT" ? "paid" : "open";
}
// #endregion
