import { describe, expect, test } from "vitest";
import { failureOf, integrate, lane, type OperationName, send, until } from "./support/harness.ts";
import { type Behaviour, WireServer } from "./support/wire-server.ts";

/**
 * What a server can do to a request, what the failure says, and whether it was sent again.
 *
 * `fresh` is a connection on which nothing was ever answered, `reused` one that has served a request. The count is
 * what the server received of the one call.
 */
interface Row {
  readonly fault: string;
  readonly behaviour: Behaviour;
  readonly code: string;
  readonly stage: "headers" | "body";
  /** A fault before the first byte of an answer, so that a reused connection may have been stale. */
  readonly silent: boolean;
}

const ok = (length: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`;

const rows: readonly Row[] = [
  {
    fault: "closes before the answer (FIN)",
    behaviour: (_request, peer) => peer.fin(),
    code: "CONNECTION_LOST",
    stage: "headers",
    silent: true,
  },
  {
    fault: "resets before the answer (RST)",
    behaviour: (_request, peer) => peer.rst(),
    code: "CONNECTION_LOST",
    stage: "headers",
    silent: true,
  },
  {
    fault: "closes inside the head",
    behaviour: (_request, peer) => {
      peer.raw("HTTP/1.1 200 OK\r\ncontent-le");
      peer.fin();
    },
    code: "CONNECTION_LOST",
    stage: "headers",
    silent: false,
  },
  {
    fault: "answers with something that is not HTTP",
    behaviour: (_request, peer) => peer.raw("SSH-2.0-OpenSSH_9.9\r\n"),
    code: "RESPONSE_INVALID",
    stage: "headers",
    silent: false,
  },
  {
    fault: "answers with a head that is too large",
    behaviour: (_request, peer) => peer.raw(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}\r\n\r\n`),
    code: "RESPONSE_TOO_LARGE",
    stage: "headers",
    silent: false,
  },
  {
    fault: "says nothing",
    behaviour: () => {},
    code: "READ_TIMEOUT",
    stage: "headers",
    silent: false,
  },
  {
    fault: "stalls in the middle of the body",
    behaviour: (_request, peer) => peer.raw(`${ok(10)}12345`),
    code: "READ_TIMEOUT",
    stage: "body",
    silent: false,
  },
  {
    fault: "closes in the middle of a body of known length",
    behaviour: (_request, peer) => {
      peer.raw(`${ok(10)}12345`);
      peer.fin();
    },
    code: "CONNECTION_LOST",
    stage: "body",
    silent: false,
  },
  {
    fault: "closes in the middle of a chunked body",
    behaviour: (_request, peer) => {
      peer.raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n");
      peer.fin();
    },
    code: "CONNECTION_LOST",
    stage: "body",
    silent: false,
  },
  {
    fault: "resets in the middle of the body",
    behaviour: (_request, peer) => {
      peer.socket.write(`${ok(10)}12345`, () => setTimeout(peer.rst, 20));
    },
    code: "CONNECTION_LOST",
    stage: "body",
    silent: false,
  },
  {
    fault: "sends more than is taken",
    behaviour: (_request, peer) => peer.reply(200, "x".repeat(5_000)),
    code: "RESPONSE_TOO_LARGE",
    stage: "body",
    silent: false,
  },
  {
    fault: "sends more than is taken and closes",
    behaviour: (_request, peer) => {
      peer.reply(200, "x".repeat(5_000), { connection: "close" });
      peer.fin();
    },
    code: "RESPONSE_TOO_LARGE",
    stage: "body",
    silent: false,
  },
];

const settings = { timeout: { read: "200ms" }, maxResponseBytes: 1_000 } as const;

describe.each(rows)("a server that $fault", ({ behaviour, code, stage, silent }) => {
  describe.each(["read", "keyed", "plain"] as const)("to a %s request", (operation) => {
    const effect = operation === "read" ? "none" : "unknown";

    test(`on a fresh connection: the effect is ${effect}, and nothing is sent twice`, async () => {
      const { server, api } = await lane(behaviour, settings);

      const failure = await failureOf(send(api, operation));

      expect(failure).toMatchObject({
        code,
        stage,
        effect,
        kind: "failed",
        written: true,
        reused: false,
      });
      expect(server.received).toHaveLength(1);
      expect(api.snapshot().pool).toMatchObject({ inUse: 0, waiting: 0, staleResends: 0 });
    });

    test("on a reused connection: sent again only when silent and repeatable, and only once", async () => {
      const { server, api } = await lane((_request, peer) => peer.reply(200), settings);
      await send(api, operation, { id: "first" });
      server.behave(behaviour);
      const again = silent && operation !== "plain";

      const failure = await failureOf(send(api, operation));

      expect(failure).toMatchObject({ code, stage, effect, written: true, reused: !again });
      const copies = server.received.slice(1);
      expect(copies.map(({ connection }) => connection)).toEqual(again ? [1, 2] : [1]);
      expect(new Set(copies.map(({ body, headers }) => `${body} ${headers["idempotency-key"]}`)).size).toBe(
        1,
      );
      expect(api.snapshot().pool).toMatchObject({ inUse: 0, waiting: 0, staleResends: again ? 1 : 0 });
    });
  });
});

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
