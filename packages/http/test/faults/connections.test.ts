import { describe, expect, test } from "vitest";
import { failureOf, integrate, lane, type OperationName, send, until } from "../support/harness.ts";
import { type Behaviour, WireServer } from "../support/wire-server.ts";

const ok = (length: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`;

const settings = { timeout: { read: "200ms" }, maxResponseBytes: 1_000 } as const;

describe("a connection that died while it was reused", () => {
  const once =
    (fault: "fin" | "rst"): Behaviour =>
    (request, peer) => {
      if (request.nth === 2) peer[fault]();
      else peer.reply(200, request.body);
    };

  test.each([
    ["read", "fin"],
    ["read", "rst"],
    ["keyed", "fin"],
    ["keyed", "rst"],
  ] as const)(
    "does not surface for a %s request (%s): the second sending is answered",
    async (operation, fault) => {
      const { server, api, events } = await lane(once(fault));
      await send(api, operation, { id: "first" });

      const response = await send(api, operation, { id: "second" });

      expect(response.status).toBe(200);
      expect(server.received).toHaveLength(3);
      expect(events.filter((event) => event.type === "staleResend")).toMatchObject([
        { attempt: 1, written: true },
      ]);
      expect(events.filter((event) => event.type === "retryScheduled")).toEqual([]);
    },
  );

  test("surfaces for a request that must not be sent twice, with effect unknown", async () => {
    const { server, api } = await lane(once("rst"), { retry: { maxRetries: 2 } });
    await send(api, "plain", { id: "first" });

    expect(await failureOf(send(api, "plain", { id: "second" }))).toMatchObject({
      code: "CONNECTION_LOST",
      effect: "unknown",
      reused: true,
      attempts: 1,
    });
    expect(server.received.map(({ body }) => body)).toEqual(['{"id":"first"}', '{"id":"second"}']);
  });
});

test("a resend that cannot connect does not undo the sending before it: the effect stays unknown", async () => {
  const { server, api } = await lane((_request, peer) => peer.reply(200));
  await send(api, "keyed", { id: "first" });
  server.behave(async (_request, peer) => {
    await server.refuse();
    peer.rst();
  });

  expect(await failureOf(send(api, "keyed", { id: "second" }))).toMatchObject({
    code: "CONNECT_FAILED",
    stage: "connect",
    effect: "unknown",
    written: true,
  });
  expect(server.received).toHaveLength(2);
});

describe("a service that cannot be reached", () => {
  test.each(["read", "keyed", "plain"] as const)(
    "refuses the connection: a %s request had no effect, and may be retried",
    async (operation) => {
      const gone = await WireServer.start(() => {});
      const { url } = gone;
      await gone.stop();
      const { api, events } = integrate(url, { retry: { maxRetries: 1 } });

      expect(await failureOf(send(api, operation))).toMatchObject({
        code: "CONNECT_FAILED",
        effect: "none",
        kind: "failed",
        transient: true,
        stage: "connect",
        written: false,
        attempts: 2,
        cause: { code: "ECONNREFUSED" },
        message: `lab.${operation}: the connection to ${new URL(url).host} was not made (ECONNREFUSED)`,
      });
      expect(events.filter((event) => event.type === "connectionFailed")).toMatchObject([
        { code: "ECONNREFUSED" },
        { code: "ECONNREFUSED" },
      ]);
      expect(events.filter((event) => event.type === "staleResend")).toEqual([]);
      expect(api.snapshot().pool).toMatchObject({ inUse: 0, waiting: 0, open: 0 });
    },
  );

  test("has no address: the request had no effect", async () => {
    const { api } = integrate("http://no-such-host.invalid", { timeout: { connect: "20s" } });

    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "DNS_FAILED",
      message: expect.stringContaining("the host of no-such-host.invalid:80 was not found (E") as string,
      effect: "none",
      stage: "connect",
      written: false,
    });
  });
});

describe("an idle connection", () => {
  test("on which the server speaks unasked is not used for the next request", async () => {
    const { server, api } = await lane((_request, peer) => {
      peer.reply(200);
      setTimeout(
        () => peer.raw("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        20,
      );
    });
    await send(api, "plain", { id: "1" });
    await until(() => server.open === 0);

    await send(api, "plain", { id: "2" });

    expect(server.received.map(({ connection }) => connection)).toEqual([1, 2]);
    expect(api.snapshot().pool.open).toBe(1);
  });

  test.each([["fin"], ["rst"]] as const)(
    "that the server ended (%s) leaves the pool at once",
    async (fault) => {
      const { server, api } = await lane((_request, peer) => {
        peer.reply(200);
        setTimeout(() => peer[fault](), 10);
      });
      await send(api, "plain");
      await until(() => api.snapshot().pool.open === 0);

      await send(api, "plain");

      expect(server.received).toHaveLength(2);
      expect(api.snapshot().pool).toMatchObject({ opened: 2, staleResends: 0 });
    },
  );
});

test("what a failed request left behind never reaches the next one", async () => {
  const { server, api } = await lane((_request, peer) => peer.raw(`${ok(10)}12345`), settings);
  for (const operation of ["read", "keyed", "plain"] as const satisfies readonly OperationName[]) {
    await failureOf(send(api, operation));
  }
  server.behave((request, peer) => peer.reply(200, request.target));

  expect((await send(api, "read", { id: "x" })).text()).toBe("/read?id=x");
});

test.each([429, 503, 402])(
  "a resend that is answered %i does not undo the sending before it: the effect stays unknown",
  async (status) => {
    const { server, api } = await lane(
      ({ connection, nth }, peer) => {
        if (connection === 1 && nth === 1) return peer.reply(200, "{}");
        // The one that a closing connection swallowed may have been read all the same.
        if (connection === 1) return peer.fin();
        return peer.reply(status, "{}");
      },
      { notApplied: [503], pool: { connections: 1 } },
    );
    await send(api, "keyed", { id: "warm" });
    const failure = await failureOf(send(api, "keyed"));
    expect(server.received.map(({ connection }) => connection)).toEqual([1, 1, 2]);
    expect(failure).toMatchObject({ code: `HTTP_${status}`, effect: "unknown" });
  },
);
