import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { another, charge, payments, stripe } from "./idempotency.ts";

/** A provider that fails every first time, and remembers which keys it was given. */
async function provider(): Promise<{ url: string; keys: unknown[] }> {
  const keys: unknown[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers["idempotency-key"]);
    request.resume();
    request.on("end", () => {
      response.writeHead(keys.length === 1 ? 503 : 200, { "content-type": "application/json" });
      response.end('{"status":"approved"}');
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys };
}

test("a charge with a key is repeated under the same key", async () => {
  const { url, keys } = await provider();
  const api = payments(url);
  onTestFinished(() => api.close());
  expect(await charge(api, { id: "7", amount: 100 })).toEqual({ status: "approved" });
  expect(keys).toEqual(["charge-7", "charge-7"]);
});

test("a key for another request is refused before anything is sent", async () => {
  const { url, keys } = await provider();
  const api = payments(url);
  onTestFinished(() => api.close());
  expect(await another(api, { id: "7", amount: 100 })).toEqual(["IDEMPOTENCY_KEY_REUSED", "none"]);
  expect(keys).toHaveLength(2);
});

test("a provider that honours keys everywhere gets one with every POST", async () => {
  const { url, keys } = await provider();
  const api = stripe(url);
  onTestFinished(() => api.close());
  const { status, attempts } = await api.exchange({ method: "POST", url: "/v1/charges", body: "amount=1" });
  expect([status, attempts]).toEqual([200, 2]);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(keys[1]).toBe(keys[0]);
});
