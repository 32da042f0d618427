import { VirtualClock } from "@outrigger/lab";
import { describe, expect, test } from "vitest";
import { closeNow, endsAfter, failureOf, lane, send, sleep, timed, until } from "./support/harness.ts";

describe("waiting for a connection", () => {
  test("ends after pool.acquire with an error of its own; nothing was sent", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane(() => {}, {
      clock,
      pool: { connections: 1, acquire: "200ms" },
      retry: { maxRetries: 2 },
    });
    const busy = failureOf(send(api, "plain", { id: "busy" }));
    await until(() => server.received.length === 1);

    const late = failureOf(send(api, "plain", { id: "late" }));

    expect(await endsAfter(clock, 200, late)).toMatchObject({
      code: "ACQUIRE_TIMEOUT",
      effect: "none",
      kind: "rejected",
      stage: "acquire",
      written: false,
      attempts: 1,
    });
    expect(server.received.map(({ body }) => body)).toEqual(['{"id":"busy"}']);
    expect(api.snapshot().pool).toMatchObject({ inUse: 1, waiting: 0, acquireTimeouts: 1 });
    await closeNow(api, clock);
    await busy;
  });

  test("by twenty who gave up opens no connection and destroys none", async () => {
    const clock = new VirtualClock();
    let answerFirst = (): void => {};
    const { api, server } = await lane(
      (request, peer) => {
        if (request.nth === 1) answerFirst = () => peer.reply(200);
        else peer.reply(200);
      },
      { clock, pool: { connections: 1, acquire: "100ms" } },
    );
    const first = send(api, "read", { id: "first" });
    await until(() => server.received.length === 1);
    const controller = new AbortController();
    const timedOut = Array.from({ length: 10 }, () => failureOf(send(api, "plain")));
    const aborted = Array.from({ length: 10 }, () =>
      failureOf(send(api, "plain", { signal: controller.signal })),
    );
    await until(() => api.snapshot().pool.waiting === 20);
    // The clock stands still: whoever is told to leave waits for no timer.
    controller.abort();
    for (const failure of await Promise.all(aborted)) {
      expect(failure).toMatchObject({ code: "CALL_ABORTED", effect: "none", stage: "acquire" });
    }
    expect(api.snapshot().pool.waiting).toBe(10);
    for (const failure of await endsAfter(clock, 100, Promise.all(timedOut))) {
      expect(failure.code).toBe("ACQUIRE_TIMEOUT");
    }

    answerFirst();
    await first;
    await send(api, "read", { id: "last" });

    expect(server.connections).toBe(1);
    expect(server.received.map(({ target }) => target)).toEqual(["/read?id=first", "/read?id=last"]);
    expect(api.snapshot().pool).toMatchObject({ opened: 1, closed: 0, inUse: 0, waiting: 0 });
  });

  test("is refused at once when the queue is full", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane(() => {}, {
      clock,
      pool: { connections: 1, maxWaiting: 2, acquire: "5s" },
    });
    const held = Array.from({ length: 3 }, () => failureOf(send(api, "plain")));
    await until(() => server.received.length === 1);

    // The clock stands still: there is no timer that this could wait for.
    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "POOL_FULL",
      effect: "none",
      kind: "rejected",
    });
    expect(api.snapshot().pool).toMatchObject({ inUse: 1, waiting: 2, rejected: 1 });
    await closeNow(api, clock);
    await Promise.all(held);
    expect(server.received).toHaveLength(1);
  });

  test("is in the order of arrival", async () => {
    const { api, server } = await lane((_request, peer) => void setTimeout(() => peer.reply(200), 2), {
      pool: { connections: 1, acquire: "5s" },
    });
    const ids = Array.from({ length: 20 }, (_, index) => String(index));

    await Promise.all(ids.map((id) => send(api, "read", { id })));

    expect(server.received.map(({ target }) => target)).toEqual(ids.map((id) => `/read?id=${id}`));
    expect(server.connections).toBe(1);
  });

  test("is not shortened or lengthened by those who come and go", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane(() => {}, {
      clock,
      pool: { connections: 1, acquire: "300ms" },
      timeout: { read: "5s" },
    });
    const held = failureOf(send(api, "plain"));
    await until(() => server.received.length === 1);
    const waiting = failureOf(send(api, "plain"));
    for (let nth = 1; nth <= 10; nth += 1) {
      const controller = new AbortController();
      const other = failureOf(send(api, "plain", { signal: controller.signal }));
      await clock.advance(25);
      controller.abort();
      await other;
    }

    expect((await endsAfter(clock, 50, waiting)).code).toBe("ACQUIRE_TIMEOUT");
    await closeNow(api, clock);
    await held;
  });
});

describe("a connection", () => {
  test("serves one request after the other", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200));

    for (let nth = 1; nth <= 20; nth += 1) await send(api, "plain");

    expect(server.connections).toBe(1);
    expect(api.snapshot().pool).toMatchObject({ opened: 1, reused: 19, open: 1, inUse: 0 });
  });

  test("is held until the whole answer is read, and so is the slot of the call", async () => {
    let finish = (): void => {};
    const { api, server } = await lane((_request, peer) => {
      peer.raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345");
      finish = () => peer.raw("67890");
    });
    const call = send(api, "plain");
    await until(() => server.received.length === 1);
    await sleep(50);

    expect(api.snapshot().pool.inUse).toBe(1);
    expect(api.snapshot().concurrency?.inUse).toBe(1);
    expect(api.snapshot().calls.running).toBe(1);

    finish();
    expect((await call).text()).toBe("1234567890");
    expect(api.snapshot().pool.inUse).toBe(0);
    expect(api.snapshot().concurrency?.inUse).toBe(0);
  });

  test("is opened only when every other is in use, up to the limit", async () => {
    const { api, server } = await lane((_request, peer) => void setTimeout(() => peer.reply(200), 30), {
      pool: { connections: 3, acquire: "5s" },
    });

    await Promise.all(Array.from({ length: 9 }, () => send(api, "read")));
    await send(api, "read");

    expect(server.connections).toBe(3);
  });

  test("that the server asks to close is closed, and nobody fails for it", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200, "{}", { connection: "close" }));

    for (let nth = 1; nth <= 5; nth += 1) await send(api, "plain");

    expect(server.connections).toBe(5);
    await until(() => api.snapshot().pool.open === 0);
    expect(api.snapshot().pool).toMatchObject({ closed: 5, staleResends: 0, inUse: 0 });
  });

  test("of an aborted request dies with it, and its slot is free at once", async () => {
    const { api, server } = await lane(() => {}, { pool: { connections: 1 } });
    const controller = new AbortController();
    const call = failureOf(send(api, "plain", { signal: controller.signal }));
    await until(() => server.received.length === 1);
    controller.abort();

    expect(await call).toMatchObject({
      code: "CALL_ABORTED",
      effect: "unknown",
      written: true,
      stage: "headers",
    });
    expect(api.snapshot().pool.inUse).toBe(0);
    await until(() => server.open === 0);
  });
});

describe("closing", () => {
  test("waits for a connection that an aborted request has just ended", async () => {
    const { api, server } = await lane(() => {});
    const controller = new AbortController();
    const aborted = failureOf(send(api, "plain", { signal: controller.signal }));
    await until(() => server.received.length === 1);
    controller.abort();
    await aborted;

    await api.close();

    expect(api.snapshot().pool).toMatchObject({ open: 0, opened: 1, closed: 1 });
  });
});

describe("an idle connection", () => {
  test.each([
    ["timeout=1", 1_000],
    ["timeout=2", 2_000],
    ["timeout=5, max=1000", 5_000],
  ])("is kept by the server's hint, also a short one (%s), and never used after it", async (hint, hintMs) => {
    const { api, server } = await lane((_request, peer) => peer.reply(200, "{}", { "keep-alive": hint }), {
      pool: { keepAlive: "100ms" },
    });
    await send(api, "plain");
    await sleep(200);
    await send(api, "plain");
    expect(server.connections).toBe(1);

    if (hintMs === 1_000) {
      await until(() => api.snapshot().pool.open === 0);
      await send(api, "plain");
      expect(server.connections).toBe(2);
      expect(api.snapshot().pool.staleResends).toBe(0);
    }
  });

  test("is closed after our own time when the server gives no hint", async () => {
    const { api } = await lane((_request, peer) => peer.reply(200), { pool: { keepAlive: "150ms" } });
    const { ms } = await timed(async () => {
      await send(api, "plain");
      expect(api.snapshot().pool.open).toBe(1);
      await until(() => api.snapshot().pool.open === 0);
    });

    expect(ms).toBeGreaterThanOrEqual(140);
    // Before the default, so that it is this setting which closed it.
    expect(ms).toBeLessThan(3_900);
  });

  test("is not kept longer than our maximum, whatever the server says", async () => {
    const { api } = await lane((_request, peer) => peer.reply(200, "{}", { "keep-alive": "timeout=600" }), {
      pool: { keepAlive: "100ms", keepAliveMax: "200ms" },
    });
    await send(api, "plain");

    await until(() => api.snapshot().pool.open === 0);
  });
});
