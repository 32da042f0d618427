import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type HttpEvent, httpDefaults } from "@outrigger/http";
import { expect, onTestFinished, test } from "vitest";
import { countLines, crowd, orders, timings } from "./pool.ts";

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("of ten callers two are served, three give up waiting and five are turned away", async () => {
  const held: (() => void)[] = [];
  const url = await serve((_request, response) => void held.push(() => response.end("{}")));
  const api = orders(url);
  onTestFinished(() => api.close({ within: "0ms" }));
  const outcomes = crowd(api);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (api.snapshot().pool.acquireTimeouts === 3) break;
  }
  for (const answer of held) answer();
  expect(await outcomes).toEqual({ answered: 2, ACQUIRE_TIMEOUT: 3, POOL_FULL: 5 });
});

test("an export is read as it comes, and each attempt says where its time went", async () => {
  const url = await serve((_request, response) => {
    for (let line = 0; line < 50_000; line += 1) response.write(`order ${line}\n`);
    response.end();
  });
  const events: HttpEvent[] = [];
  const api = orders(url, (event) => events.push(event));
  onTestFinished(() => api.close());
  expect(await countLines(api)).toBe(50_000);
  const lines = events.map(timings).filter((line) => line !== undefined);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^waited [\d.]+, connected [\d.]+ \(TLS undefined\), .* on a new connection$/);
});

test("the page's table shows the defaults as they are", () => {
  const page = readFileSync(new URL("../../guide/pool.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| `(.*?)` \|/gm)].map(([, name, value]) => [name, value]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(
      Object.entries(httpDefaults.pool).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
  );
});
