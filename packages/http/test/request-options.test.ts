import { inspect } from "node:util";
import { exponential } from "@outrigger/core";
import { describe, expect, test } from "vitest";
import { type HttpFailure, httpIntegration, type RequestOptions } from "../src/index.ts";
import { failureOf, integrate, lane, operations } from "./support/harness.ts";

const octets = { "content-type": "application/octet-stream" };

describe("a body", () => {
  test.each([
    ["a Buffer", () => Buffer.from("first")],
    ["a Uint8Array", () => new Uint8Array(Buffer.from("first"))],
  ])("given as %s is sent as it was at the call, also by a retry", async (_kind, make) => {
    const body = make();
    const { api, server } = await lane(
      (_request, peer) => {
        body.fill(0x78);
        peer.reply(server.received.length === 1 ? 503 : 200);
      },
      { retry: { maxRetries: 1, backoff: exponential("1ms") } },
    );

    await api.request("keyed", { body, headers: octets });

    expect(server.received.map((request) => request.body)).toEqual(["first", "first"]);
  });

  test.each([
    ["an array", () => ["x"], "an array"],
    ["a FormData", () => new FormData(), "a FormData"],
    ["an object", () => ({ card: "x" }), "an object"],
    ["null", () => null, "null"],
    ["a number", () => 5, "a number"],
  ])("that is %s is refused before anything is sent", async (_kind, make, got) => {
    const { api, server } = await lane((_request, peer) => peer.reply(200));

    const failure = await failureOf(api.request("plain", { body: make() as never, headers: octets }));

    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none", attempts: 0 });
    expect(failure.message).toContain(`body must be a string, bytes, a Blob or a stream; got ${got}`);
    expect(server.connections).toBe(0);
  });
});

describe("options that are not plain objects", () => {
  test("Headers and URLSearchParams are sent as they are meant", async () => {
    const { server } = await lane((_request, peer) => peer.reply(200));
    const { api } = integrate(server.url, {
      headers: new Headers({ "x-all": "1", "x-each": "all" }),
      operations: {
        ...operations,
        read: { method: "GET", path: "/read", headers: new Headers({ "x-operation": "2", "X-Each": "own" }) },
      } as never,
    });

    await api.request("read", {
      headers: new Headers([["X-Call", "3"]]),
      query: new URLSearchParams("a=1&a=2&b=x+y%26z&empty="),
    });

    expect(server.received[0]).toMatchObject({
      target: "/read?a=1&a=2&b=x%20y%26z&empty=",
      headers: { "x-all": "1", "x-operation": "2", "x-each": "own", "x-call": "3" },
    });
  });

  test("what may not be in headers may not be in Headers either", async () => {
    const { api } = await lane((_request, peer) => peer.reply(200));

    const failure = await failureOf(api.request("read", { headers: new Headers({ host: "x" }) }));

    expect(failure.message).toContain("headers.host must not be given");
  });

  class Params {
    id = "1";
  }
  test.each<readonly [object, RegExp]>([
    [{ headers: new Map([["a", "b"]]) }, /headers must be a plain object or a Headers; got a Map: /],
    [{ headers: [["a", "b"]] }, /headers must be a plain object or a Headers; got an array: /],
    [{ query: new Map([["a", "b"]]) }, /query must be a plain object or a URLSearchParams; got a Map: /],
    [{ query: "a=b" }, /query must be a plain object or a URLSearchParams; got a string: /],
    [{ query: null }, /query must be a plain object or a URLSearchParams; got null: /],
    [{ query: [["a", "b"]] }, /query must be a plain object or a URLSearchParams; got an array: /],
    [{ params: new Map([["a", "b"]]) }, /params must be a plain object; got a Map: /],
    [{ params: new URLSearchParams("a=b") }, /params must be a plain object; got a URLSearchParams: /],
    [{ params: new Params() }, /params must be a plain object; got a Params: /],
    [{ params: null }, /params must be a plain object; got null: /],
  ])("%o is refused, with the fix", async (options, message) => {
    const { api, server } = await lane((_request, peer) => peer.reply(200));

    const failure = await failureOf(api.request("read", options));

    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(failure.message).toMatch(message);
    expect(failure.message).toMatch(/: write .*\{ .+: .+ \}/);
    expect(server.connections).toBe(0);
  });

  test("a Map of headers is refused at construction as well, and objects without a prototype are plain", async () => {
    const { server } = await lane((_request, peer) => peer.reply(200));
    const describeWith = (headers: unknown) => () => integrate(server.url, { headers: headers as never });

    expect(describeWith(new Map())).toThrow(/^headers must be a plain object or a Headers; got a Map/);
    const bare = Object.assign(Object.create(null) as object, { "x-a": "1" });
    const { api } = describeWith(bare)();
    await api.request("read", { query: Object.assign(Object.create(null) as object, { a: "1" }) });
    expect(server.received[0]).toMatchObject({ target: "/read?a=1", headers: { "x-a": "1" } });
  });
});

describe("a value of the wrong type that may be a secret is not shown", () => {
  const secret = "sk_live_hunter2";
  const base = { name: "lab", baseUrl: "http://localhost:1", operations } as const;

  test.each<readonly [string, () => unknown]>([
    ["headers", () => httpIntegration({ ...base, headers: `Bearer ${secret}` as never })],
    [
      "headers of an operation",
      () =>
        httpIntegration({
          ...base,
          operations: { a: { method: "GET", path: "/", headers: `Bearer ${secret}` as never } },
        }),
    ],
    [
      "the name of a header",
      () => httpIntegration({ ...base, headers: { [`authorization: Bearer ${secret}`]: "" } }),
    ],
    ["tls", () => httpIntegration({ ...base, tls: `-----BEGIN PRIVATE KEY-----\n${secret}` as never })],
    ["the options", () => httpIntegration(secret as never)],
  ])("%s, at construction", (_what, make) => {
    let thrown: unknown;
    try {
      make();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    expect(inspect(thrown, { depth: 20, showHidden: true })).not.toContain(secret);
  });

  test.each<readonly [string, unknown]>([
    ["the options", secret],
    ["headers", { headers: `Bearer ${secret}` }],
    ["the name of a header", { headers: { [`authorization: Bearer ${secret}`]: "" } }],
    ["query", { query: `token=${secret}` }],
    ["params", { params: secret }],
    ["a query value", { query: { a: [[secret]] } }],
    ["body", { body: [secret], headers: { "content-type": "text/plain" } }],
    ["key", { key: [secret] }],
    ["signal", { signal: secret }],
    ["deadlineAtMs", { deadlineAtMs: secret }],
  ])("%s, in a request", async (_what, options) => {
    const { api } = integrate("http://localhost:1");

    const failure = await failureOf(api.request("keyed", options as RequestOptions));

    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(secret);
  });
});

test.each<readonly [object, RegExp]>([
  [{ signal: {} }, /signal must be an AbortSignal; got an object$/],
  [{ signal: null }, /signal must be an AbortSignal; got null$/],
  [{ signal: new AbortController() }, /signal must be an AbortSignal; got an AbortController$/],
  [{ signal: { aborted: false } }, /signal must be an AbortSignal; got an object$/],
  [{ deadlineAtMs: Number.NaN }, /deadlineAtMs must be an instant in milliseconds .*; got NaN$/],
  [{ deadlineAtMs: "5s" }, /deadlineAtMs must be an instant in milliseconds .*; got a string$/],
  [{ deadlineAtMs: null }, /deadlineAtMs must be an instant in milliseconds .*; got null$/],
])("%o is a request that cannot be sent, not a stray error", async (options, message) => {
  const { api, server } = await lane((_request, peer) => peer.reply(200));

  const failure: HttpFailure = await failureOf(api.request("plain", options));

  expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none", kind: "rejected", attempts: 0 });
  expect(failure.message).toMatch(message);
  expect(server.connections).toBe(0);
  expect(api.snapshot().calls).toMatchObject({ running: 0 });
});
