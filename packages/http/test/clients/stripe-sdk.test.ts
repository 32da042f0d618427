import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { effectOf, failureOf } from "../../src/plugins/effect-of.ts";
import { agentOf } from "../../src/plugins/node-http.ts";
import { stripeFetch } from "../../src/plugins/stripe.ts";
import { lane, rejection } from "./lane.ts";
import { json, silent, text } from "./provider.ts";

function stripeOf(api: HttpIntegration, options: Record<string, unknown> = {}): Stripe {
  const { hostname, port } = new URL(api.baseUrl);
  return new Stripe("sk_test_x", {
    host: hostname,
    port,
    protocol: "http",
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(stripeFetch(api)),
    ...options,
  });
}

const declined = { type: "card_error", code: "card_declined", decline_code: "lost_card", message: "no" };

describe("the Stripe SDK", () => {
  test("tells a declined card as ever, and its effect is none", async () => {
    const { provider, api } = await lane();
    provider.answer(json(402, { error: declined }));
    const error = await rejection(stripeOf(api).charges.create({ amount: 100, currency: "krw" }));
    expect(error).toMatchObject({ type: "StripeCardError", code: "card_declined", statusCode: 402 });
    expect([effectOf(error), provider.arrived.length]).toEqual(["none", 1]);
  });

  test("sends the key that the caller gives, the same with each attempt", async () => {
    const { provider, api } = await lane();
    provider.answer(json(503, { error: { message: "no" } }), json(200, { id: "ch_1" }));
    await stripeOf(api).charges.create({ amount: 100, currency: "krw" }, { idempotencyKey: "order-7" });
    expect(provider.arrived.map(({ headers }) => headers["idempotency-key"])).toEqual(["order-7", "order-7"]);
  });

  test("sends the form that it makes, with its key and version", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, { id: "cus_1" }));
    await stripeOf(api).customers.create({ name: "Kim", metadata: { a: "1" } });
    expect(provider.arrived[0]).toMatchObject({
      target: "/v1/customers",
      headers: {
        authorization: "Bearer sk_test_x",
        "content-type": "application/x-www-form-urlencoded",
        "idempotency-key": expect.stringMatching(/^stripe-node-retry-/),
      },
    });
    expect(provider.arrived[0]?.body.toString()).toBe("name=Kim&metadata[a]=1");
  });

  test("that tells it to retry does not make it retry", async () => {
    const { provider, api } = await lane();
    provider.answer(json(409, { error: { message: "no" } }, { "stripe-should-retry": "true" }));
    const error = await rejection(stripeOf(api).customers.create({ name: "Kim" }));
    expect(error).toMatchObject({ statusCode: 409 });
    // Ours: a key of which the first request is in progress. The SDK would have made nine of it.
    expect(provider.arrived).toHaveLength(3);
  });

  test("has a timeout of its own, after which it does not repeat either", async () => {
    const { provider, api } = await lane();
    provider.answer(silent);
    const error = await rejection(stripeOf(api, { timeout: 100 }).customers.create({ name: "Kim" }));
    expect(error).toMatchObject({ type: "StripeConnectionError" });
    expect(String(error)).toContain("Request aborted due to timeout being reached (100ms)");
    expect([effectOf(error), provider.arrived.length]).toEqual(["unknown", 1]);
    await expect.poll(() => provider.abandoned).toBe(1);
  });

  test("gets an answer that is no JSON as its own error", async () => {
    const { provider, api } = await lane();
    provider.answer(text(200, "<html>"));
    expect(await rejection(stripeOf(api).customers.retrieve("cus_1"))).toMatchObject({
      type: "StripeAPIError",
    });
    expect(provider.arrived).toHaveLength(1);
  });

  test("uploads a file to the host of files, by a second integration", async () => {
    const main = await lane();
    const files = await lane({ name: "files" });
    files.provider.answer(json(200, { id: "file_1" }));
    const { host } = new URL(files.api.baseUrl);
    const [hostname = "", port = ""] = host.split(":");
    const httpClient = Stripe.createFetchHttpClient(stripeFetch(main.api, files.api));
    const stripe = stripeOf(main.api, { host: hostname, port, httpClient });
    const data = Buffer.from("content");
    const made = await stripe.files.create({
      purpose: "dispute_evidence",
      file: { data, name: "a.txt", type: "text/plain" },
    });
    expect([made.id, main.provider.arrived.length]).toEqual(["file_1", 0]);
    expect(files.provider.arrived[0]?.body.includes(data)).toBe(true);
  });

  test("calls a host that no integration serves in vain, and the effect is none", async () => {
    const { provider, api } = await lane();
    const stripe = stripeOf(api, { host: "api.stripe.test", port: 443, protocol: "https" });
    const error = await rejection(stripe.customers.create({ name: "Kim" }));
    expect(failureOf(error)).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(provider.arrived).toHaveLength(0);
  });

  // Only what the agent can do: its retries have to be turned off by hand.
  test("with an agent in place of the plug-in needs maxNetworkRetries: 0", async () => {
    const { provider, api } = await lane();
    const httpClient = Stripe.createNodeHttpClient(agentOf(api));
    provider.answer(json(503, { error: { message: "no" } }));
    await rejection(stripeOf(api, { httpClient, maxNetworkRetries: 0 }).customers.retrieve("cus_1"));
    expect(provider.arrived).toHaveLength(3);
  });
});
