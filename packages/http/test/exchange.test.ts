import { exponential } from "@outrigger/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { type HttpIntegration, httpIntegration, type OperationOptions } from "../src/index.ts";
import { failureOf, integrate, lane, operations } from "./support/harness.ts";
import { WireServer } from "./support/wire-server.ts";

const again = { retry: { maxRetries: 1, backoff: exponential("1ms") } } as const;

describe("an exchange", () => {
  test("resolves with the answer of any status, and says beside it what it means", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200, '{"a":1}', { "x-a": "1" }));

    const { bytes, ...answer } = await api.exchange({ method: "get", url: "/other?b=2" });
    expect(Buffer.from(bytes).toString()).toBe('{"a":1}');
    expect(answer).toMatchObject({
      status: 200,
      headers: { "x-a": "1" },
      operation: "GET",
      attempts: 1,
      effect: "done",
      failure: undefined,
    });

    for (const status of [301, 404, 503]) {
      server.behave((_request, peer) => peer.reply(status, "no"));
      const refused = await api.exchange({ method: "POST", url: `${server.url}/other`, body: "x" });
      expect(Buffer.from(refused.bytes).toString()).toBe("no");
      expect(refused).toMatchObject({ status, operation: "POST", effect: "unknown" });
      expect(refused.failure).toMatchObject({ code: `HTTP_${status}`, operation: "POST", status });
    }
  });

  test("is repeated as the operation it fits allows, and its answer is the last", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(server.received.length), again);
    server.behave((request, peer) => peer.reply(request.headers["x-n"] === "2" ? 200 : 503, request.body));
    const posts: [string, string][] = [
      ["/keyed", "keyed"],
      ["/plain", "plain"],
      ["/unknown", "POST"],
    ];
    for (const [url, operation] of posts) {
      const answer = await api.exchange({ method: "POST", url, body: "x" });
      expect(answer).toMatchObject({ status: 503, operation, attempts: operation === "keyed" ? 2 : 1 });
    }
    const keys = server.received.map(({ target, headers }) => [target, headers["idempotency-key"]]);
    expect(keys.map(([target]) => target)).toEqual(["/keyed", "/keyed", "/plain", "/unknown"]);
    expect(keys[0]?.[1]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toEqual(keys[0]);
  });

  test("rejects when no answer came, with what the failure says of the effect", async () => {
    const { api } = await lane((_request, peer) => peer.rst());
    expect(await failureOf(api.exchange({ method: "POST", url: "/plain" }))).toMatchObject({
      code: "CONNECTION_LOST",
      effect: "unknown",
      operation: "plain",
    });
    expect(await failureOf(api.exchange({ method: "POST", url: "https://evil.example/" }))).toMatchObject({
      code: "REQUEST_INVALID",
      effect: "none",
    });
  });

  test("whose answer broke off has no answer, although its head came", async () => {
    const { api } = await lane((_request, peer) => {
      peer.raw("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\nhalf");
      peer.fin();
    });
    expect(await failureOf(api.exchange({ method: "GET", url: "/read" }))).toMatchObject({
      code: "CONNECTION_LOST",
      status: 503,
    });
  });

  test("runs under the timeouts, the circuit and the refusals of the operation it fits", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(402));
    expect((await api.exchange({ method: "POST", url: "/plain" })).effect).toBe("none");
    expect((await api.exchange({ method: "POST", url: "/plain/x" })).effect).toBe("unknown");

    server.behave(() => {});
    const { api: hasty } = integrate(server.url, {
      operations: { ...operations, read: { ...operations.read, timeout: { read: "20ms" } } } as never,
    });
    expect(await failureOf(hasty.exchange({ method: "GET", url: "/read?x=1" }))).toMatchObject({
      code: "READ_TIMEOUT",
      operation: "read",
    });
  });

  test("of a path that several operations fit is the one that is spelled out furthest", async () => {
    const { api } = await routed({
      any: { method: "GET", path: "/v1/{a}/{b}" },
      orders: { method: "GET", path: "/v1/orders/{id}" },
      me: { method: "GET", path: "/v1/orders/me" },
      cancel: { method: "POST", path: "/v1/orders/me" },
    });
    const operationOf = async (method: string, url: string): Promise<string> =>
      (await api.exchange({ method, url })).operation;
    expect(await operationOf("GET", "/v1/orders/me")).toBe("me");
    expect(await operationOf("GET", "/v1/orders/7")).toBe("orders");
    expect(await operationOf("GET", "/v1/users/7")).toBe("any");
    expect(await operationOf("POST", "/v1/orders/me")).toBe("cancel");
    expect(await operationOf("DELETE", "/v1/orders/me")).toBe("DELETE");
  });

  test("may name its operation, which it then has to fit", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200));
    const url = "/keyed";
    expect((await api.exchange({ method: "POST", url, operation: "keyed" })).operation).toBe("keyed");
    for (const wrong of [
      { method: "GET", url, operation: "keyed" },
      { method: "POST", url: "/plain", operation: "keyed" },
      { method: "POST", url, operation: "POST" },
    ]) {
      const failure = await failureOf(api.exchange(wrong));
      expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    }
    expect(server.received).toHaveLength(1);
  });
});

describe("the key of an exchange", () => {
  test("is the one in its headers, as it is written there, if the operation honours one", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(503), again);
    await api.exchange({ method: "POST", url: "/keyed", headers: { "Idempotency-Key": '"mine"' } });
    await api.exchange({ method: "POST", url: "/keyed", key: "given", headers: { "idempotency-key": "no" } });
    await api.exchange({ method: "POST", url: "/plain", headers: { "Idempotency-Key": "mine" } });
    expect(server.received.map(({ target, headers }) => [target, headers["idempotency-key"]])).toEqual([
      ["/keyed", '"mine"'],
      ["/keyed", '"mine"'],
      ["/keyed", "given"],
      ["/keyed", "given"],
      // Nobody has said that it honours one, so it is a header like any other and nothing is repeated for it.
      ["/plain", "mine"],
    ]);
  });

  test("is made for every POST and PATCH of a service that honours one everywhere", async () => {
    const { server } = await lane((_request, peer) => peer.reply(503), again);
    const { api } = integrate(server.url, { ...again, idempotency: { header: "X-Key", window: "1d" } });
    for (const method of ["POST", "PATCH", "PUT", "GET"]) await api.exchange({ method, url: "/undeclared" });
    await api.exchange({ method: "POST", url: "/plain" });
    await api.exchange({ method: "POST", url: "/keyed" });

    const seen = Map.groupBy(server.received, ({ method, target }) => `${method} ${target}`);
    const keysOf = (name: string): unknown[] => (seen.get(name) ?? []).map(({ headers }) => headers["x-key"]);
    for (const name of ["POST /undeclared", "PATCH /undeclared", "POST /plain"]) {
      const keys = keysOf(name);
      expect(keys).toHaveLength(2);
      expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
      expect(keys[1]).toBe(keys[0]);
    }
    expect(keysOf("PUT /undeclared")).toEqual([undefined, undefined]);
    expect(keysOf("GET /undeclared")).toEqual([undefined, undefined]);
    // It has declared one of its own.
    expect(keysOf("POST /keyed")).toEqual([undefined, undefined]);
  });
});

test("headers of an exchange may be pairs, and a name that comes twice is one list", async () => {
  const { api, server } = await lane((_request, peer) => peer.reply(200));
  await api.exchange({
    method: "GET",
    url: "/read",
    headers: [
      ["X-A", "1"],
      ["x-a", "2"],
      ["Cookie", "a=1"],
      ["cookie", "b=2"],
    ],
  });
  await api.exchange({ method: "GET", url: "/read", headers: new Headers({ accept: "text/plain" }) });
  expect(server.received[0]?.headers).toMatchObject({ "x-a": "1, 2", cookie: "a=1; b=2", accept: "*/*" });
  expect(server.received[1]?.headers).toMatchObject({ accept: "text/plain" });

  const wrong: readonly unknown[] = [
    [["host", "x"]],
    [["a"]],
    ["ab"],
    [["x a", "1"]],
    [["x-a", "1\r\n"]],
    7,
    "a",
  ];
  for (const headers of wrong) {
    const failure = await failureOf(api.exchange({ method: "GET", url: "/read", headers: headers as never }));
    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
  }
  expect(server.received).toHaveLength(2);
});

test.each<readonly [object, RegExp]>([
  [{ method: "TRACE" }, /method must be one of GET, HEAD,.*; got another/],
  [{ method: "GET / HTTP/1.1\r\n" }, /method must be one of/],
  [{ method: 7 }, /method must be one of .*; got a number/],
  [{ body: "x" }, /a GET request carries no body/],
  [{ key: "k" }, /key must not be given/],
  [{ method: "POST", url: "/keyed", key: "a b" }, /key must be/],
  [{ signal: {} }, /signal must be an AbortSignal/],
  [{ params: {} }, /params is not an option/],
])("%o is refused before anything is sent", async (given, message) => {
  const { api, server } = await lane((_request, peer) => peer.reply(200));
  const failure = await failureOf(api.exchange({ method: "GET", url: "/read", ...given } as never));
  expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none", attempts: 0 });
  expect(failure.message).toMatch(message);
  expect(server.connections).toBe(0);
});

async function routed(
  declared: Record<string, OperationOptions>,
): Promise<{ api: HttpIntegration; server: WireServer }> {
  const server = await WireServer.start((_request, peer) => peer.reply(200));
  onTestFinished(() => server.stop());
  const api = httpIntegration({ name: "lab", baseUrl: server.url, operations: declared });
  onTestFinished(() => api.close());
  return { api, server };
}
