import { VirtualClock } from "@outrigger/lab";
import { describe, expect, test } from "vitest";
import { failureOf, integrate, lane, operations } from "./support/harness.ts";

describe("a key", () => {
  test("is refused for another request before anything is sent, and stands for the same one as often as needed", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(200));
    const key = "order-4711-secret";
    await api.request("keyed", { key, json: { amount: 1 } });
    await api.request("keyed", { key, json: { amount: 1 } });

    for (const other of [
      { json: { amount: 2 } },
      { json: { amount: 1 }, query: { a: 1 } },
      { text: '{"amount":1}' },
      {},
    ]) {
      const failure = await failureOf(api.request("keyed", { key, ...other }));
      expect(failure).toMatchObject({
        code: "IDEMPOTENCY_KEY_REUSED",
        effect: "none",
        kind: "rejected",
        transient: false,
        attempts: 0,
      });
      expect(failure.message).not.toContain(key);
    }
    const headers = { "idempotency-key": key, "content-type": "application/json" };
    const foreign = { method: "POST", url: "/keyed", headers } as const;
    expect(await failureOf(api.exchange({ ...foreign, body: "{}" }))).toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect((await api.exchange({ ...foreign, body: '{"amount":1}' })).status).toBe(200);
    expect(server.received).toHaveLength(3);
  });

  test("that was refused for good stands for its request all the same, and one that never left is free", async () => {
    const { api, server } = await lane((_request, peer) => peer.reply(402));
    await failureOf(api.request("keyed", { key: "declined", json: 1 }));
    expect(await failureOf(api.request("keyed", { key: "declined", json: 2 }))).toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });

    const { api: unheard } = integrate(server.url);
    await server.refuse();
    for (const json of [1, 2]) {
      expect(await failureOf(unheard.request("keyed", { key: "unsent", json }))).toMatchObject({
        code: "CONNECT_FAILED",
      });
    }
  });

  test("may be used anew when the provider has forgotten it", async () => {
    const clock = new VirtualClock();
    const { api } = await lane((_request, peer) => peer.reply(200), { clock });
    await api.request("keyed", { key: "k", json: 1 });
    await clock.advance(86_400_000 - 1);
    await failureOf(api.request("keyed", { key: "k", json: 2 }));
    await clock.advance(1);
    await api.request("keyed", { key: "k", json: 2 });
  });

  test("is quoted where the provider reads the draft, and bare elsewhere", async () => {
    const { server } = await lane((_request, peer) => peer.reply(200));
    const idempotency = { header: "Idempotency-Key", window: "1d", quoted: true } as const;
    const { api } = integrate(server.url, {
      operations: { ...operations, keyed: { ...operations.keyed, idempotency } } as never,
    });
    await api.request("keyed", { key: 'a"b' });
    await api.exchange({ method: "POST", url: "/keyed", key: "c" });
    expect(server.received.map(({ headers }) => headers["idempotency-key"])).toEqual(['"a\\"b"', '"c"']);
  });
});

test("a stream under a key is bound by where it goes, because its bytes are not known beforehand", async () => {
  const { api } = await lane((_request, peer) => peer.reply(200));
  const send = (query: Record<string, string>): Promise<unknown> =>
    api.request("keyed", {
      key: "k",
      query,
      body: new Blob([`${Object.keys(query).length}`], { type: "text/plain" }),
    });
  await send({});
  await send({});
  expect(await failureOf(send({ a: "1" }))).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
});
