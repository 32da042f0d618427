import { fixed } from "@outrigger/core";
import { effectOf, httpIntegration } from "@outrigger/http";
import { stripeFetch } from "@outrigger/http/stripe";
import Stripe from "stripe";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function servesStripe(): Promise<void> {
  const service = await startService(503, 200, 402, "reset");
  const { hostname: host, port } = new URL(service.url);
  const sandbox = { host, port, protocol: "http" } as const;
  // #region usage
  const payments = httpIntegration({
    name: "stripe",
    baseUrl: service.url, // "https://api.stripe.com"
    timeout: { read: "30s", total: "80s" },
    idempotency: { header: "Idempotency-Key", window: "1d" }, // Stripe forgets keys after a day at the earliest
    refusals: [402],
    retry: { maxRetries: 2, backoff: fixed("1ms") },
  });
  const stripe = new Stripe("sk_test_example", {
    httpClient: Stripe.createFetchHttpClient(stripeFetch(payments)),
    ...sandbox, // for this example only
  });

  const charge = await stripe.charges.create({ amount: 1_000, currency: "krw" });
  expect(charge.id).toBe("7");
  expect(new Set(service.keys).size).toBe(1); // the SDK's key, with both attempts

  const declined = await stripe.charges.create({ amount: 2_000, currency: "krw" }).catch((error) => error);
  expect([declined.statusCode, effectOf(declined)]).toEqual([402, "none"]);

  const lost = await stripe.charges.create({ amount: 3_000, currency: "krw" }).catch((error) => error);
  expect([lost.type, effectOf(lost)]).toEqual(["StripeConnectionError", "unknown"]);
  // #endregion
  onTestFinished(() => payments.close());
}
