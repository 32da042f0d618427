import { exponential } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { describe, expect, test } from "vitest";
import { httpIntegration, type TracedAttempt, type TraceHeaders } from "../src/index.ts";
import { failureOf, lane, until } from "./support/harness.ts";

const again = { retry: { maxRetries: 1, backoff: exponential("1s"), jitter: "none" } } as const;
const trace = "0af7651916cd43dd8448eb211c80319c";

describe("the deadline header", () => {
  test("says before each attempt how much is left of the call", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane((_request, peer) => peer.reply(503), {
      ...again,
      clock,
      timeout: { total: "20s" },
      deadlineHeader: { name: "X-Timeout-Ms", format: "milliseconds" },
    });
    const call = failureOf(api.request("read"));
    await until(() => server.received.length === 1);
    // The answer has to be here before the wait for the retry can begin.
    for (let turn = 0; server.received.length < 2; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (turn > 5) await clock.advance(100);
    }
    await call;
    const [first, second] = server.received.map(({ headers }) => Number(headers["x-timeout-ms"]));
    expect(first).toBe(20_000);
    expect(second).toBeLessThanOrEqual(19_000);
    expect(second).toBeGreaterThan(15_000);
  });

  test.each([
    ["milliseconds", "1500"],
    ["seconds", "1.500"],
    ["grpc", "1500m"],
  ] as const)("is written as %s: %s", async (format, text) => {
    const { api, server } = await lane((_request, peer) => peer.reply(200), {
      clock: new VirtualClock(),
      timeout: { total: "1500ms" },
      deadlineHeader: { name: "grpc-timeout", format },
    });
    await api.request("read");
    await api.request("read", { headers: { "grpc-timeout": "mine" } });
    expect(server.received.map(({ headers }) => headers["grpc-timeout"])).toEqual([text, "mine"]);
  });

  test("may be an instant by our wall clock", async () => {
    const clock = new VirtualClock();
    const { api, server } = await lane((_request, peer) => peer.reply(200), {
      clock,
      deadlineHeader: { name: "x-deadline", format: "timestamp" },
    });
    await api.request("read", { deadlineAtMs: clock.now() + 2_000 });
    expect(server.received[0]?.headers["x-deadline"]).toBe(new Date(clock.wallNow() + 2_000).toISOString());
  });

  test.each<readonly [object, RegExp]>([
    [{ deadlineHeader: { name: "host", format: "seconds" } }, /^deadlineHeader\.name must not be "host"/],
    [{ deadlineHeader: { name: "a b", format: "seconds" } }, /^deadlineHeader\.name must be a header name/],
    [
      { deadlineHeader: { name: "a", format: "ms" } },
      /^deadlineHeader\.format must be one of "milliseconds"/,
    ],
    [{ deadlineHeader: { name: "a" } }, /^deadlineHeader\.format must be one of/],
    [{ traceContext: {} }, /^traceContext must be a function/],
  ])("%o is refused at construction", (options, message) => {
    expect(() =>
      httpIntegration({ name: "lab", baseUrl: "http://localhost:1", ...options } as never),
    ).toThrow(message);
  });
});

describe("trace context", () => {
  test("is asked for before each attempt, and a request's own goes before it", async () => {
    const asked: TracedAttempt[] = [];
    const { api, server } = await lane((_request, peer) => peer.reply(503), {
      retry: { maxRetries: 1, backoff: exponential("1ms") },
      traceContext: (attempt) => {
        asked.push(attempt);
        return { traceparent: `00-${trace}-000000000000000${attempt.attempt}-01`, tracestate: "a=1" };
      },
    });
    await failureOf(api.request("keyed"));
    expect(server.received.map(({ headers }) => [headers["traceparent"], headers["tracestate"]])).toEqual([
      [`00-${trace}-0000000000000001-01`, "a=1"],
      [`00-${trace}-0000000000000002-01`, "a=1"],
    ]);
    expect(asked[1]).toEqual({ integration: "lab", operation: "keyed", method: "POST", attempt: 2 });

    await failureOf(api.request("plain", { headers: { traceparent: "mine" } }));
    expect(server.received[2]?.headers).toMatchObject({ traceparent: "mine" });
    expect(asked).toHaveLength(2);
  });

  test.each<readonly [string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("no tracer");
      },
    ],
    ["gives nothing", () => undefined],
    ["gives no traceparent", () => ({})],
    ["gives a line break", () => ({ traceparent: `00-${trace}-0000000000000001-01\r\nx: y` })],
    ["gives zeros", () => ({ traceparent: `00-${"0".repeat(32)}-0000000000000001-01` })],
    ["gives the forbidden version", () => ({ traceparent: `ff-${trace}-0000000000000001-01` })],
  ])("that %s is left out, and the call is made", async (_what, traceContext) => {
    const { api, server } = await lane((_request, peer) => peer.reply(200), {
      traceContext: traceContext as () => TraceHeaders,
    });
    await api.request("read");
    expect(server.received[0]?.headers).not.toHaveProperty("traceparent");
    expect(server.received[0]?.headers).not.toHaveProperty("x");
  });

  test("with a tracestate that cannot be sent goes without it", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200), {
      traceContext: () => ({ traceparent: `00-${trace}-0000000000000001-01`, tracestate: "a\r\nb" }),
    });
    await api.request("read");
    expect(server.received[0]?.headers).toHaveProperty("traceparent");
    expect(server.received[0]?.headers).not.toHaveProperty("tracestate");
  });
});
