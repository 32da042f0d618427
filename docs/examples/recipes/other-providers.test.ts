import { HttpFailure, type HttpIntegration } from "@outrigger/http";
import { expect, onTestFinished, test } from "vitest";
import { adyen, pay } from "./adyen.ts";
import { geocode, googleMaps } from "./google-maps.ts";
import { kakaoApi, kakaoAuth, login } from "./kakao-login.ts";
import { inTurn, localProvider, type Told } from "./local-provider.ts";
import { capture, paypal } from "./paypal.ts";
import { charge, stripe } from "./stripe.ts";

function closed<Name extends string>(api: HttpIntegration<Name>): HttpIntegration<Name> {
  onTestFinished(() => api.close({ within: "0ms" }));
  return api;
}

const order = { id: "order-1", amount: 15_000, paymentMethod: "pm_card" };

test("Stripe: a lost answer is asked for again with the same key", async () => {
  const provider = await localProvider(inTurn<Told>({ lost: true }, { json: { id: "pi_1" } }));
  expect(await charge(closed(stripe("sk_test", provider.url)), order)).toEqual({ intent: "pi_1" });
  expect(provider.asked.map(({ headers }) => headers["idempotency-key"])).toEqual([
    "charge-order-1",
    "charge-order-1",
  ]);
  expect(new URLSearchParams(provider.asked[0]?.body).get("metadata[order_id]")).toBe("order-1");
});

test("Stripe: a declined card is final, and a stored 500 is not asked for twice", async () => {
  const declining = await localProvider(() => ({ status: 402, json: { error: { code: "card_declined" } } }));
  expect(await charge(closed(stripe("sk_test", declining.url)), order)).toBe("declined");
  const failing = await localProvider(() => ({ status: 500, json: { error: { type: "api_error" } } }));
  expect(await charge(closed(stripe("sk_test", failing.url)), order)).toBe("open");
  expect([declining.asked.length, failing.asked.length]).toEqual([1, 1]);
});

test("Adyen: a lost answer comes with the same key, and a refusal comes as a 200", async () => {
  const answers = inTurn<Told>(
    { lost: true },
    { json: { resultCode: "Authorised" } },
    { json: { resultCode: "Refused" } },
  );
  const provider = await localProvider(answers);
  const api = closed(adyen("key", provider.url));
  expect(await pay(api, { id: "order-1", minorUnits: 15_000, paymentMethod: {} })).toBe("authorised");
  expect(await pay(api, { id: "order-2", minorUnits: 15_000, paymentMethod: {} })).toBe("refused");
  const keys = provider.asked.map(({ headers }) => headers["idempotency-key"]);
  expect(keys).toEqual(["pay-order-1", "pay-order-1", "pay-order-2"]);
});

test("PayPal: a 500 is repeated with the same id, and what stays open is asked about", async () => {
  const recovering = await localProvider(inTurn<Told>({ status: 500 }, { json: { status: "COMPLETED" } }));
  expect(await capture(closed(paypal("token", recovering.url)), "O1")).toBe("captured");
  expect(recovering.asked.map(({ headers }) => headers["paypal-request-id"])).toEqual([
    "capture-O1",
    "capture-O1",
  ]);

  const failing = await localProvider(({ route }) =>
    route.startsWith("GET") ? { json: { status: "COMPLETED" } } : { status: 500 },
  );
  expect(await capture(closed(paypal("token", failing.url)), "O1")).toBe("captured");
  expect(failing.asked.at(-1)?.route).toBe("GET /v2/checkout/orders/O1");
});

const app = { clientId: "app", redirectUri: "https://shop.example/back" };
const tokens = { access_token: "at", refresh_token: "rt" };

test("Kakao login: a code whose exchange may have happened is never sent again; the customer is", async () => {
  const provider = await localProvider(() => ({ lost: true }));
  const [auth, api] = [closed(kakaoAuth(provider.url)), closed(kakaoApi(provider.url))];
  expect(await login(auth, api, app, "code-1")).toBe("again");
  expect(provider.asked.length).toBe(1);
});

test("Kakao login: a temporary fault is repeated, a code that was used is not", async () => {
  const exchange = inTurn<Told>({ status: 400, json: { error_code: "KOE003" } }, { json: tokens });
  const provider = await localProvider(({ route }) =>
    route === "GET /v2/user/me" ? { json: { id: 7 } } : exchange(),
  );
  const made = () => [closed(kakaoAuth(provider.url)), closed(kakaoApi(provider.url))] as const;
  expect(await login(...made(), app, "code-1")).toEqual({ userId: 7, refreshToken: "rt" });
  expect(provider.count("POST /oauth/token")).toBe(2);
  expect(provider.asked.at(-1)?.headers.authorization).toBe("Bearer at");

  const used = await localProvider(() => ({ status: 400, json: { error_code: "KOE320" } }));
  const auth = closed(kakaoAuth(used.url));
  expect(await login(auth, closed(kakaoApi(used.url)), app, "code-1")).toBe("again");
  expect(used.asked.length).toBe(1);
});

test("Google Maps: over the limit is waited for although its status is 200, and nowhere is an answer", async () => {
  const location = { lat: 37.5, lng: 127 };
  const answers = inTurn<Told>(
    { json: { status: "OVER_QUERY_LIMIT", results: [] } },
    { json: { status: "OK", results: [{ geometry: { location } }] } },
    { json: { status: "ZERO_RESULTS", results: [] } },
  );
  const provider = await localProvider(answers);
  const maps = closed(googleMaps(provider.url));
  expect(await geocode(maps, "secret-key", "Seoul")).toEqual(location);
  expect(provider.asked.length).toBe(2);
  expect(await geocode(maps, "secret-key", "Atlantis")).toBeUndefined();
});

test("Google Maps: a refused key is an error once, and stands in no failure", async () => {
  const provider = await localProvider(() => ({
    json: { status: "REQUEST_DENIED", error_message: "secret-key" },
  }));
  const maps = closed(googleMaps(provider.url));
  const failure = await geocode(maps, "secret-key", "Seoul").catch((error: unknown) => error);
  expect(HttpFailure.is(failure) && failure.providerCode).toBe("REQUEST_DENIED");
  expect(`${(failure as Error).message}${JSON.stringify(failure)}`).not.toContain("secret-key");
  expect(provider.asked[0]?.query.get("key")).toBe("secret-key");
});
