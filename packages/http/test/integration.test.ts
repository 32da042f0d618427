import { inspect } from "node:util";
import { exponential } from "@outrigger/core";
import { describe, expect, test } from "vitest";
import { failureOf, integrate, lane, operations, send, sleep, timed, until } from "./support/harness.ts";

describe("retries", () => {
  test("repeat a read and a keyed change after a passing failure, with one key and one body, and spare a plain one", async () => {
    const { api, server } = await lane(
      (request, peer) =>
        peer.reply(request.headers["x-try"] === undefined && attempts() % 2 === 1 ? 503 : 200),
      { retry: { maxRetries: 2, backoff: exponential("1ms") } },
    );
    const attempts = (): number => server.received.length;

    expect((await api.request("keyed", { json: { amount: 5 } })).status).toBe(200);
    const [first, second, ...more] = server.received;
    expect(more).toEqual([]);
    expect(second?.headers["idempotency-key"]).toBe(first?.headers["idempotency-key"]);
    expect(first?.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.body).toBe(first?.body);

    expect((await send(api, "read")).status).toBe(200);
    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "HTTP_503",
      effect: "unknown",
      status: 503,
      attempts: 1,
    });
  });

  test("wait as long as the answer asks", async () => {
    const { api, server } = await lane(
      (request, peer) => {
        if (server.received.length === 1) peer.reply(429, "{}", { "retry-after": "1" });
        else peer.reply(200, request.body);
      },
      { retry: { backoff: exponential("1ms") } },
    );

    const { value, ms } = await timed(() => send(api, "plain"));

    expect(value.status).toBe(200);
    expect(ms).toBeGreaterThanOrEqual(995);
    expect(server.received).toHaveLength(2);
  });

  test("do not begin when the answer asks for more time than the call has", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(503, "{}", { "retry-after": "60" }), {
      retry: {},
    });

    const { value, ms } = await timed(() => failureOf(send(api, "read")));

    expect(value).toMatchObject({ code: "HTTP_503", retryAfterMs: 60_000, attempts: 1 });
    // Far less than the 30 s that the call has: it did not wait in vain.
    expect(ms).toBeLessThan(10_000);
    expect(server.received).toHaveLength(1);
  });

  test("keep the worst effect of all attempts", async () => {
    const { api, server } = await lane(
      (_request, peer) => {
        if (server.received.length === 1) peer.rst();
        else peer.reply(429);
      },
      { retry: { maxRetries: 1, backoff: exponential("1ms") } },
    );

    expect(await failureOf(send(api, "keyed"))).toMatchObject({
      code: "HTTP_429",
      effect: "unknown",
      written: true,
      status: 429,
      attempts: 2,
      operation: "keyed",
      integration: "lab",
    });
  });
});

describe("our own rejections", () => {
  test("the concurrency limit rejects at once, over all operations, and sends nothing", async () => {
    const { api, server } = await lane(() => {}, { concurrency: { limit: 1 } });
    const held = failureOf(send(api, "plain"));
    await until(() => server.received.length === 1);

    expect(await failureOf(send(api, "read"))).toMatchObject({
      name: "HttpFailure",
      code: "LIMIT_REACHED",
      effect: "none",
      kind: "rejected",
      stage: undefined,
      attempts: 0,
      integration: "lab",
      operation: "read",
    });
    expect(server.received).toHaveLength(1);
    expect(api.snapshot().concurrency).toMatchObject({ limit: 1, inUse: 1, rejected: 1 });
    await api.close({ within: "0ms" });
    await held;
  });

  test("the breaker opens on failures of the service, over all operations, and not on refusals", async () => {
    let status = 402;
    const { api, server } = await lane((_request, peer) => peer.reply(status), {
      breaker: { minimumCalls: 5, openFor: "30s" },
    });
    for (let nth = 0; nth < 10; nth += 1) {
      expect(await failureOf(send(api, "plain"))).toMatchObject({ kind: "refused", effect: "none" });
    }
    expect(api.snapshot().breaker?.state).toBe("closed");

    status = 500;
    for (let nth = 0; nth < 10; nth += 1) await failureOf(send(api, "plain"));

    expect(api.snapshot().breaker?.state).toBe("open");
    const received = server.received.length;
    const rejected = await failureOf(send(api, "read"));
    expect(rejected).toMatchObject({ code: "BREAKER_OPEN", effect: "none", kind: "rejected", attempts: 0 });
    expect(rejected.retryAfterMs).toBeGreaterThan(25_000);
    expect(server.received).toHaveLength(received);
  });
});

describe("an operation with a circuit of its own", () => {
  const own = { ...operations, read: { ...operations.read, breaker: "own" } } as never;

  test("is not cut off by what fails elsewhere", async () => {
    const { api, server } = await lane((request, peer) => peer.reply(request.method === "POST" ? 500 : 200), {
      breaker: { minimumCalls: 5, openFor: "30s" },
      operations: own,
    });
    for (let nth = 0; nth < 5; nth += 1) await failureOf(send(api, "plain"));

    expect((await failureOf(send(api, "keyed"))).code).toBe("BREAKER_OPEN");
    expect((await send(api, "read")).status).toBe(200);
    expect(server.received).toHaveLength(6);
    expect(api.snapshot()).toMatchObject({
      breaker: { state: "open", name: "lab" },
      breakers: { read: { state: "closed", name: "lab.read" } },
    });
  });

  test("is cut off by its own failures, by the integration's options, and cuts off nobody else", async () => {
    const { api } = await lane((request, peer) => peer.reply(request.method === "GET" ? 500 : 200), {
      breaker: { minimumCalls: 5, openFor: "30s" },
      operations: own,
    });
    for (let nth = 0; nth < 5; nth += 1) await failureOf(send(api, "read"));

    expect((await failureOf(send(api, "read"))).code).toBe("BREAKER_OPEN");
    expect((await send(api, "plain")).status).toBe(200);
    expect(Object.keys(api.snapshot().breakers)).toEqual(["read"]);
  });
});

describe("an answer", () => {
  test("is read by its charset, and as JSON", async () => {
    const { api } = await lane((_request, peer) => {
      peer.raw(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=euc-kr\r\ncontent-length: 4\r\n\r\n\xb0\xe1\xc1\xa6",
      );
    });

    const response = await send(api, "read");

    expect(response.text()).toBe("결제");
    expect(response.headers["content-type"]).toBe("text/plain; charset=euc-kr");
  });

  test("that is no JSON fails with unknown effect for a change, and does not quote the body", async () => {
    const { api } = await lane((_request, peer) => peer.reply(200, "<html>secret</html>"));
    const response = await send(api, "plain");

    expect(() => response.json()).toThrow(
      expect.objectContaining({ code: "RESPONSE_INVALID", effect: "unknown", status: 200 }),
    );
    expect(() => response.json()).toThrow(/^lab\.plain: it answered 200, but its 19 bytes are not JSON$/);
  });

  test("that is compressed, although nobody asked, is not taken for text", async () => {
    const { api } = await lane((_request, peer) => peer.reply(200, "zzz", { "content-encoding": "gzip" }));

    const response = await send(api, "read");
    expect(() => response.text()).toThrow(/content-encoding is "gzip"/);
    expect(response.bytes.byteLength).toBe(3);
  });

  test("that refuses carries its body to the caller", async () => {
    const { api } = await lane((_request, peer) => peer.reply(402, '{"code":"CARD_DECLINED"}'));

    const failure = await failureOf(send(api, "plain"));

    expect(failure).toMatchObject({ code: "HTTP_402", status: 402, kind: "refused", effect: "none" });
    expect(failure.response?.json()).toEqual({ code: "CARD_DECLINED" });
  });

  test("of any size up to the limit is taken whole", async () => {
    const { api } = await lane((_request, peer) => peer.reply(200, "é".repeat(300_000)));

    expect((await send(api, "read")).text()).toBe("é".repeat(300_000));
  });
});

describe("a request", () => {
  test("arrives as it was described", async () => {
    const { server } = await lane((_request, peer) => peer.reply(204));
    const { api } = integrate(`${server.url}/base/`, {
      headers: { authorization: "Bearer 1", "x-a": "all" },
      operations: {
        ...operations,
        read: { method: "GET", path: "/v1/{a}/{b}.json", headers: { "X-A": "own" } },
      } as never,
    });
    await api.request("read", {
      params: { a: "1/2 ?#", b: "결제" },
      query: { x: [1, "a&b"], y: true, z: undefined },
      headers: { "x-b": "call" },
    });
    await api.request("keyed", { json: { amount: 1 }, key: "k-1" });

    expect(server.received[0]).toMatchObject({
      method: "GET",
      target: "/base/v1/1%2F2%20%3F%23/%EA%B2%B0%EC%A0%9C.json?x=1&x=a%26b&y=true",
      headers: { authorization: "Bearer 1", "x-a": "own", "x-b": "call", accept: "application/json" },
      body: "",
    });
    expect(server.received[1]).toMatchObject({
      method: "POST",
      target: "/base/keyed",
      headers: { "content-type": "application/json", "content-length": "12", "idempotency-key": "k-1" },
      body: '{"amount":1}',
    });
  });

  test("that cannot be sent is refused before any connection is opened, and had no effect", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200));
    const bad: readonly (() => Promise<unknown>)[] = [
      () => api.request("read", { headers: { "x-a": "1\r\nx-b: 2" } }),
      () => api.request("read", { headers: { "x-a": "결제" } }),
      () => api.request("read", { headers: { "x-a": "a\u0000" } }),
      () => api.request("read", { headers: { "x a": "1" } }),
      ...["Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "TE", "Expect"].map(
        (name) => () => api.request("read", { headers: { [name]: "1" } }),
      ),
      () => api.request("keyed", { headers: { "idempotency-key": "1" } }),
      () => api.request("keyed", { key: "" }),
      () => api.request("keyed", { key: "with space" }),
      () => api.request("keyed", { key: "결제" }),
      () => api.request("keyed", { key: "k".repeat(256) }),
      () => api.request("plain", { key: "1" }),
      () => api.request("read", { json: {} }),
      () => api.request("plain", { json: 1n }),
      () => api.request("plain", { json: () => 1 }),
      () => api.request("plain", { json: {}, body: "x" }),
      () => api.request("plain", { body: "x" }),
      () => api.request("read", { params: { no: 1 } }),
      () => api.request("read", { query: { a: Number.NaN } }),
      () => api.request("read", { query: { a: "\ud800" } }),
      () => api.request("read", { quary: {} } as never),
      () => api.request("raed" as never),
    ];

    for (const call of bad) {
      expect(await failureOf(call()), String(call)).toMatchObject({
        code: "REQUEST_INVALID",
        effect: "none",
        kind: "rejected",
        transient: false,
        attempts: 0,
      });
    }
    expect(server.connections).toBe(0);
    expect(api.snapshot().pool.opened).toBe(0);
  });
});

test("no secret is in a failure or an event", async () => {
  const secrets = ["Bearer-hunter2", "key-4711", "card-4242", "query-0815", "answer-0042"];
  const [authorization = "", key = "", card = "", query = "", answer = ""] = secrets;
  const faults = ["402", "garbage", "cut", "reset", "silent", "broken json"] as const;
  let fault: (typeof faults)[number] = "402";
  const { api, events } = await lane(
    (_request, peer) => {
      if (fault === "402") peer.reply(402, answer);
      if (fault === "garbage") peer.raw(`${answer}\r\n\r\n`);
      if (fault === "cut") {
        peer.raw(`HTTP/1.1 200 OK\r\nset-cookie: ${answer}\r\ncontent-length: 99\r\n\r\n${answer}`);
        peer.fin();
      }
      if (fault === "reset") peer.rst();
      if (fault === "broken json") peer.reply(200, answer);
    },
    {
      timeout: { read: "50ms" },
      headers: { authorization },
      retry: { maxRetries: 1, backoff: exponential("1ms") },
    },
  );
  const seen: unknown[] = [];

  for (fault of faults) {
    const call = api.request("keyed", { json: { card }, key, query: { query } });
    seen.push(await failureOf(fault === "broken json" ? call.then((response) => response.json()) : call));
  }
  seen.push(await failureOf(api.request("keyed", { key: `${key}\n` })));
  seen.push(await failureOf(api.request("keyed", { headers: { authorization: `${authorization}\n` } })));
  seen.push(await failureOf(api.request("keyed", { params: { a: card } })));

  const text = [...seen, ...events, api.snapshot()]
    .map(
      (each) => `${inspect(each, { depth: 20, showHidden: true })} ${JSON.stringify(each)} ${String(each)}`,
    )
    .join("\n");
  for (const secret of secrets) expect(text).not.toContain(secret);
});

describe("closing", () => {
  test("lets what runs finish, lets nothing new in, and leaves no connection", async () => {
    const { api, server } = await lane((_request, peer) => void setTimeout(() => peer.reply(200), 100));
    const call = send(api, "plain");
    await until(() => server.received.length === 1);
    const closing = api.close();

    expect(await failureOf(send(api, "read"))).toMatchObject({
      code: "INTEGRATION_CLOSED",
      effect: "none",
      kind: "rejected",
    });
    expect((await call).status).toBe(200);
    await closing;
    await api.close();
    await until(() => server.open === 0);
    expect(api.snapshot().pool).toMatchObject({ open: 0, inUse: 0 });
  });

  test("ends what does not finish in time: in flight, waiting for a connection, waiting for a retry", async () => {
    const { api, server } = await lane(
      (request, peer) => {
        if (request.method === "GET") peer.reply(503, "{}", { "retry-after": "20" });
      },
      { pool: { connections: 1, acquire: "20s" }, retry: {} },
    );
    const retrying = failureOf(send(api, "read"));
    await until(() => server.received.length === 1);
    const flying = failureOf(send(api, "plain"));
    await until(() => server.received.length === 2);
    const waiting = failureOf(send(api, "plain"));
    await sleep(10);

    const { ms } = await timed(() => api.close({ within: "100ms" }));

    expect(ms).toBeGreaterThanOrEqual(95);
    // Far less than the 20 s that everybody would otherwise have waited for.
    expect(ms).toBeLessThan(10_000);
    expect(await flying).toMatchObject({ code: "INTEGRATION_CLOSED", effect: "unknown", kind: "aborted" });
    expect(await waiting).toMatchObject({ code: "INTEGRATION_CLOSED", effect: "none", kind: "aborted" });
    expect(await retrying).toMatchObject({ code: "INTEGRATION_CLOSED", kind: "aborted" });
    await until(() => server.open === 0);
    expect(api.snapshot().calls.running).toBe(0);
  });
});

test("an observer that throws changes nothing", async () => {
  const { api } = await lane((_request, peer) => peer.reply(200), {
    onEvent: () => {
      throw new Error("observer");
    },
  });

  expect((await send(api, "plain")).status).toBe(200);
});

test("the snapshot is plain JSON", async () => {
  const { api } = await lane((_request, peer) => peer.reply(200), { breaker: {} });
  await send(api, "plain");
  const snapshot = api.snapshot();

  expect(JSON.parse(JSON.stringify(snapshot))).toEqual(JSON.parse(JSON.stringify(structuredClone(snapshot))));
  expect(snapshot).toMatchObject({
    name: "lab",
    breaker: { state: "closed" },
    breakers: {},
    concurrency: { limit: 100, inUse: 0 },
    pool: {
      connections: 100,
      open: 1,
      inUse: 0,
      waiting: 0,
      opened: 1,
      closed: 0,
      reused: 0,
      acquireTimeouts: 0,
    },
    calls: { running: 0, succeeded: 1, failed: 0 },
  });
});
