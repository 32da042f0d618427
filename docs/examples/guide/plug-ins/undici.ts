import { fixed } from "@outrigger/core";
import { effectOf, httpIntegration } from "@outrigger/http";
import { dispatcherOf, installGlobal } from "@outrigger/http/dispatcher";
import { request } from "undici";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function servesUndici(): Promise<void> {
  const service = await startService(503, 200);
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region dispatcher
  const dispatcher = dispatcherOf(shop);

  const { body } = await request(`${shop.baseUrl}/v1/orders/7`, { dispatcher });
  expect(await body.json()).toEqual({ id: "7" });
  // #endregion
  expect(service.requests).toHaveLength(2);
}

export async function servesCodeThatKnowsNothingOfIt(): Promise<void> {
  const service = await startService(503, 200, "reset");
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region global
  const uninstall = installGlobal(shop);

  const order = await fetch(`${shop.baseUrl}/v1/orders/7`); // Node's own fetch
  expect(await order.json()).toEqual({ id: "7" });

  try {
    await fetch(`${shop.baseUrl}/v1/orders`, { method: "POST", body: "{}" });
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError); // as fetch has it; the failure is its cause
    expect(effectOf(error)).toBe("unknown");
  }
  uninstall();
  // #endregion
  expect(service.requests).toHaveLength(3);
}
