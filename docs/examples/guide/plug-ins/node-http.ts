import { get } from "node:http";
import { json } from "node:stream/consumers";
import { fixed } from "@outrigger/core";
import { effectOf, httpIntegration } from "@outrigger/http";
import { gotOptions } from "@outrigger/http/got";
import { agentOf } from "@outrigger/http/node-http";
import got from "got";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function servesNodeHttp(): Promise<void> {
  const service = await startService(503, 200);
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region agent
  const agent = agentOf(shop); // for http and https alike

  const answer = await new Promise((resolve, reject) => {
    get(`${shop.baseUrl}/v1/orders/7`, { agent }, (response) => resolve(json(response))).on("error", reject);
  });
  expect(answer).toEqual({ id: "7" });
  // #endregion
  expect(service.requests).toHaveLength(2);
}

export async function servesGot(): Promise<void> {
  const service = await startService(503, 200, "reset");
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region got
  const client = got.extend(gotOptions(shop));

  expect(await client(`${shop.baseUrl}/v1/orders/7`).json()).toEqual({ id: "7" });

  const url = `${shop.baseUrl}/v1/orders`;
  const lost = await client.post(url, { json: { item: 1 } }).catch((error: unknown) => error);
  expect(effectOf(lost)).toBe("unknown");
  // #endregion
  expect(service.requests).toHaveLength(3);
}
