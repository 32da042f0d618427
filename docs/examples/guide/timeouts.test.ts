import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "@outrigger/core";
import { expect, onTestFinished, test } from "vitest";
import { maps, silent, within } from "./timeouts.ts";

async function silentServer(): Promise<{ url: string; heard: IncomingHttpHeaders[] }> {
  const heard: IncomingHttpHeaders[] = [];
  const server = createServer((request) => void heard.push(request.headers));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

test("a service that is silent ends a call by its read timeout, and hears how long somebody waits", async () => {
  const { url, heard } = await silentServer();
  const api = maps(url);
  onTestFinished(() => api.close({ within: "0ms" }));

  expect(await silent(api)).toEqual({ code: "READ_TIMEOUT", stage: "headers", effect: "unknown" });
  expect(heard).toHaveLength(1);
  expect(Number(heard[0]?.["x-timeout-ms"])).toBeLessThanOrEqual(2_000);
});

test("a nearer deadline ends the call before its timeouts do", async () => {
  const { url } = await silentServer();
  const api = maps(url);
  onTestFinished(() => api.close({ within: "0ms" }));

  expect(await within(api, systemClock.now() + 50)).toBe("DEADLINE_EXCEEDED");
});
