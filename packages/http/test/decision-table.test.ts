import { type Effect, exponential, type FailureKind } from "@outrigger/core";
import { describe, expect, test } from "vitest";
import { failureOf, lane, type OperationName, operations } from "./support/harness.ts";

type Judgement = readonly [effect: Effect, kind: FailureKind, retried: boolean];

/**
 * What each status means for a read, for a change with a key, and for a change that must not be sent twice.
 * `retried` is whether the server sees the request again within the call.
 */
const rows: readonly (readonly [status: number, read: Judgement, keyed: Judgement, plain: Judgement])[] = [
  // Never followed: where it points to is not the service that was described.
  [301, ["none", "refused", false], ["unknown", "refused", false], ["unknown", "refused", false]],
  [304, ["none", "refused", false], ["unknown", "refused", false], ["unknown", "refused", false]],
  [400, ["none", "refused", false], ["unknown", "refused", false], ["unknown", "refused", false]],
  [401, ["none", "refused", false], ["unknown", "refused", false], ["unknown", "refused", false]],
  // Listed in `refusals` of the two changes.
  [402, ["none", "refused", false], ["none", "refused", false], ["none", "refused", false]],
  [404, ["none", "refused", false], ["unknown", "refused", false], ["unknown", "refused", false]],
  [408, ["none", "failed", true], ["unknown", "failed", true], ["unknown", "failed", false]],
  // With a key: the first request with it is still in progress.
  [409, ["none", "refused", false], ["unknown", "failed", true], ["unknown", "refused", false]],
  [421, ["none", "failed", true], ["none", "failed", true], ["none", "failed", true]],
  [422, ["none", "refused", false], ["unknown", "refused", false], ["unknown", "refused", false]],
  [425, ["none", "failed", true], ["none", "failed", true], ["none", "failed", true]],
  [429, ["none", "failed", true], ["none", "failed", true], ["none", "failed", true]],
  [500, ["none", "failed", false], ["unknown", "failed", false], ["unknown", "failed", false]],
  [501, ["none", "failed", false], ["unknown", "failed", false], ["unknown", "failed", false]],
  [502, ["none", "failed", true], ["unknown", "failed", true], ["unknown", "failed", false]],
  [503, ["none", "failed", true], ["unknown", "failed", true], ["unknown", "failed", false]],
  [504, ["none", "failed", true], ["unknown", "failed", true], ["unknown", "failed", false]],
  [599, ["none", "failed", false], ["unknown", "failed", false], ["unknown", "failed", false]],
];

const cases = rows.flatMap(([status, read, keyed, plain]) =>
  (
    [
      ["read", read],
      ["keyed", keyed],
      ["plain", plain],
    ] as const
  ).map(([operation, judgement]) => ({
    status,
    operation,
    effect: judgement[0],
    kind: judgement[1],
    retried: judgement[2],
  })),
);

test.each(cases)(
  "$status to a $operation request: effect $effect, $kind, retried: $retried",
  async ({ status, operation, effect, kind, retried }) => {
    const { api, server } = await lane((_request, peer) => peer.reply(status), {
      retry: { maxRetries: 1, backoff: exponential("1ms") },
    });

    const failure = await failureOf(api.request(operation as OperationName));

    expect(failure).toMatchObject({
      code: `HTTP_${status}`,
      status,
      effect,
      kind,
      stage: "body",
      written: true,
    });
    expect(server.received).toHaveLength(retried ? 2 : 1);
  },
);

describe("a status that the provider guarantees to mean that nothing was applied", () => {
  test("is retried also for a change that must not be sent twice", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(503, "{}", { "retry-after": "0" }), {
      retry: { maxRetries: 1, backoff: exponential("1ms") },
      operations: { ...operations, plain: { ...operations.plain, notApplied: [503] } } as never,
    });

    expect(await failureOf(api.request("plain"))).toMatchObject({
      effect: "none",
      kind: "failed",
      transient: true,
      retryAfterMs: 0,
    });
    expect(server.received).toHaveLength(2);
    expect(await failureOf(api.request("keyed"))).toMatchObject({ effect: "unknown" });
  });

  test("can be said of all operations at once", async () => {
    const { api } = await lane((_request, peer) => peer.reply(408), { notApplied: [408] });

    expect(await failureOf(api.request("plain"))).toMatchObject({ effect: "none", kind: "failed" });
  });
});

test("a PUT is repeatable by its meaning, unless the description says otherwise; a POST if it says so", async () => {
  const { api, server } = await lane((_request, peer) => peer.reply(502), {
    retry: { maxRetries: 1, backoff: exponential("1ms") },
    operations: {
      read: { method: "PUT", path: "/put" },
      keyed: { method: "PUT", path: "/put-once", idempotency: "none" },
      plain: { method: "POST", path: "/post-any", idempotency: "natural" },
    } as never,
  });
  for (const operation of ["read", "keyed", "plain"] as const) await failureOf(api.request(operation));

  expect(server.received.map(({ target }) => target)).toEqual([
    "/put",
    "/put",
    "/put-once",
    "/post-any",
    "/post-any",
  ]);
});

test.each([
  [408, [1, 2]],
  [421, [1, 2]],
  [503, [1, 1]],
])("after %i the next try goes over the connections %j", async (status, connections) => {
  const { api, server } = await lane((_request, peer) => peer.reply(status), {
    retry: { maxRetries: 1, backoff: exponential("1ms") },
  });
  await failureOf(api.request("read"));
  expect(server.received.map(({ connection }) => connection)).toEqual(connections);
});

test("500 is repeated under a key where it is listed as uncertain, and never without one", async () => {
  const { api, server } = await lane((_request, peer) => peer.reply(500), {
    retry: { maxRetries: 1, backoff: exponential("1ms") },
    uncertain: [500],
  });
  for (const [operation, effect, sent] of [
    ["read", "none", 2],
    ["keyed", "unknown", 2],
    ["plain", "unknown", 1],
  ] as const) {
    const before = server.received.length;
    expect(await failureOf(api.request(operation))).toMatchObject({
      effect,
      kind: "failed",
      transient: true,
    });
    expect([operation, server.received.length - before]).toEqual([operation, sent]);
  }
});
