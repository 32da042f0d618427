import { once } from "node:events";
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { certificate, privateKey } from "./support/certificate.ts";
import { failureOf, integrate, type Lane, send, until } from "./support/harness.ts";
import { chunks, type Raw, type RawOptions, rawTransport } from "./support/raw-transport.ts";

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, nth: number) => void;

interface Server {
  readonly server: Http2SecureServer;
  readonly url: string;
  readonly sessions: ServerHttp2Session[];
  /** Paths of the requests whose stream was handed to the handler. */
  readonly seen: string[];
}

const refusedStream = 7;

async function start(onStream: OnStream, settings: { maxConcurrentStreams?: number } = {}): Promise<Server> {
  const sessions: ServerHttp2Session[] = [];
  const seen: string[] = [];
  const server = createSecureServer({ cert: certificate, key: privateKey, settings });
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream, headers) => {
    seen.push(String(headers[":path"]));
    stream.on("error", () => {});
    onStream(stream, headers, seen.length);
  });
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { server, url: `https://localhost:${(server.address() as AddressInfo).port}`, sessions, seen };
}

const ok = (stream: ServerHttp2Stream): void => {
  stream.respond({ ":status": 200, "content-type": "application/json" });
  stream.end("{}");
};

const tls = { ca: certificate };

async function lane(
  onStream: OnStream,
  settings: Parameters<typeof integrate>[1] = {},
): Promise<Server & Omit<Lane, "server">> {
  const server = await start(onStream);
  const { pool, ...rest } = settings ?? {};
  return { ...server, ...integrate(server.url, { tls, pool: { http2: true, ...pool }, ...rest }) };
}

async function rawLane(onStream: OnStream, options: RawOptions = {}): Promise<Server & Raw> {
  const server = await start(onStream);
  return {
    ...server,
    ...rawTransport(server.url, { tls, ...options, pool: { http2: true, ...options.pool } }),
  };
}

describe("over HTTP/2", () => {
  test("calls share one connection, and nobody connects beside the first", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { api, sessions, events } = await lane((stream) => void streams.push(stream));
    const calls = Array.from({ length: 50 }, (_, nth) => send(api, "plain", { id: String(nth) }));
    await until(() => streams.length === 50);
    expect(api.snapshot().pool).toMatchObject({ inUse: 50, open: 1, opened: 1, waiting: 0 });
    for (const stream of streams) ok(stream);
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(sessions).toHaveLength(1);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, open: 1, opened: 1 });
    const tlsMs = expect.any(Number);
    expect(events.find(({ type }) => type === "connectionOpened")).toMatchObject({
      protocol: "HTTP/2",
      tlsMs,
    });
    const attempts = events.filter(({ type }) => type === "attemptFinished");
    expect(attempts.filter((event) => "tlsMs" in event && event.tlsMs !== undefined)).toHaveLength(1);
  });

  test("a connection carries a hundred calls; the next ones get another, up to pool.connections, and then wait", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { api, sessions } = await lane((stream) => void streams.push(stream), {
      pool: { connections: 2 },
      concurrency: false,
    });
    const calls = Array.from({ length: 210 }, (_, nth) => send(api, "read", { id: String(nth) }));
    await until(() => streams.length === 200);
    expect(api.snapshot().pool).toMatchObject({ inUse: 200, open: 2, waiting: 10 });
    for (const stream of streams.splice(0)) ok(stream);
    await until(() => streams.length === 10);
    for (const stream of streams) ok(stream);
    await Promise.all(calls);
    expect(sessions).toHaveLength(2);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, waiting: 0, opened: 2 });
  });

  test("the time for a connection also bounds the wait for a stream that the server does not allow", async () => {
    const server = await start(() => {}, { maxConcurrentStreams: 1 });
    const { api } = integrate(server.url, { tls, pool: { http2: true, acquire: "150ms" } });
    const first = failureOf(send(api, "plain", { id: "first" }));
    await until(() => server.seen.length === 1);
    expect(await failureOf(send(api, "plain", { id: "second" }))).toMatchObject({
      code: "ACQUIRE_TIMEOUT",
      effect: "none",
      written: false,
    });
    expect(server.seen).toHaveLength(1);
    expect(api.snapshot().pool).toMatchObject({ open: 1, acquireTimeouts: 1 });
    await api.close({ within: "0ms" });
    await first;
  });

  test("a call that is given up ends its stream, and the others go on", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { api, sessions } = await lane((stream) => void streams.push(stream));
    const controller = new AbortController();
    const aborted = failureOf(send(api, "plain", { signal: controller.signal }));
    await until(() => streams.length === 1);
    const other = send(api, "plain");
    await until(() => streams.length === 2);
    controller.abort();
    expect(await aborted).toMatchObject({ code: "CALL_ABORTED", effect: "unknown" });
    await until(() => streams[0]?.closed === true);
    if (streams[1] !== undefined) ok(streams[1]);
    expect((await other).status).toBe(200);
    expect(sessions).toHaveLength(1);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, open: 1, closed: 0 });
  });

  test("a server that speaks only HTTP/1.1 is spoken to in HTTP/1.1, with as many connections as calls", async () => {
    const waiting: (() => void)[] = [];
    const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
      request.resume();
      waiting.push(() => response.end("{}"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { api, events } = integrate(`https://localhost:${port}`, { tls, pool: { http2: true } });
    const calls = Array.from({ length: 5 }, () => send(api, "plain"));
    await until(() => waiting.length === 5);
    expect(api.snapshot().pool).toMatchObject({ inUse: 5, open: 5 });
    expect(events.map((event) => "protocol" in event && event.protocol)).toEqual(Array(5).fill("HTTP/1.1"));
    for (const answer of waiting) answer();
    await Promise.all(calls);
    await api.close();
  });

  test("a first connection that fails makes nobody wait for a second one: the others connect together", async () => {
    const fails: ((error: Error) => void)[] = [];
    const raw = rawTransport("https://localhost:1", {
      limit: 5,
      pool: { http2: true, connections: 5 },
      connector: {
        connect: (_options, callback) => {
          fails.push((error) => callback(error, null));
          return { destroy: () => {} };
        },
        mayReuse: () => true,
        forward: undefined,
      },
    });
    const calls = Array.from({ length: 5 }, () => failureOf(raw.send()));
    await until(() => fails.length === 1 && raw.pool.snapshot().waiting === 4);
    fails[0]?.(new Error("no"));
    await until(() => fails.length === 5);
    for (const fail of fails) fail(new Error("no"));
    for (const failure of await Promise.all(calls)) expect(failure).toMatchObject({ code: "CONNECT_FAILED" });
    expect(raw.pool.snapshot()).toMatchObject({ inUse: 0, waiting: 0, open: 0 });
  });
});

describe("a stream that the server refuses unprocessed", () => {
  test.each(["keyed", "plain"] as const)("is sent again once, whatever it is (%s)", async (operation) => {
    const { api, seen, events } = await lane((stream, _headers, nth) => {
      if (nth === 2) stream.close(refusedStream);
      else ok(stream);
    });
    await send(api, operation);
    expect((await send(api, operation)).status).toBe(200);
    expect(seen).toHaveLength(3);
    expect(api.snapshot().pool).toMatchObject({ staleResends: 1, unwrittenResends: 1, opened: 1 });
    expect(events).toContainEqual(
      expect.objectContaining({ type: "staleResend", written: false, code: "STREAM_REFUSED" }),
    );
  });

  test("twice has had no effect, and a retry may follow although it is no idempotent request", async () => {
    const { api, seen } = await lane((stream) => stream.close(refusedStream), { retry: false });
    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "STREAM_REFUSED",
      effect: "none",
      kind: "failed",
      transient: true,
    });
    expect(seen).toHaveLength(2);

    const again = await lane(
      (stream, _headers, nth) => (nth <= 2 ? stream.close(refusedStream) : ok(stream)),
      {
        retry: { maxRetries: 1 },
      },
    );
    expect((await send(again.api, "plain")).status).toBe(200);
    expect(again.seen).toHaveLength(3);
  });

  test.each([1, 2, 8, 11])("for another reason (code %i) may have been processed", async (code) => {
    const { api, seen } = await lane((stream) => stream.close(code));
    expect(await failureOf(send(api, "plain"))).toMatchObject({ code: "CONNECTION_LOST", effect: "unknown" });
    expect(seen).toHaveLength(1);
  });
});

describe("a server that goes away", () => {
  test("finishes what it has accepted; what it had not is sent again, and the next call gets a new connection", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { api, sessions, seen } = await lane((stream) => {
      if (sessions.length > 1) ok(stream);
      else streams.push(stream);
    });
    const accepted = send(api, "plain", { id: "accepted" });
    await until(() => streams.length === 1);
    const late = send(api, "plain", { id: "late" });
    await until(() => streams.length === 2);
    // The first stream is 1, the second 3.
    sessions[0]?.goaway(0, 1);
    expect((await late).status).toBe(200);
    if (streams[0] !== undefined) ok(streams[0]);
    expect((await accepted).status).toBe(200);
    expect(sessions).toHaveLength(2);
    expect((await send(api, "plain", { id: "next" })).status).toBe(200);
    // Accepted, late, late again, next.
    expect(seen).toHaveLength(4);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, unwrittenResends: 1 });
  });

  test("with all its streams taken gives way to a new connection at once, for those that wait", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { api, sessions } = await lane(
      (stream) => {
        if (sessions.length > 1) ok(stream);
        else streams.push(stream);
      },
      { pool: { connections: 1 }, concurrency: false },
    );
    const accepted = Array.from({ length: 100 }, () => send(api, "plain"));
    await until(() => streams.length === 100);
    const waiting = send(api, "plain");
    await until(() => api.snapshot().pool.waiting === 1);
    sessions[0]?.goaway(0, 2 ** 31 - 1);
    expect((await waiting).status).toBe(200);
    expect(api.snapshot().pool.inUse).toBe(100);
    for (const stream of streams) ok(stream);
    await Promise.all(accepted);
    expect(sessions).toHaveLength(2);
    await until(() => sessions[0]?.destroyed === true);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, open: 1 });
  });

  test("without a word leaves every call open, and none is sent twice that must not be", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { api, sessions, seen } = await lane((stream) => void streams.push(stream));
    const calls = Array.from({ length: 10 }, () => failureOf(send(api, "plain")));
    await until(() => streams.length === 10);
    sessions[0]?.socket.destroy();
    for (const failure of await Promise.all(calls)) {
      expect(failure).toMatchObject({ code: "CONNECTION_LOST", effect: "unknown" });
    }
    expect(seen).toHaveLength(10);
    await until(() => api.snapshot().pool.open === 0);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, staleResends: 0 });
  });
});

describe("streams over HTTP/2", () => {
  test("go in both directions, and cancelling one keeps the connection", async () => {
    const {
      send: sendRaw,
      stream,
      pool,
    } = await rawLane((http2Stream, headers) => {
      if (headers[":method"] === "GET") {
        http2Stream.respond({ ":status": 200 });
        http2Stream.write("x".repeat(10_000));
        return;
      }
      http2Stream.respond({ ":status": 200 });
      http2Stream.pipe(http2Stream);
    });
    const echoed = await sendRaw({ method: "POST", body: chunks(["one ", "two"]), answer: "stream" });
    if (!("body" in echoed)) throw new Error("not streamed");
    expect(await new Response(echoed.body).text()).toBe("one two");
    const endless = await stream();
    const reader = endless.body.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => pool.snapshot().inUse === 0);
    expect(pool.snapshot()).toMatchObject({ opened: 1, open: 1 });
  });

  test("a source that can be opened again is, by a retry, when its stream was refused", async () => {
    const { send: sendRaw, seen } = await rawLane(
      (stream, _headers, nth) => {
        if (nth === 1) stream.close(refusedStream);
        else stream.resume().on("end", () => ok(stream));
      },
      { retries: 1 },
    );
    const body = chunks(["body"]);
    expect(await sendRaw({ method: "POST", body })).toMatchObject({ status: 200 });
    expect(body.opened).toBe(2);
    expect(seen).toHaveLength(2);
  });
});
