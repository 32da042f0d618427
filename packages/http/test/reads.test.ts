import { exponential, Failure } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { describe, expect, test } from "vitest";
import { closeNow, endsAfter, failureOf, lane, operations, send, sleep, until } from "./support/harness.ts";

/** How a call can be ended from our side while the server has the request and says nothing. */
const ends = [
  ["its deadline", "DEADLINE_EXCEEDED"],
  ["its attempt timeout", "ATTEMPT_TIMEOUT"],
  ["its read timeout", "READ_TIMEOUT"],
  ["its caller", "CALL_ABORTED"],
  ["close", "INTEGRATION_CLOSED"],
] as const;

describe.each([
  ["read", "none"],
  ["keyed", "unknown"],
  ["plain", "unknown"],
] as const)("a %s request", (operation, effect) => {
  test.each(ends)(`that %s ends after it was written has effect ${effect}`, async (end, code) => {
    const clock = new VirtualClock();
    const { api, server, events } = await lane(() => {}, {
      clock,
      timeout: {
        total: "300ms",
        ...(code === "READ_TIMEOUT" ? { read: "100ms" } : {}),
        ...(code === "ATTEMPT_TIMEOUT" ? { attempt: "200ms" } : {}),
      },
    });
    const controller = new AbortController();
    const call = failureOf(send(api, operation, { signal: controller.signal }));
    await until(() => server.received.length === 1);
    if (end === "close") void closeNow(api, clock);
    if (end === "its caller") controller.abort();
    await clock.advance(300);

    expect(await call).toMatchObject({ code, effect, written: true });
    for (const event of events) {
      if ("effect" in event) expect(event).toMatchObject({ effect });
    }
  });

  test(`that ends in the wait for its retry has effect ${effect}`, async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(503, "{}", { "retry-after": "5" }), {
      retry: {},
      operations: { ...operations, plain: { ...operations.plain, idempotency: "natural" } } as never,
    });
    const controller = new AbortController();
    const aborted = failureOf(send(api, operation, { signal: controller.signal }));
    const closed = failureOf(send(api, operation));
    await until(() => server.received.length === 2 && api.snapshot().pool.inUse === 0);
    await sleep(5);
    controller.abort();
    await api.close({ within: "0ms" });

    expect(await aborted).toMatchObject({ code: "CALL_ABORTED", effect });
    expect(await closed).toMatchObject({ code: "INTEGRATION_CLOSED", effect });
  });

  test(`that ends while it resends what a closing connection swallowed has effect ${effect}`, async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane(
      ({ connection, nth }, peer) => {
        if (connection === 1 && nth === 1) peer.reply(200);
        else if (connection === 1) peer.fin();
      },
      {
        clock,
        timeout: { total: "300ms" },
        operations: { ...operations, plain: { ...operations.plain, idempotency: "natural" } } as never,
      },
    );
    await send(api, operation);
    const call = failureOf(send(api, operation));
    await until(() => server.received.length === 3);

    expect(await endsAfter(clock, 300, call)).toMatchObject({ code: "DEADLINE_EXCEEDED", effect });
  });
});

test.each(["none", { header: "Idempotency-Key", window: "1d" }] as const)(
  "a GET has no effect and is repeated, whatever its idempotency is said to be (%j)",
  async (idempotency) => {
    const { api, server } = await lane((_request, peer) => peer.reply(503), {
      retry: { maxRetries: 1, backoff: exponential("1ms") },
      operations: { ...operations, read: { method: "GET", path: "/read", idempotency } } as never,
    });

    const failure = await failureOf(api.request("read"));

    expect(failure).toMatchObject({ code: "HTTP_503", effect: "none", kind: "failed", transient: true });
    expect(Failure.is(failure)).toBe(true);
    expect(server.received).toHaveLength(2);
    server.behave((_request, peer) => peer.rst());
    expect(await failureOf(api.request("read"))).toMatchObject({ code: "CONNECTION_LOST", effect: "none" });
  },
);

test("a read that fails for good is not transient for having had no effect", async () => {
  const { api } = await lane((_request, peer) => peer.reply(500));

  expect(await failureOf(send(api, "read"))).toMatchObject({
    effect: "none",
    kind: "failed",
    transient: false,
  });
});
