import { VirtualClock } from "@outrigger/lab";
import { describe, expect, onTestFinished, test } from "vitest";
import { failureOf, integrate, until } from "./support/harness.ts";
import { type Raw, type RawOptions, rawTransport } from "./support/raw-transport.ts";
import { type Behaviour, type Peer, WireServer } from "./support/wire-server.ts";

const kib64 = "x".repeat(64 * 1024);
const head = (headers = ""): string => `HTTP/1.1 200 OK\r\n${headers}\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunked = head("transfer-encoding: chunked\r\n");

async function lane(behaviour: Behaviour, options: RawOptions = {}): Promise<Raw & { server: WireServer }> {
  const server = await WireServer.start(behaviour);
  onTestFinished(() => server.stop());
  return { server, ...rawTransport(server.url, options) };
}

/** A lane whose server keeps its end of each request, for the test to answer. */
async function held(options: RawOptions = {}): Promise<Raw & { server: WireServer; peers: Peer[] }> {
  const peers: Peer[] = [];
  return { peers, ...(await lane((_request, peer) => void peers.push(peer), options)) };
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

async function textOfRead(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
  const { value } = await reader.read();
  return value === undefined ? undefined : Buffer.from(value).toString();
}

const free = { inUse: 0, waiting: 0 };

describe("a streamed answer", () => {
  test("is there at its head; its connection and its slot are held until the body has been read to its end", async () => {
    const { peers, stream, pool, limit, events } = await held();
    const call = stream();
    await until(() => peers.length === 1);
    peers[0]?.raw(chunked);
    const answer = await call;
    expect(answer).toMatchObject({ status: 200, headers: { "transfer-encoding": "chunked" } });
    const reader = answer.body.getReader();
    peers[0]?.raw(chunk("one"));
    expect(await textOfRead(reader)).toBe("one");
    peers[0]?.raw(chunk("two"));
    expect(await textOfRead(reader)).toBe("two");
    expect(pool.snapshot().inUse).toBe(1);
    expect(limit.snapshot().inUse).toBe(1);
    expect(events).toEqual([]);

    peers[0]?.raw("0\r\n\r\n");
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    await until(() => limit.snapshot().inUse === 0);
    expect(pool.snapshot()).toMatchObject({ ...free, open: 1 });
    expect(events).toMatchObject([{ type: "attemptFinished", code: undefined, stage: "body", status: 200 }]);
  });

  test("of a status that is no success is read whole and judged, as any other", async () => {
    const { stream, pool, limit } = await lane((_request, peer) => peer.reply(503, '{"busy":true}'));
    const failure = await failureOf(stream({ method: "POST" }));
    expect(failure).toMatchObject({ code: "HTTP_503", effect: "unknown" });
    expect(failure.response?.json()).toEqual({ busy: true });
    expect(pool.snapshot()).toMatchObject(free);
    expect(limit.snapshot().inUse).toBe(0);
  });

  test.each(["204 No Content", "304 Not Modified"])("without a body (%s) ends at once", async (status) => {
    const { stream, send, pool } = await lane((_request, peer) => peer.raw(`HTTP/1.1 ${status}\r\n\r\n`));
    if (status.startsWith("204")) expect(await textOf((await stream()).body)).toBe("");
    else expect(await failureOf(send({ answer: "stream" }))).toMatchObject({ code: "HTTP_304" });
    await until(() => pool.snapshot().inUse === 0);
  });

  test("that is small gives its connection back although nobody has read it yet, and can be read later", async () => {
    const { stream, pool, limit } = await lane((_request, peer) => peer.reply(200, "small"));
    const first = await stream();
    await until(() => limit.snapshot().inUse === 0);
    expect(await textOf((await stream()).body)).toBe("small");
    expect(pool.snapshot()).toMatchObject({ ...free, opened: 1, reused: 1 });
    expect(await textOf(first.body)).toBe("small");
  });

  test("holds the other side back while nobody reads, and loses nothing by it", async () => {
    const parts = 400;
    const { stream, pool } = await lane((_request, peer) => {
      peer.raw(head(`content-length: ${parts * kib64.length}\r\n`));
      for (let nth = 0; nth < parts; nth += 1) peer.raw(kib64);
    });
    const progress: number[] = [];
    const answer = await stream({ onProgress: (_direction, bytes) => void progress.push(bytes) });
    const received = (): number => progress.reduce((sum, bytes) => sum + bytes, 0);
    await until(() => received() > 0);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(received()).toBeLessThan(4 * kib64.length);

    let read = 0;
    for await (const each of answer.body) read += each.byteLength;
    expect(read).toBe(parts * kib64.length);
    await until(() => pool.snapshot().inUse === 0);
    expect(pool.snapshot().open).toBe(1);
  });

  test("is not resent and not retried once its head is here; what came of it is read before the failure", async () => {
    const { stream, server, events } = await lane(
      (_request, peer) => {
        peer.raw(`${chunked}${chunk("so far")}`);
        setImmediate(() => peer.rst());
      },
      { retries: 2 },
    );
    const reader = (await stream({ method: "POST" })).body.getReader();
    await until(() => events.length === 1);
    expect(await textOfRead(reader)).toBe("so far");
    expect(await failureOf(reader.read())).toMatchObject({
      code: "CONNECTION_LOST",
      effect: "unknown",
      stage: "body",
      status: 200,
    });
    expect(server.received).toHaveLength(1);
    expect(events).toMatchObject([{ type: "attemptFinished", code: "CONNECTION_LOST", effect: "unknown" }]);
  });

  test("that is larger than it may be fails where it passes the limit", async () => {
    const { stream, pool } = await lane((_request, peer) => peer.reply(200, "123456789"));
    const answer = stream({ maxResponseBytes: 8 });
    expect(await failureOf(answer.then(({ body }) => textOf(body)))).toMatchObject({
      code: "RESPONSE_TOO_LARGE",
    });
    await until(() => pool.snapshot().inUse === 0 && pool.snapshot().open === 0);
  });
});

describe("the end of a streamed answer", () => {
  test("comes with the read timeout when a reader waits, and not while it has paused", async () => {
    const clock = new VirtualClock();
    const { peers, stream, pool } = await held({ clock, pool: { leak: "1h" }, total: "7200s" });
    const call = stream({ readMs: 100 });
    await until(() => peers.length === 1);
    peers[0]?.raw(`${chunked}${chunk("one")}`);
    const reader = (await call).body.getReader();
    expect(await textOfRead(reader)).toBe("one");
    await clock.advance(10_000);
    expect(pool.snapshot().inUse).toBe(1);
    const next = failureOf(reader.read());
    await clock.advance(99);
    expect(pool.snapshot().inUse).toBe(1);
    await clock.advance(200);
    expect(await next).toMatchObject({ code: "READ_TIMEOUT", stage: "body" });
    expect(clock.pending).toBe(0);
    await until(() => pool.snapshot().inUse === 0);
  });

  test("comes with the deadline of its call", async () => {
    const clock = new VirtualClock();
    const { peers, stream, pool, limit } = await held({ clock, total: "5s" });
    const call = stream();
    await until(() => peers.length === 1);
    await clock.advance(2_000);
    peers[0]?.raw(`${chunked}${chunk("one")}`);
    const reader = (await call).body.getReader();
    expect(await textOfRead(reader)).toBe("one");
    const next = failureOf(reader.read());
    await clock.advance(2_999);
    expect(limit.snapshot().inUse).toBe(1);
    await clock.advance(1);
    expect(await next).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "none", stage: "body" });
    expect(clock.pending).toBe(0);
    await until(() => limit.snapshot().inUse === 0);
    expect(pool.snapshot()).toMatchObject(free);
  });

  test("comes with the caller's signal, which is not listened to any longer then", async () => {
    const { peers, stream, pool } = await held();
    const controller = new AbortController();
    const call = stream({ signal: controller.signal });
    await until(() => peers.length === 1);
    peers[0]?.raw(`${chunked}${chunk("one")}`);
    const reader = (await call).body.getReader();
    await textOfRead(reader);
    const next = failureOf(reader.read());
    controller.abort(new Error("enough"));
    expect(await next).toMatchObject({ code: "CALL_ABORTED", kind: "aborted", cause: { message: "enough" } });
    await until(() => pool.snapshot().inUse === 0 && pool.snapshot().open === 0);
  });

  test.each([
    ["short", 10, 1],
    ["long", 10_000_000, 2],
  ])(
    "comes when its reader wants no more: a %s rest costs the connection only if it is long",
    async (_name, length, connections) => {
      const { peers, server, stream, send, limit, events } = await held();
      const call = stream();
      await until(() => peers.length === 1);
      peers[0]?.raw(`${head(`content-length: ${length}\r\n`)}12345`);
      const answer = await call;
      await answer.body.cancel();
      peers[0]?.raw("67890");
      await until(() => limit.snapshot().inUse === 0);
      const next = send();
      await until(() => peers.length === 2);
      peers[1]?.reply(200);
      await next;
      expect(server.connections).toBe(connections);
      expect(events).toMatchObject([{ code: undefined }, { code: undefined, reused: connections === 1 }]);
    },
  );

  test("comes after pool.leak when nobody reads, and says which line of the program asked for it", async () => {
    const clock = new VirtualClock();
    const { peers, stream, pool, limit, events } = await held({ clock, pool: { leak: "10s" } });
    const forgetful = (): ReturnType<typeof stream> => stream();
    const call = forgetful();
    await until(() => peers.length === 1);
    peers[0]?.raw(`${chunked}${chunk(kib64)}`);
    const answer = await call;
    await clock.advance(9_999);
    expect(limit.snapshot().inUse).toBe(1);
    expect(events).toEqual([]);
    await clock.advance(1);
    await until(() => limit.snapshot().inUse === 0);
    expect(pool.snapshot()).toMatchObject(free);
    expect(events).toMatchObject([
      { type: "responseUnread", operation: "test", begun: false, unreadMs: 10_000 },
      { type: "attemptFinished", code: "RESPONSE_UNREAD" },
    ]);
    const [event] = events;
    expect(event?.type === "responseUnread" && event.madeAt).toContain("forgetful");
    expect(event?.type === "responseUnread" && event.madeAt).not.toContain("src/transport");
    expect(await failureOf(textOf(answer.body))).toMatchObject({ code: "RESPONSE_UNREAD" });
    expect(clock.pending).toBe(0);
  });

  test("that the deadline brings to a body which nobody reads is reported as a leak as well", async () => {
    const clock = new VirtualClock();
    const { peers, stream, events } = await held({ clock, total: "5s" });
    const call = stream();
    await until(() => peers.length === 1);
    peers[0]?.raw(`${chunked}${chunk("one")}`);
    await textOfRead((await call).body.getReader());
    await clock.advance(5_000);
    await until(() => events.length === 2);
    expect(events).toMatchObject([
      { type: "responseUnread", begun: true },
      { type: "attemptFinished", code: "DEADLINE_EXCEEDED" },
    ]);
  });
});

describe("an integration", () => {
  test("names the line of the program that asked for a body which nobody reads", async () => {
    const clock = new VirtualClock();
    const server = await WireServer.start((_request, peer) => peer.raw(`${chunked}${chunk(kib64)}`));
    onTestFinished(() => server.stop());
    const { api, events } = integrate(server.url, { clock, pool: { leak: "10s" } });
    const forgetful = async (): Promise<unknown> => await api.stream("read");
    await forgetful();
    await clock.advance(10_000);
    await until(() => api.snapshot().pool.inUse === 0);
    const leak = events.find((event) => event.type === "responseUnread");
    expect(leak?.madeAt.split("\n")[0]).toContain("forgetful");
  });

  test("that is closed waits for the bodies that are read, and ends those that go on for too long", async () => {
    const peers: Peer[] = [];
    const server = await WireServer.start((_request, peer) => {
      peers.push(peer);
      peer.raw(`${chunked}${chunk("one")}`);
    });
    onTestFinished(() => server.stop());
    const { api } = integrate(server.url, {});
    const first = await api.stream("plain");
    const second = await api.stream("plain");
    const reading = textOf(first.body);
    const reader = second.body.getReader();
    expect(await textOfRead(reader)).toBe("one");
    const ended = failureOf(reader.read());
    const closed = api.close({ within: "200ms" });
    peers[0]?.raw(`${chunk("two")}0\r\n\r\n`);
    expect(await reading).toBe("onetwo");
    await closed;
    expect(await ended).toMatchObject({ code: "INTEGRATION_CLOSED", effect: "unknown", kind: "aborted" });
  });
});
