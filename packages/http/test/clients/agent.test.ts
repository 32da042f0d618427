import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
} from "node:http";
import { request as secureRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { effectHeader, effectOf } from "../../src/plugins/effect-of.ts";
import { agentOf } from "../../src/plugins/node-http.ts";
import { lane, rejection } from "./lane.ts";
import { json, silent, text } from "./provider.ts";

function call(api: HttpIntegration, path: string, options: RequestOptions = {}): ClientRequest {
  return request(`${api.baseUrl}${path}`, { agent: agentOf(api), ...options });
}

async function answered(made: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(made, "response")) as [IncomingMessage];
  return response;
}

test("a request of node:http goes through the integration, and its answer comes back", async () => {
  const { provider, api } = await lane();
  provider.answer(json(503, {}), (response) => {
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.end("content");
  });
  const made = call(api, "/x?y=1", { method: "POST", headers: { "x-a": ["1", "2"] } });
  made.end("body");
  const response = await answered(made);
  expect([response.statusCode, response.headers["set-cookie"], await textOf(response)]).toEqual([
    200,
    ["a=1", "b=2"],
    "content",
  ]);
  expect(provider.arrived.map(({ method, target, body }) => [method, target, body.toString()])).toEqual([
    ["POST", "/x?y=1", "body"],
    ["POST", "/x?y=1", "body"],
  ]);
  expect(provider.arrived[0]?.headers).toMatchObject({ "x-a": "1, 2", host: new URL(api.baseUrl).host });
});

test("an error status has the effect in its headers", async () => {
  const { provider, api } = await lane();
  provider.answer(json(500, {}));
  const made = call(api, "/x", { method: "POST" });
  made.end();
  expect((await answered(made)).headers[effectHeader]).toBe("unknown");
});

test("an https request finds the same agent, and its integration by scheme, host and port", async () => {
  const { provider, api } = await lane();
  const secure = secureRequest(`${api.baseUrl.replace("http:", "https:")}/x`, { agent: agentOf(api) });
  secure.end();
  const error = await rejection(answered(secure));
  // This integration is for http, so the scheme is not its own; TLS was not begun.
  expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
  expect(String(error)).toContain("another origin");
  expect(provider.connections).toBe(0);
});

test.each(["http://other.test/x", "http://127.0.0.1:1/x", "http://[::1]:1/x"])(
  "%s is refused, and nothing is sent",
  async (url) => {
    const { provider, api } = await lane();
    const made = request(url, { agent: agentOf(api) });
    made.end();
    expect(await rejection(answered(made))).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(provider.connections).toBe(0);
  },
);

test.each([
  ["http://other.test/x", "http://other.test"],
  ["http://other.test:8080/x", "http://other.test:8080"],
  ["https://other.test/x", "https://other.test"],
  ["https://other.test:8443/x", "https://other.test:8443"],
  ["http://[::1]:81/x", "http://[::1]:81"],
])("the origin of %s is %s", async (url, origin) => {
  const one = await lane({ name: "one" });
  const two = await lane({ name: "two" });
  const make = url.startsWith("https:") ? secureRequest : request;
  const made = make(url, { agent: agentOf(one.api, two.api) });
  made.end();
  expect(String(await rejection(answered(made)))).toContain(`${origin} belongs to none of the integrations`);
});

test.each(["evil.test", "127.0.0.1"])("a Host header of %s is refused", async (host) => {
  const { provider, api } = await lane();
  const made = call(api, "/x", { headers: { host } });
  made.end();
  expect(await rejection(answered(made))).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
  expect(provider.connections).toBe(0);
});

test("answers without a body end at once", async () => {
  const { provider, api } = await lane();
  provider.answer((response, { method }) => {
    response.writeHead(method === "HEAD" ? 200 : 204, method === "HEAD" ? { "content-length": "5" } : {});
    response.end();
  });
  for (const method of ["HEAD", "DELETE"]) {
    const made = call(api, "/x", { method });
    made.end();
    expect(await textOf(await answered(made))).toBe("");
  }
  expect(api.snapshot().pool.inUse).toBe(0);
});

test("an upgrade is refused", async () => {
  const { provider, api } = await lane();
  const made = call(api, "/x", { headers: { connection: "Upgrade", upgrade: "websocket" } });
  made.end();
  expect(await rejection(answered(made))).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
  expect(provider.connections).toBe(0);
});

test("the timeout of a request is told to it, and what it does then ends the call", async () => {
  const { provider, api } = await lane();
  provider.answer(silent);
  const made = call(api, "/x", { timeout: 50 });
  made.on("timeout", () => made.destroy(new Error("my timeout")));
  made.end();
  const error = await rejection(answered(made));
  expect([String(error), effectOf(error)]).toEqual(["Error: my timeout", "unknown"]);
  await expect.poll(() => provider.abandoned).toBe(1);
});

test("a timeout that is set later is told as well, and none when it was taken back", async () => {
  const { provider, api } = await lane();
  provider.answer((response) => void setTimeout(() => response.end("late"), 150));
  const told: number[] = [];
  const patient = call(api, "/x");
  patient.setTimeout(20, () => told.push(20));
  patient.setTimeout(0);
  patient.end();
  expect(await textOf(await answered(patient))).toBe("late");
  expect(told).toEqual([]);
  const hasty = call(api, "/x");
  hasty.setTimeout(20, () => told.push(20));
  hasty.end();
  expect(await textOf(await answered(hasty))).toBe("late");
  expect(told).toEqual([20]);
});

test("Expect: 100-continue is answered, and the body goes out", async () => {
  const { provider, api } = await lane();
  provider.answer(text(200, "ok"));
  const made = call(api, "/x", { method: "PUT", headers: { expect: "100-continue" } });
  made.flushHeaders();
  await once(made, "continue");
  made.end("body");
  expect((await answered(made)).statusCode).toBe(200);
  expect(provider.arrived[0]?.body.toString()).toBe("body");
});

test("an upload whose length the client knows is sent with it, and chunked otherwise", async () => {
  const { provider, api } = await lane();
  provider.answer(text(200, "ok"));
  for (const headers of [{ "content-length": "4" }, {}]) {
    const made = call(api, "/x", { method: "PUT", headers });
    made.write("bo");
    made.end("dy");
    await textOf(await answered(made));
  }
  expect(provider.arrived.map(({ body, headers }) => [body.toString(), headers["content-length"]])).toEqual([
    ["body", "4"],
    ["body", undefined],
  ]);
});

test("an answer that nobody listens for is thrown away, and its connection comes back", async () => {
  const { provider, api } = await lane({ pool: { connections: 1 } });
  provider.answer((response) => {
    response.writeHead(200);
    response.end("x".repeat(500_000));
  });
  for (let nth = 0; nth < 3; nth += 1) {
    const made = call(api, "/x");
    made.end();
    await once(made, "close");
  }
  expect([provider.arrived.length, api.snapshot().pool.inUse]).toEqual([3, 0]);
});

test("an early answer reaches a client that is still sending", async () => {
  const { provider, api } = await lane({
    breaker: { consecutiveFailures: 1, minimumCalls: 1 },
    retry: false,
  });
  provider.answer(json(500, {}));
  await api.request("ping").catch(() => {});
  const made = call(api, "/x", { method: "PUT" });
  made.write(Buffer.alloc(1_000_000));
  expect(await rejection(answered(made))).toMatchObject({ code: "BREAKER_OPEN", effect: "none" });
  expect(provider.arrived).toHaveLength(1);
});

test("an answer that comes before the upload has ended reaches the client", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(413, { "content-type": "text/plain" });
    response.end("too large");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { api } = await lane({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const made = call(api, "/x", { method: "PUT" });
  made.on("error", () => {});
  made.write(Buffer.alloc(1_000_000));
  const response = await answered(made);
  expect([response.statusCode, await textOf(response)]).toEqual([413, "too large"]);
});

test("a large answer waits for a reader that is slow", async () => {
  const { provider, api } = await lane();
  const total = 16 * 1024 * 1024;
  provider.answer((response) => {
    response.writeHead(200);
    response.end(Buffer.alloc(total));
  });
  const made = call(api, "/x");
  made.end();
  const response = await answered(made);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(api.snapshot().pool.inUse).toBe(1);
  let read = 0;
  for await (const chunk of response) read += chunk.length;
  expect(read).toBe(total);
});

test("many requests run side by side, over as many connections as the integration allows", async () => {
  const { provider, api } = await lane({ pool: { connections: 3 } });
  provider.answer(text(200, "ok"));
  const agent = agentOf(api);
  const texts = Array.from({ length: 50 }, async (_, nth) => {
    const made = request(`${api.baseUrl}/${nth}`, { agent });
    made.end();
    return await textOf(await answered(made));
  });
  expect(new Set(await Promise.all(texts))).toEqual(new Set(["ok"]));
  expect([provider.arrived.length, provider.connections <= 3]).toEqual([50, true]);
});

test("destroying the agent closes nothing of the integration's", async () => {
  const { provider, api } = await lane();
  provider.answer(text(200, "ok"));
  const agent = agentOf(api);
  agent.destroy();
  const made = request(`${api.baseUrl}/x`, { agent });
  made.end();
  expect(await textOf(await answered(made))).toBe("ok");
});
