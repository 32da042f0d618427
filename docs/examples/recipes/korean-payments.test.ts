import type { HttpIntegration } from "@outrigger/http";
import { expect, onTestFinished, test } from "vitest";
import { approve as approveKakao, kakaopay } from "./kakaopay.ts";
import { inTurn, type LocalProvider, localProvider, type Told } from "./local-provider.ts";
import { approve as approveNice, nicepay } from "./nicepay.ts";
import { pay as payPortOne, portone } from "./portone.ts";
import { confirmPayment, tossPayments } from "./toss-payments.ts";

function closed<Name extends string>(api: HttpIntegration<Name>): HttpIntegration<Name> {
  onTestFinished(() => api.close({ within: "0ms" }));
  return api;
}

const order = { paymentKey: "pk-1", orderId: "order-1", amount: 15_000 };

/** Toss as it is documented: a key is answered once and for all, a payment is done once. */
async function toss(first: () => Told): Promise<LocalProvider> {
  const done = new Set<string>();
  return await localProvider(({ route, headers }) => {
    if (route === "GET /v1/payments/orders/order-1") {
      return done.size > 0
        ? { json: { status: "DONE" } }
        : { status: 404, json: { code: "NOT_FOUND_PAYMENT" } };
    }
    expect(headers.authorization).toBe(`Basic ${Buffer.from("test_sk:").toString("base64")}`);
    const key = String(headers["idempotency-key"]);
    if (done.has(key)) return { json: { status: "DONE" } };
    const told = first();
    if (told.lost === true || told.status === undefined) done.add(key);
    return told;
  });
}

test("Toss: an answer that was lost comes with the same key, and nothing is paid twice", async () => {
  const provider = await toss(inTurn<Told>({ lost: true }, {}));
  const api = closed(tossPayments("test_sk", provider.url));
  expect(await confirmPayment(api, order)).toBe("paid");
  const keys = provider.asked.map(({ headers }) => headers["idempotency-key"]);
  expect(keys).toEqual(["confirm-order-1", "confirm-order-1"]);
});

test("Toss: PROVIDER_ERROR is a passing fault although its status is 400; a refused card is final", async () => {
  const provider = await toss(inTurn<Told>({ status: 400, json: { code: "PROVIDER_ERROR" } }, {}));
  expect(await confirmPayment(closed(tossPayments("test_sk", provider.url)), order)).toBe("paid");
  expect(provider.count("POST /v1/payments/confirm")).toBe(2);

  const declining = await toss(() => ({ status: 403, json: { code: "REJECT_CARD_COMPANY" } }));
  expect(await confirmPayment(closed(tossPayments("test_sk", declining.url)), order)).toBe("declined");
  expect(declining.asked.length).toBe(1);
});

test("Toss: what is in no list is neither repeated nor taken for a no, but asked about", async () => {
  const provider = await toss(() => ({ status: 400, json: { code: "ALREADY_PROCESSED_PAYMENT" } }));
  expect(await confirmPayment(closed(tossPayments("test_sk", provider.url)), order)).toBe("open");
  expect(provider.asked.map(({ route }) => route)).toEqual([
    "POST /v1/payments/confirm",
    "GET /v1/payments/orders/order-1",
  ]);
});

test("Toss: one key for two orders is refused here, because Toss would answer with the first order", async () => {
  const provider = await toss(() => ({}));
  const api = closed(tossPayments("test_sk", provider.url));
  await api.request("confirm", { json: order, key: "k" });
  await expect(
    api.request("confirm", { json: { ...order, orderId: "order-2" }, key: "k" }),
  ).rejects.toMatchObject({
    code: "IDEMPOTENCY_KEY_REUSED",
    effect: "none",
  });
  expect(provider.asked.length).toBe(1);
});

test("PortOne: while the first request runs, the same key is sent again until it has its answer", async () => {
  const answers = inTurn<Told>(
    { status: 409, json: { type: "IDEMPOTENCY_OUTSTANDING_REQUEST" } },
    { json: { payment: { paidAt: "2026-11-22T00:00:00Z" } } },
  );
  const provider = await localProvider(answers);
  const api = closed(portone("secret", provider.url));
  const payment = { id: "payment-1", billingKey: "bk", orderName: "shoes", total: 15_000 };
  expect(await payPortOne(api, payment)).toBe("paid");
  expect(provider.asked.map(({ headers }) => headers["idempotency-key"])).toEqual(
    Array(2).fill("pay-with-key-payment-1"),
  );
  expect(provider.asked[0]?.headers["idempotency-key"]).toMatch(/^[A-Za-z0-9_-]{16,256}$/);
});

test("PortOne: when the key brings no answer, the payment itself says whether it is paid", async () => {
  const provider = await localProvider(({ route }) =>
    route.startsWith("GET") ? { json: { status: "PAID" } } : { lost: true },
  );
  const payment = { id: "payment-1", billingKey: "bk", orderName: "shoes", total: 15_000 };
  expect(await payPortOne(closed(portone("secret", provider.url)), payment)).toBe("paid");
  expect(provider.asked.at(-1)?.route).toBe("GET /payments/payment-1");
});

const payment = { tid: "tid-1", orderId: "order-1", amount: 15_000 };

test("NICE: an approval whose answer is lost is not sent again but cancelled", async () => {
  const provider = await localProvider(({ route }) =>
    route === "POST /v1/payments/tid-1" ? { lost: true } : { json: { resultCode: "0000" } },
  );
  expect(await approveNice(closed(nicepay("id", "secret", provider.url)), payment)).toBe("notPaid");
  expect(provider.asked.map(({ route }) => route)).toEqual([
    "POST /v1/payments/tid-1",
    "POST /v1/payments/netcancel",
  ]);
  expect(JSON.parse(provider.asked[1]?.body ?? "")).toEqual({ orderId: "order-1" });
});

test("NICE: a no that comes with status 200 is a no, and one that is in no list is cancelled to be sure", async () => {
  const used = await localProvider(() => ({ json: { resultCode: "U112", resultMsg: "" } }));
  expect(await approveNice(closed(nicepay("id", "secret", used.url)), payment)).toBe("notPaid");
  expect(used.asked.length).toBe(1);

  const other = await localProvider(({ route }) => ({
    json: { resultCode: route.endsWith("netcancel") ? "0000" : "U508" },
  }));
  expect(await approveNice(closed(nicepay("id", "secret", other.url)), payment)).toBe("notPaid");
  expect(other.count("POST /v1/payments/netcancel")).toBe(1);
});

test("NICE: a cancel that fails as well leaves the payment open", async () => {
  const provider = await localProvider(() => ({ status: 500 }));
  expect(await approveNice(closed(nicepay("id", "secret", provider.url)), payment)).toBe("open");
});

const approval = { cid: "TC0ONETIME", tid: "T1", partner_order_id: "o", partner_user_id: "u", pg_token: "t" };

test("KakaoPay: an approval whose answer is lost is asked about, and never sent again", async () => {
  const orders = inTurn<Told>({ status: 503 }, { json: { status: "SUCCESS_PAYMENT" } });
  const provider = await localProvider(({ route }) => (route.endsWith("/order") ? orders() : { lost: true }));
  expect(await approveKakao(closed(kakaopay("secret", provider.url)), approval)).toBe("paid");
  expect(provider.asked.map(({ route }) => route)).toEqual([
    "POST /online/v1/payment/approve",
    "POST /online/v1/payment/order",
    "POST /online/v1/payment/order",
  ]);
  expect(provider.asked[0]?.headers.authorization).toBe("SECRET_KEY secret");
});

test("KakaoPay: any other state is open", async () => {
  const provider = await localProvider(({ route }) =>
    route.endsWith("/order") ? { json: { status: "AUTH_PASSWORD" } } : { lost: true },
  );
  expect(await approveKakao(closed(kakaopay("secret", provider.url)), approval)).toBe("open");
});
