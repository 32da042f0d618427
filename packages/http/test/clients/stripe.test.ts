import Stripe from "stripe";
import type { HttpIntegration } from "../../src/index.ts";
import { stripeFetch } from "../../src/plugins/stripe.ts";
import { json } from "./provider.ts";
import { clientSuite, type TestedClient } from "./suite.ts";

const customer = { id: "cus_7", object: "customer" };

function tested(api: HttpIntegration, maxNetworkRetries: number): TestedClient {
  const { hostname, port } = new URL(api.baseUrl);
  const stripe = new Stripe("sk_test_x", {
    host: hostname,
    port,
    protocol: "http",
    maxNetworkRetries,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(stripeFetch(api)),
  });
  return {
    read: async () => plain(await stripe.customers.retrieve("cus_7")),
    write: async () => plain(await stripe.customers.create({ name: "a" })),
  };
}

/** Without what the SDK adds. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

clientSuite("Stripe", {
  // The SDK's default is two retries; the plug-in has to hold against it.
  make: (api) => tested(api, 2),
  makeRetrying: (api) => tested(api, 5),
  ok: { answer: json(200, customer), value: customer },
  failing: (status) => json(status, { error: { type: "api_error", message: "no" } }),
  statusOf: (error) => (error instanceof Stripe.errors.StripeError ? error.statusCode : undefined),
  isOwnError: (error) => error instanceof Stripe.errors.StripeConnectionError,
  keyed: true,
});
