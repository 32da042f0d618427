import { fixed } from "@outrigger/core";
import { effectOf, failureOf, httpIntegration } from "@outrigger/http";
import { axiosOptions } from "@outrigger/http/axios";
import { agentOf } from "@outrigger/http/node-http";
import axios, { isAxiosError } from "axios";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function servesAxios(): Promise<void> {
  const service = await startService(503, 200, 402, "reset");
  const shop = httpIntegration({
    name: "shop",
    baseUrl: service.url,
    refusals: [402],
    retry: { backoff: fixed("1ms") },
  });
  onTestFinished(() => shop.close());
  // #region usage
  const client = axios.create(axiosOptions(shop)); // its baseURL is the integration's

  const { data } = await client.get("/v1/orders/7");
  expect(data).toEqual({ id: "7" });

  const declined = await client.post("/v1/orders", { item: 1 }).catch((error: unknown) => error);
  expect(isAxiosError(declined) && declined.response?.status).toBe(402);
  expect(effectOf(declined)).toBe("none");

  const lost = await client.post("/v1/orders", { item: 2 }).catch((error: unknown) => error);
  expect(isAxiosError(lost) && lost.code).toBe("CONNECTION_LOST");
  expect(failureOf(lost)?.effect).toBe("unknown");
  // #endregion
  expect(service.requests).toHaveLength(4);
}

export async function servesItsHttpAdapter(): Promise<void> {
  const service = await startService(503, 200);
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region agent
  const agent = agentOf(shop);
  const client = axios.create({
    baseURL: shop.baseUrl,
    httpAgent: agent,
    httpsAgent: agent,
    maxRedirects: 0,
    proxy: false,
  });
  const { data } = await client.get("/v1/orders/7", { responseType: "stream" }); // a Node stream
  // #endregion
  let text = "";
  for await (const chunk of data) text += chunk;
  expect([text, service.requests.length]).toEqual(['{"id":"7"}', 2]);
}
