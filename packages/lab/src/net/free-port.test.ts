import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { freePort } from "./free-port.ts";

test("the wanted port is given while nobody listens on it, and another one afterwards", async () => {
  const server = createServer().listen(await freePort(), "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const other = await freePort(port);
  expect(other).not.toBe(port);
  expect(other).toBeGreaterThan(0);
  server.close();
  await once(server, "close");
  expect(await freePort(port)).toBe(port);
});
