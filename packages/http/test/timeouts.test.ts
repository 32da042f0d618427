import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { exponential } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { describe, expect, onTestFinished, test } from "vitest";
import { startBlackhole } from "./support/blackhole.ts";
import { endsAfter, failureOf, integrate, lane, send, sleep, timed, until } from "./support/harness.ts";

/**
 * A timeout of 200 ms, on the system's clock where the test cannot know when the client has heard from the server. Never
 * early; the upper bound is how long a broken product takes to be noticed, not how fast a machine must be. That timers are
 * exact is shown on the virtual clock.
 */
function expectFrom200(ms: number): void {
  expect(ms).toBeGreaterThanOrEqual(195);
  expect(ms).toBeLessThan(10_000);
}

const head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";

describe("the read timeout", () => {
  test("ends a wait for an answer that does not begin", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane(() => {}, { clock, timeout: { read: "200ms" } });
    const call = failureOf(send(api, "plain"));
    await until(() => server.received.length === 1);

    expect(await endsAfter(clock, 200, call)).toMatchObject({
      code: "READ_TIMEOUT",
      stage: "headers",
      effect: "unknown",
      message: "lab.plain: no answer within 200 ms (timeout.read); it may have acted",
    });
  });

  test("ends a gap in the body", async () => {
    const { api } = await lane((_request, peer) => peer.raw(`${head}12345`), { timeout: { read: "200ms" } });

    const { value, ms } = await timed(() => failureOf(send(api, "plain")));

    expect(value).toMatchObject({ code: "READ_TIMEOUT", stage: "body", status: 200, effect: "unknown" });
    expect(value.message).toBe("lab.plain: its answer stopped for 200 ms (timeout.read); it may have acted");
    expectFrom200(ms);
  });

  test("lets an answer take longer that never stops for so long", async () => {
    const { api } = await lane(
      (_request, peer) => {
        let sent = 0;
        peer.raw(head);
        const timer = setInterval(() => {
          peer.raw("0123456789");
          sent += 10;
          if (sent === 100) clearInterval(timer);
        }, 60);
      },
      { timeout: { read: "400ms" } },
    );

    const { value, ms } = await timed(() => send(api, "plain"));

    expect(value.bytes.byteLength).toBe(100);
    expect(ms).toBeGreaterThan(450);
  });

  test("counts an informational answer as a sign of life, not as the answer", async () => {
    const { api } = await lane(
      (_request, peer) => {
        peer.raw("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
        setTimeout(() => peer.raw("HTTP/1.1 103 Early Hints\r\nlink: </b>\r\n\r\n"), 200);
        setTimeout(() => peer.reply(201, "{}"), 400);
      },
      { timeout: { read: "350ms" } },
    );

    expect((await send(api, "plain")).status).toBe(201);
  });

  test("ends a request that the server does not take, and says that it was being sent", async () => {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      onTestFinished(() => void socket.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { api } = integrate(`http://127.0.0.1:${port}`, { timeout: { read: "200ms" } });

    const { value, ms } = await timed(() =>
      failureOf(
        api.request("plain", {
          body: new Uint8Array(32 * 1024 * 1024),
          headers: { "content-type": "application/octet-stream" },
        }),
      ),
    );

    expect(value).toMatchObject({ code: "READ_TIMEOUT", stage: "send", effect: "unknown", written: true });
    expect(value.message).toBe(
      "lab.plain: the request was not taken within 200 ms (timeout.read); it may have acted",
    );
    expectFrom200(ms);
  });

  test("does not run while the call waits for a connection", async () => {
    const { api } = await lane((_request, peer) => void setTimeout(() => peer.reply(200), 250), {
      timeout: { read: "400ms" },
      pool: { connections: 1, acquire: "5s" },
    });

    const answers = await Promise.all([send(api, "read"), send(api, "read"), send(api, "read")]);

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

describe("a host that swallows connections", () => {
  test("costs the connect timeout, and the request had no effect", async () => {
    const blackhole = await startBlackhole();
    onTestFinished(blackhole.stop);
    const clock = new VirtualClock();
    const { api } = integrate(blackhole.url, { clock, timeout: { connect: "200ms" } });

    expect(await endsAfter(clock, 200, failureOf(send(api, "plain")))).toMatchObject({
      code: "CONNECT_TIMEOUT",
      stage: "connect",
      effect: "none",
      written: false,
      message: `lab.plain: the connection to ${new URL(blackhole.url).host} was not made in time`,
    });
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, open: 0, connectFailures: 1 });
  });

  test("does not line up its callers: each fails in its own time", async () => {
    const blackhole = await startBlackhole();
    onTestFinished(blackhole.stop);
    const clock = new VirtualClock();
    const { api } = integrate(blackhole.url, {
      clock,
      timeout: { connect: "400ms" },
      pool: { connections: 1, acquire: "200ms" },
    });
    const connecting = failureOf(send(api, "plain"));
    const waiting = [1, 2, 3].map(() => failureOf(send(api, "plain")));

    const codes = (await endsAfter(clock, 200, Promise.all(waiting))).map(({ code }) => code);
    expect(codes).toEqual(["ACQUIRE_TIMEOUT", "ACQUIRE_TIMEOUT", "ACQUIRE_TIMEOUT"]);
    expect((await endsAfter(clock, 200, connecting)).code).toBe("CONNECT_TIMEOUT");
  });

  test("does not keep a caller that gives up, and the connection on its way serves the next one", async () => {
    const blackhole = await startBlackhole();
    onTestFinished(blackhole.stop);
    const { api } = integrate(blackhole.url, {
      timeout: { connect: "20s" },
      pool: { connections: 1, acquire: "5s" },
    });
    const controller = new AbortController();
    const first = timed(() => failureOf(send(api, "plain", { signal: controller.signal })));
    await sleep(50);
    controller.abort();

    const { value, ms } = await first;
    expect(value).toMatchObject({ code: "CALL_ABORTED", effect: "none", kind: "aborted", written: false });
    // Well before the connect timeout, which is what it would otherwise have waited for.
    expect(ms).toBeLessThan(10_000);
    expect(api.snapshot().pool.inUse).toBe(0);

    const second = send(api, "read");
    blackhole.open();
    expect((await second).status).toBe(200);
    expect(api.snapshot().pool).toMatchObject({ opened: 1, inUse: 0, connectFailures: 0 });
  });

  test("a caller that joined a connection on its way is not failed for the time of the one before", async () => {
    const blackhole = await startBlackhole();
    onTestFinished(blackhole.stop);
    const clock = new VirtualClock();
    const { api } = integrate(blackhole.url, {
      clock,
      timeout: { connect: "500ms" },
      pool: { connections: 1 },
    });
    const controller = new AbortController();
    const first = failureOf(send(api, "plain", { signal: controller.signal }));
    await clock.advance(350);
    controller.abort();
    await first;

    const second = failureOf(send(api, "plain"));
    let ended = false;
    void second.then(() => {
      ended = true;
    });
    await clock.advance(499);
    expect(ended).toBe(false);
    await clock.advance(1_000);
    expect(await second).toMatchObject({ code: "CONNECT_TIMEOUT", effect: "none" });
  });
});

describe("the attempt and total timeouts", () => {
  test("the attempt timeout ends an answer that drips for ever, and says how far the call was", async () => {
    const { api } = await lane(
      (_request, peer) => {
        peer.raw(head);
        const timer = setInterval(() => peer.raw("."), 20);
        peer.socket.on("close", () => clearInterval(timer));
      },
      { timeout: { attempt: "200ms", read: "150ms" } },
    );

    const { value, ms } = await timed(() => failureOf(send(api, "plain")));

    expect(value).toMatchObject({
      code: "ATTEMPT_TIMEOUT",
      effect: "unknown",
      stage: "body",
      written: true,
      attempts: 1,
    });
    expectFrom200(ms);
  });

  test("the total timeout ends all attempts together", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(503), {
      timeout: { total: "200ms", read: "200ms" },
      retry: { maxRetries: 1_000, jitter: "none", backoff: exponential("20ms") },
    });

    const { value, ms } = await timed(() => failureOf(send(api, "read")));

    // Backoff that would pass the deadline is not waited for, so the call may end a little earlier than it. Without the
    // deadline a thousand retries would wait for hours.
    expect(value.effect).toBe("none");
    expect(ms).toBeLessThan(10_000);
    expect(server.received.length).toBe(value.attempts);
  });

  test("the total timeout before anything left had no effect", async () => {
    const clock = new VirtualClock();
    const { api } = await lane(() => {}, {
      clock,
      timeout: { total: "2s" },
      pool: { connections: 1, acquire: "1.5s" },
    });
    const controller = new AbortController();
    const holder = failureOf(send(api, "plain", { signal: controller.signal }));

    const call = failureOf(api.request("plain", { deadlineAtMs: clock.now() + 200 }));
    expect(await endsAfter(clock, 200, call)).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      effect: "none",
      stage: "acquire",
      written: false,
    });
    controller.abort();
    await holder;
  });

  test("a deadline that the caller brings is kept where it is nearer", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane(() => {}, { clock });
    const call = failureOf(api.request("read", { deadlineAtMs: clock.now() + 200 }));
    await until(() => server.received.length === 1);

    expect(await endsAfter(clock, 200, call)).toMatchObject({ code: "DEADLINE_EXCEEDED", stage: "headers" });
  });

  test("an operation's own timeouts replace the integration's", async () => {
    const { api } = await lane(() => {}, {
      timeout: { read: "20s" },
      operations: {
        read: { method: "GET", path: "/", timeout: { read: "200ms" } },
        keyed: {
          method: "POST",
          path: "/",
          idempotency: { header: "Idempotency-Key", window: "1d" },
          refusals: [402],
        },
        plain: { method: "POST", path: "/", refusals: [402] },
      } as never,
    });

    const { value, ms } = await timed(() => failureOf(api.request("read")));

    expect(value.code).toBe("READ_TIMEOUT");
    expectFrom200(ms);
  });
});
