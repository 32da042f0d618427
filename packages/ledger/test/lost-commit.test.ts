import { afterAll, beforeAll, expect, test } from "vitest";
import { CommitProxy } from "./support/commit-proxy.ts";
import { type AnyNode, shortLease, useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_lost_commit");
let proxy: CommitProxy;
beforeAll(async () => {
  proxy = await new CommitProxy(shop.url, shop.database.isCommit).start();
});
afterAll(() => proxy.stop());

/** A node whose database connections go through the proxy. */
const node = (options: Parameters<typeof shop.node>[0] = {}): AnyNode =>
  shop.node({ database: proxy.url, ...options });

test("an intent whose commit took place, though its answer was lost, is carried on", async () => {
  proxy.next("swallowAnswer");
  const { pay } = node();
  expect(await pay.run({ id: "i1", amount: 1 }, { key: "i1" })).toMatchObject({ status: "committed" });
  expect(proxy.allMet).toBe(true);
  expect(await shop.status("i1")).toBe("paid");
  expect(shop.a.activeCharges("i1")).toBe(1);
});

test("an intent whose commit never took place sends nothing, and says so", async () => {
  proxy.next("neverArrives");
  const { pay, ledger } = node();
  await expect(pay.run({ id: "i2", amount: 1 }, { key: "i2" })).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    effect: "none",
  });
  expect(await ledger.find({ operation: "pay", key: "i2" })).toBeUndefined();
  expect(await shop.status("i2")).toBeUndefined();
  expect(shop.a.requests).not.toContain("/charge i2");
  expect(await pay.run({ id: "i2", amount: 1 }, { key: "i2" })).toMatchObject({ status: "committed" });
});

test("an intent that the server neither keeps nor drops yet is reported as unknown, and sends nothing", async () => {
  proxy.next("neverArrivesAndHangs");
  const { pay } = node({ lease: shortLease });
  await expect(pay.run({ id: "i3", amount: 1 }, { key: "i3" })).rejects.toMatchObject({
    code: "INTENT_UNKNOWN",
    effect: "unknown",
  });
  expect(shop.a.requests).not.toContain("/charge i3");
  proxy.release();
  expect(await pay.run({ id: "i3", amount: 1 }, { key: "i3" })).toMatchObject({ status: "committed" });
});

test("an outcome whose commit took place, though its answer was lost, is not cancelled", async () => {
  const { pay, events } = node({
    onStep: (name) => {
      if (name === "outcome.beforeCommit") proxy.next("swallowAnswer");
    },
  });
  expect(await pay.run({ id: "u1", amount: 1 }, { key: "u1" })).toMatchObject({ status: "committed" });
  expect(proxy.allMet).toBe(true);
  expect(events.filter(({ type }) => type === "databaseFailed")).toHaveLength(1);
  expect(events.filter(({ type }) => type === "zombieStopped")).toHaveLength(0);
  expect(await shop.status("u1")).toBe("paid");
  expect(shop.a.activeCharges("u1")).toBe(1);
});

test("an outcome whose commit never took place is written again", async () => {
  let first = true;
  const { pay } = node({
    onStep: (name) => {
      if (name !== "outcome.beforeCommit" || !first) return;
      first = false;
      proxy.next("neverArrives");
    },
  });
  expect(await pay.run({ id: "u2", amount: 1 }, { key: "u2" })).toMatchObject({ status: "committed" });
  expect(first).toBe(false);
  expect(await shop.status("u2")).toBe("paid");
  expect(shop.a.activeCharges("u2")).toBe(1);
});

test("an outcome that the database cannot take at all is pending, and ends paid when the database is back", async () => {
  const down = node({
    lease: shortLease,
    onStep: (name) => {
      if (name === "call.after") proxy.down = true;
    },
  });
  expect(await down.pay.run({ id: "u3", amount: 1 }, { key: "u3" })).toMatchObject({ status: "pending" });
  expect(shop.a.activeCharges("u3")).toBe(1);
  proxy.down = false;
  const up = node();
  up.ledger.start();
  await shop.settled(up);
  expect(await shop.status("u3")).toBe("paid");
  expect(shop.a.activeCharges("u3")).toBe(1);
  const record = await up.ledger.find({ operation: "pay", key: "u3" });
  expect(record?.history.map(({ to, why }) => [to, why])).toEqual([
    ["SENDING", "created"],
    ["UNKNOWN", "claimed"],
    ["DONE", "succeeded"],
  ]);
});

test("a database that is away before the key was looked up costs nothing, and says nothing of the key", async () => {
  const { pay } = node();
  expect(await pay.run({ id: "d1", amount: 1 }, { key: "d1" })).toMatchObject({ status: "committed" });
  const sent = shop.a.requests.length;
  proxy.down = true;
  for (const key of ["d1", "d1x"]) {
    await expect(pay.run({ id: key, amount: 1 }, { key })).rejects.toMatchObject({
      code: "INTENT_UNKNOWN",
      effect: "unknown",
      transient: true,
    });
  }
  proxy.down = false;
  expect(shop.a.requests).toHaveLength(sent);
});

test("a repeated key gets its outcome, also when the commit of its look-up is not answered", async () => {
  const { pay } = node();
  const first = await pay.run({ id: "d3", amount: 1 }, { key: "d3" });
  proxy.next("swallowAnswer");
  expect(await pay.run({ id: "d3", amount: 1 }, { key: "d3" })).toEqual(first);
  expect(proxy.allMet).toBe(true);
});

test("a database that goes away once the key is known to be free leaves nothing, and says so", async () => {
  const { pay } = node({
    definition: {
      async prepare(tx, order) {
        proxy.down = true;
        await shop.database.orders.prepare(tx, order);
      },
    },
  });
  const running = pay.run({ id: "d4", amount: 1 }, { key: "d4" });
  await expect(running).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  proxy.down = false;
});

test("a resolver outlives its database", async () => {
  const survivor = node();
  survivor.ledger.start();
  proxy.down = true;
  await expect.poll(() => survivor.events.some(({ type }) => type === "databaseFailed")).toBe(true);
  proxy.down = false;
  shop.a.mode = { charge: "replyLost" };
  expect(await survivor.pay.run({ id: "d2", amount: 1 }, { key: "d2" })).toMatchObject({ status: "pending" });
  await shop.settled(survivor);
  expect(await shop.status("d2")).toBe("paid");
});
