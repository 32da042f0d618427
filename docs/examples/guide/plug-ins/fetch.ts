import { fixed } from "@outrigger/core";
import { effectOf, HttpFailure, httpIntegration } from "@outrigger/http";
import { fetchOf } from "@outrigger/http/fetch";
import createClient from "openapi-fetch";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function retriesAndTellsTheEffect(): Promise<void> {
  const service = await startService(503, 503, 200, 402, "reset");
  // #region usage
  const shop = httpIntegration({
    name: "shop",
    baseUrl: service.url, // "https://api.example.com"
    idempotency: { header: "Idempotency-Key", window: "1d" }, // on every POST, if the service honours it
    refusals: [402],
    retry: { maxRetries: 2, backoff: fixed("1ms") },
  });
  const fetch = fetchOf(shop);

  const order = await fetch("/v1/orders", { method: "POST", body: '{"item":1}' });
  expect(await order.json()).toEqual({ id: "7" });
  expect(service.requests).toEqual(["POST /v1/orders", "POST /v1/orders", "POST /v1/orders"]);

  const declined = await fetch("/v1/orders", { method: "POST", body: '{"item":2}' });
  expect(declined.status).toBe(402);
  expect(declined.headers.get("outrigger-effect")).toBe("none");

  try {
    await fetch("/v1/orders", { method: "POST", body: '{"item":3}' });
  } catch (error) {
    expect(HttpFailure.is(error) && error.code).toBe("CONNECTION_LOST");
    expect(effectOf(error)).toBe("unknown"); // it may have been ordered: ask before it is ordered again
  }
  // #endregion
  expect(new Set(service.keys.slice(0, 3)).size).toBe(1);
  onTestFinished(() => shop.close());
}

export async function servesTypedClients(): Promise<void> {
  const service = await startService(503, 200);
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region openapi
  interface Paths {
    "/v1/orders/{id}": {
      get: {
        parameters: { path: { id: string } };
        responses: { 200: { content: { "application/json": { id: string } } } };
      };
    };
  }
  const client = createClient<Paths>({ baseUrl: shop.baseUrl, fetch: fetchOf(shop) });
  const { data } = await client.GET("/v1/orders/{id}", { params: { path: { id: "7" } } });
  expect(data?.id).toBe("7");
  // #endregion
  expect(service.requests).toEqual(["GET /v1/orders/7", "GET /v1/orders/7"]);
}
