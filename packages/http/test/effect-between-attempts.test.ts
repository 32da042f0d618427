import { fixed } from "@outrigger/core";
import { describe, expect, test } from "vitest";
import { failureOf, lane, operations, send, until } from "./support/harness.ts";

/** The service acts, and the connection breaks before it can say so. */
const actsAndBreaks =
  (applied: string[]): Parameters<typeof lane>[0] =>
  (request, peer) => {
    applied.push(request.body);
    peer.rst();
  };

/** What everybody was told of one call. */
async function told(
  settings: Parameters<typeof lane>[1],
  end: (at: Awaited<ReturnType<typeof lane>>, abort: () => void) => void | Promise<void>,
): Promise<{ applied: number; failure: unknown; event: unknown }> {
  const applied: string[] = [];
  const aborting = new AbortController();
  const at = await lane(actsAndBreaks(applied), settings);
  const call = failureOf(send(at.api, "keyed", { signal: aborting.signal }));
  await until(() => applied.length === 1);
  await end(at, () => aborting.abort());
  const failure = await call;
  const event = at.events.find(({ type }) => type === "callFinished");
  return { applied: applied.length, failure, event };
}

const waits = { maxRetries: 2, backoff: fixed("1s"), jitter: "none" } as const;
const soon = { maxRetries: 2, backoff: fixed("100ms"), jitter: "none" } as const;

describe("what a first attempt may have done stays open, whatever ends the call after it", () => {
  test("the deadline, between two attempts", async () => {
    const { applied, failure, event } = await told(
      { retry: waits, timeout: { total: "1500ms" } },
      ({ server }) => {
        server.behave(() => {});
      },
    );
    expect(applied).toBe(1);
    expect(failure).toMatchObject({ effect: "unknown", written: true });
    expect(event).toMatchObject({ effect: "unknown" });
  });

  test("the caller, between two attempts", async () => {
    const { failure, event } = await told({ retry: waits }, (_at, abort) => abort());
    expect(failure).toMatchObject({ code: "CALL_ABORTED", effect: "unknown", written: true });
    expect(event).toMatchObject({ effect: "unknown" });
  });

  test("close(), between two attempts", async () => {
    const { failure, event } = await told({ retry: waits }, ({ api }) => void api.close({ within: "0ms" }));
    expect(failure).toMatchObject({ code: "INTEGRATION_CLOSED", effect: "unknown", written: true });
    expect(event).toMatchObject({ effect: "unknown" });
  });

  test("a service that refuses connections from then on", async () => {
    const { failure, event } = await told({ retry: soon }, async ({ server }) => await server.refuse());
    expect(failure).toMatchObject({ effect: "unknown", written: true });
    expect(event).toMatchObject({ effect: "unknown" });
  });

  test("an answer that says that nothing was applied, to the second attempt", async () => {
    const { failure, event } = await told({ retry: soon }, ({ server }) => {
      server.behave((_request, peer) => peer.reply(402, "{}"));
    });
    expect(failure).toMatchObject({ code: "HTTP_402", effect: "unknown", written: true });
    expect(event).toMatchObject({ effect: "unknown" });
  });

  test("a queue that is full, or never moves", async () => {
    for (const pool of [
      { connections: 1, maxWaiting: 0 },
      { connections: 1, acquire: "50ms" },
    ] as const) {
      const { failure, event } = await told(
        { retry: { ...soon, maxRetries: 1 }, pool },
        ({ server, api }) => {
          server.behave(() => {});
          void send(api, "plain").catch(() => {});
        },
      );
      expect(failure).toMatchObject({ effect: "unknown", written: true });
      expect(event).toMatchObject({ effect: "unknown" });
    }
  });

  test("a circuit that opened meanwhile", async () => {
    const { failure } = await told(
      { retry: soon, breaker: { minimumCalls: 1, failureRatio: 0.5 } },
      () => {},
    );
    expect(failure).toMatchObject({ effect: "unknown", written: true });
  });
});

test("over every door the same request is counted once by the service and told alike", async () => {
  const applied: string[] = [];
  const { api, events } = await lane(actsAndBreaks(applied), { operations });
  const calls = [
    () => send(api, "plain"),
    () => api.stream("plain", { json: {} }),
    async () => await api.exchange({ method: "POST", url: "/plain", body: "{}" }),
    async () => await api.exchange({ method: "POST", url: "/plain", body: "{}", stream: true }),
  ];
  for (const call of calls) {
    applied.length = 0;
    events.length = 0;
    expect(await failureOf(call())).toMatchObject({ effect: "unknown", written: true });
    expect(applied).toHaveLength(1);
    const effects = events
      .filter((event) => "effect" in event)
      .map((event) => "effect" in event && event.effect);
    expect(effects).toEqual(["unknown", "unknown"]);
  }
});
