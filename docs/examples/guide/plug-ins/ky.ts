import { fixed } from "@outrigger/core";
import { effectOf, httpIntegration } from "@outrigger/http";
import { kyOptions } from "@outrigger/http/ky";
import ky, { isHTTPError } from "ky";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function servesKy(): Promise<void> {
  const service = await startService(503, 200, 500);
  const shop = httpIntegration({ name: "shop", baseUrl: service.url, retry: { backoff: fixed("1ms") } });
  onTestFinished(() => shop.close());
  // #region usage
  const client = ky.create(kyOptions(shop)); // its prefix is the integration's base URL

  expect(await client("v1/orders/7").json()).toEqual({ id: "7" });

  const failed = await client.post("v1/orders", { json: {}, retry: 5 }).catch((error: unknown) => error);
  expect(isHTTPError(failed) && failed.response.status).toBe(500);
  expect(effectOf(failed)).toBe("unknown");
  expect(service.requests).toHaveLength(3); // two reads and one write: ky repeated nothing
  // #endregion
}
