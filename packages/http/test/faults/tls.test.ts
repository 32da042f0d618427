import { once } from "node:events";
import { createServer as createPlainServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { certificate } from "../support/certificate.ts";
import { failureOf, integrate, send } from "../support/harness.ts";
import { startTls } from "../support/tls-server.ts";

test("a certificate that nobody vouches for ends the call before anything is sent, and is not retried", async () => {
  const { port, requests } = await startTls();
  const { api, events } = integrate(`https://localhost:${port}`, { retry: { maxRetries: 2 } });

  expect(await failureOf(send(api, "plain"))).toMatchObject({
    code: "TLS_FAILED",
    effect: "none",
    transient: false,
    stage: "connect",
    written: false,
    attempts: 1,
    cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
  });
  expect(requests).toEqual([]);
  expect(events.filter(({ type }) => type === "retryScheduled")).toEqual([]);
});

test("a certificate for another name ends the call before anything is sent", async () => {
  const { port, requests } = await startTls();
  const { api } = integrate(`https://127.0.0.1:${port}`, { tls: { ca: certificate } });

  expect(await failureOf(send(api, "plain"))).toMatchObject({
    code: "TLS_FAILED",
    effect: "none",
    transient: false,
    cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
  });
  expect(requests).toEqual([]);
});

test("a server that does not speak TLS ends the call before anything is sent", async () => {
  const requests: string[] = [];
  const server = createPlainServer((request, response) => {
    requests.push(`${request.method}`);
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { api } = integrate(`https://localhost:${port}`);

  expect(await failureOf(send(api, "plain"))).toMatchObject({
    code: "TLS_FAILED",
    effect: "none",
    stage: "connect",
    transient: false,
    written: false,
  });
  expect(requests).toEqual([]);
});

test("with the authority given, requests go out, and one handshake serves many", async () => {
  const { port, resumed, requests } = await startTls();
  const { api } = integrate(`https://localhost:${port}`, { tls: { ca: certificate } });

  for (let nth = 0; nth < 5; nth += 1) expect((await send(api, "plain")).status).toBe(200);

  expect(requests.map(({ headers }) => headers.host)).toEqual(Array(5).fill(`localhost:${port}`));
  expect(resumed).toEqual([false]);
});
