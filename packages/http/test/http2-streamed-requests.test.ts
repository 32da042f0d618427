import { once } from "node:events";
import { createSecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { certificate, privateKey } from "./support/certificate.ts";
import { failureOf, integrate } from "./support/harness.ts";

/** A service that acts on the head of a request, and whose connection breaks before anything of a body has come. */
async function actsOnHeads(): Promise<{ url: string; applied: string[] }> {
  const applied: string[] = [];
  const sessions: ServerHttp2Session[] = [];
  const server = createSecureServer({ cert: certificate, key: privateKey });
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    applied.push(String(headers[":path"]));
    stream.on("error", () => {});
    stream.session?.socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, applied };
}

test("over HTTP/2 the head leaves before a streamed body does: the change may have been made, and is not sent again", async () => {
  const { url, applied } = await actsOnHeads();
  const { api } = integrate(url, { tls: { ca: certificate }, pool: { http2: true } });
  const body = (async function* () {
    await new Promise((resolve) => setTimeout(resolve, 2_000).unref());
    yield "late";
  })();

  const failure = await failureOf(api.request("plain", { body, headers: { "content-type": "text/plain" } }));

  expect(applied).toEqual(["/plain"]);
  expect(failure).toMatchObject({ effect: "unknown", written: true });
});
