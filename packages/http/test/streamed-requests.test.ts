import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { VirtualClock } from "@outrigger/lab";
import { describe, expect, onTestFinished, test } from "vitest";
import { failureOf, until } from "./support/harness.ts";
import { chunks, HandFed, type Raw, type RawOptions, rawTransport } from "./support/raw-transport.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Got {
  readonly body: string;
  readonly length: string | undefined;
  readonly encoding: string | undefined;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const each of request.setEncoding("utf8")) body += each;
  return body;
}

/** A server that notes whole requests, and answers as it is told. */
async function lane(
  options: RawOptions = {},
  handler?: Handler,
): Promise<Raw & { got: Got[]; begun: () => number }> {
  const got: Got[] = [];
  let begun = 0;
  const server = createServer((request, response) => {
    begun += 1;
    if (handler !== undefined) return handler(request, response);
    bodyOf(request).then(
      (body) => {
        got.push({
          body,
          length: request.headers["content-length"],
          encoding: request.headers["transfer-encoding"],
        });
        response.end("{}");
      },
      () => {},
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { got, begun: () => begun, ...rawTransport(`http://127.0.0.1:${port}`, options) };
}

/** A server on bare TCP. */
async function tcpLane(
  onSocket: (socket: Socket, nth: number) => void,
  options: RawOptions = {},
): Promise<Raw> {
  let nth = 0;
  const server = createTcpServer((socket) => {
    nth += 1;
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
    onSocket(socket, nth);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return rawTransport(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
}

const post = { method: "POST" } as const;

describe("a body that is produced while it is sent", () => {
  test("arrives in the order of its chunks, chunked or with the length that was declared", async () => {
    const { send, got, pool } = await lane();
    const progress: number[] = [];
    const onProgress = (direction: string, bytes: number): void => {
      if (direction === "sent") progress.push(bytes);
    };
    await send({ ...post, body: chunks(["one ", "", "two"]), onProgress });
    await send({ ...post, body: chunks(["one ", "two"], { length: 7 }) });
    await send({ ...post, body: chunks([]) });
    expect(got).toEqual([
      { body: "one two", length: undefined, encoding: "chunked" },
      { body: "one two", length: "7", encoding: undefined },
      { body: "", length: "0", encoding: undefined },
    ]);
    expect(progress).toEqual([4, 3]);
    expect(pool.snapshot()).toMatchObject({ opened: 1, inUse: 0, reused: 2 });
  });

  test.each(["one", "one two three"])(
    "of another length (%j) than declared fails the request",
    async (text) => {
      const { send, pool } = await lane();
      const source = chunks([text], { length: 7 });
      expect(await failureOf(send({ ...post, body: source, repeatable: true }))).toMatchObject({
        code: "REQUEST_BODY_FAILED",
        kind: "aborted",
        transient: false,
        effect: "unknown",
      });
      expect(source.opened).toBe(1);
      await until(() => pool.snapshot().inUse === 0);
    },
  );

  test("that nobody could have sent is never opened", async () => {
    const { send } = rawTransport("http://127.0.0.1:1", { retries: 2 });
    const body = new HandFed();
    expect(await failureOf(send({ ...post, body }))).toMatchObject({
      code: "CONNECT_FAILED",
      effect: "none",
      attempts: 3,
    });
    expect(body.opened).toBe(0);
  });

  test("that fails before its first chunk has had no effect; after it, nobody can know", async () => {
    const { send, begun } = await lane();
    for (const [first, effect] of [
      [undefined, "none"],
      ["some", "unknown"],
    ] as const) {
      const body = new HandFed();
      const failed = failureOf(send({ ...post, body }));
      await until(() => body.isAsked);
      if (first !== undefined) {
        body.give(first);
        await until(() => begun() === 1 && body.isAsked);
      }
      body.fail(new Error("the disk is gone"));
      expect(await failed).toMatchObject({
        code: "REQUEST_BODY_FAILED",
        effect,
        kind: "aborted",
        transient: false,
        written: first !== undefined,
        cause: { message: "the disk is gone" },
      });
    }
    expect(begun()).toBe(1);
  });

  test("is told when its request ends before it does", async () => {
    const { send, pool } = await lane();
    const body = new HandFed();
    const controller = new AbortController();
    const call = send({ ...post, body, signal: controller.signal });
    const failed = expect(call).rejects.toMatchObject({ code: "CALL_ABORTED" });
    await until(() => body.isAsked);
    controller.abort();
    await failed;
    await until(() => body.cancelled.length === 1);
    await until(() => pool.snapshot().inUse === 0);
  });

  test("may be answered before its end; it is told, and the connection serves no other", async () => {
    const { send, pool, got } = await lane({}, (_request, response) => void response.end("early"));
    const body = new HandFed();
    const call = send({ ...post, body });
    await until(() => body.isAsked);
    body.give("some");
    expect(await call).toMatchObject({ status: 200 });
    expect(body.cancelled).toHaveLength(1);
    await until(() => pool.snapshot().inUse === 0 && pool.snapshot().open === 0);
    expect(got).toEqual([]);
  });
});

describe("silence", () => {
  test("of the source is not the other side's; of a socket that takes nothing it is", async () => {
    const clock = new VirtualClock();
    const { send } = await tcpLane((socket) => void socket.pause(), { clock });
    const body = new HandFed();
    const failed = failureOf(send({ ...post, body, readMs: 100 }));
    await until(() => body.isAsked);
    body.give("first");
    await until(() => body.isAsked);
    await clock.advance(5_000);
    expect(body.cancelled).toEqual([]);
    // More than the kernel's buffers on both sides take.
    body.give("x".repeat(64 * 1024 * 1024));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(200);
    expect(await failed).toMatchObject({ code: "READ_TIMEOUT", stage: "send", effect: "unknown" });
    expect(body.cancelled).toHaveLength(1);
  });
});

describe("sending again", () => {
  /** Answers the first request of each connection; at the second it hangs up, at the first connection only. */
  const hangsUpOnce = (socket: Socket, nth: number): void => {
    let requests = 0;
    socket.on("data", (data) => {
      if (
        !data.toString("latin1").includes("\r\n0\r\n\r\n") &&
        !data.toString("latin1").includes("length: 0")
      )
        return;
      requests += 1;
      if (nth === 1 && requests === 2) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
  };

  test("opens a source again that can be, and only for a request that may be sent twice", async () => {
    const { send, pool } = await tcpLane(hangsUpOnce);
    await send({ ...post, body: chunks([]) });
    const again = chunks(["body"]);
    expect(await send({ ...post, body: again, repeatable: true })).toMatchObject({ status: 200 });
    expect(again.opened).toBe(2);
    expect(pool.snapshot()).toMatchObject({ staleResends: 1, inUse: 0 });
  });

  test("is not done with one that cannot, nor is a retry; the failure says why", async () => {
    const { send, pool } = await tcpLane(hangsUpOnce, { retries: 2 });
    await send({ ...post, body: chunks([]) });
    const once = chunks(["body"], { replayable: false, whyOnce: "its body is a stream" });
    const failure = await failureOf(send({ ...post, body: once, repeatable: true }));
    expect(failure).toMatchObject({
      code: "CONNECTION_LOST",
      effect: "unknown",
      transient: false,
      attempts: 1,
    });
    expect(failure.message).toContain("not sent again: its body is a stream");
    expect(once.opened).toBe(1);
    expect(pool.snapshot()).toMatchObject({ staleResends: 0, inUse: 0 });
  });

  test("after an answer that asks for it is not done either when the body is gone", async () => {
    const { send, begun } = await lane({ retries: 2 }, (request, response) => {
      bodyOf(request).then(
        () => response.writeHead(503).end(),
        () => {},
      );
    });
    const failure = await failureOf(
      send({ ...post, repeatable: true, body: chunks(["body"], { replayable: false }) }),
    );
    expect(failure).toMatchObject({ code: "HTTP_503", transient: false, attempts: 1 });
    expect(begun()).toBe(1);
    const replayable = chunks(["body"]);
    await failureOf(send({ ...post, repeatable: true, body: replayable }));
    expect(replayable.opened).toBe(3);
  });
});
