import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { shortLease, useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_checkout");

test("a payment that succeeds is committed with its order, and its history says how", async () => {
  const { pay, ledger } = shop.node();
  const outcome = await pay.run({ id: "o1", amount: 100 }, { key: "k1" });
  expect(outcome).toMatchObject({ status: "committed", provider: "a", result: { charge: "k1" } });
  expect(await shop.status("o1")).toBe("paid");
  const record = await ledger.find(outcome.id);
  expect(record).toMatchObject({ state: "DONE", key: "k1", attempt: 1, intent: "EXECUTE" });
  expect(record?.history.map(({ from, to }) => [from, to])).toEqual([
    [null, "SENDING"],
    ["SENDING", "DONE"],
  ]);
});

test("a refusal of every provider abandons the order and gives the last refusal back", async () => {
  shop.a.mode = { charge: "unavailable" };
  shop.b.mode = { charge: "declined" };
  const { pay, ledger } = shop.node();
  const outcome = await pay.run({ id: "o2", amount: 100 }, { key: "k2" });
  expect(outcome).toMatchObject({
    status: "abandoned",
    failure: { code: "CARD_DECLINED", kind: "refused", effect: "none", message: "card declined" },
  });
  expect(await shop.status("o2")).toBe("void");
  const record = await ledger.find({ operation: "pay", key: "k2" });
  expect(record?.history.map(({ to, provider, why }) => [to, provider, why])).toEqual([
    ["SENDING", "a", "created"],
    ["SENDING", "b", "noEffect: BUSY"],
    ["FAILED", "b", "noEffect: CARD_DECLINED"],
  ]);
});

test("the next provider is asked when the first certainly did nothing, and only then", async () => {
  const { pay } = shop.node();
  shop.a.mode = { charge: "unavailable" };
  expect(await pay.run({ id: "o3", amount: 1 }, { key: "k3" })).toMatchObject({
    status: "committed",
    provider: "b",
  });
  shop.a.mode = { charge: "replyLost" };
  expect(await pay.run({ id: "o4", amount: 1 }, { key: "k4" })).toMatchObject({ status: "pending" });
  expect(shop.b.activeCharges("k4")).toBe(0);
  expect(shop.b.requests).not.toContain("/charge k4");
});

test("a lost answer ends paid once the inquiry finds the charge", async () => {
  shop.a.mode = { charge: "replyLost", failInquiries: 2 };
  const node = shop.node();
  node.ledger.start();
  expect(await node.pay.run({ id: "o5", amount: 1 }, { key: "k5" })).toMatchObject({ status: "pending" });
  await shop.settled(node);
  expect(await shop.status("o5")).toBe("paid");
  expect(shop.a.activeCharges("k5")).toBe(1);
});

test("a charge that arrives after its cancel is stopped by the provider, and the order stays void", async () => {
  shop.a.mode = { charge: "late", lateMs: 700 };
  const node = shop.node({ lease: shortLease });
  node.ledger.start();
  const { status } = await node.pay.run({ id: "o6", amount: 1 }, { key: "k6" });
  // On a slow machine the resolver has ended it before its caller looks.
  expect(["pending", "abandoned"]).toContain(status);
  await shop.settled(node);
  await shop.a.quiet();
  expect(await shop.status("o6")).toBe("void");
  expect(shop.a.activeCharges("k6")).toBe(0);
  expect(await node.pay.run({ id: "o6", amount: 1 }, { key: "k6" })).toMatchObject({
    status: "abandoned",
    failure: { code: "OUTCOME_UNKNOWN", effect: "none" },
  });
});

test("a payment that its order can no longer take is cancelled", async () => {
  const node = shop.node({
    definition: {
      async commit() {
        throw new Error("sold out");
      },
    },
  });
  node.ledger.start();
  shop.a.mode = { loseCancelReplies: 2 };
  expect(await node.pay.run({ id: "o7", amount: 1 }, { key: "k7" })).toMatchObject({ status: "pending" });
  await shop.settled(node);
  expect(await shop.status("o7")).toBe("void");
  expect(shop.a.activeCharges("k7")).toBe(0);
  expect(await node.pay.run({ id: "o7", amount: 1 }, { key: "k7" })).toMatchObject({
    status: "abandoned",
    failure: { code: "COMMIT_REJECTED" },
  });
});

test("the same key and input get the stored outcome, and nothing is sent again", async () => {
  const { pay } = shop.node();
  const first = await pay.run({ id: "o8", amount: 7 }, { key: "k8" });
  const sent = shop.a.requests.length;
  expect(await pay.run({ amount: 7, id: "o8" }, { key: "k8" })).toEqual(first);
  expect(shop.a.requests).toHaveLength(sent);
});

test("the same key with another input is refused, and nothing is stored", async () => {
  const { pay } = shop.node();
  await pay.run({ id: "o9", amount: 7 }, { key: "k9" });
  const second = pay.run({ id: "o9x", amount: 8 }, { key: "k9" });
  await expect(second).rejects.toMatchObject({ code: "KEY_REUSED", effect: "none", kind: "rejected" });
  await expect(second).rejects.toSatisfy(Failure.is);
  expect(await shop.status("o9x")).toBeUndefined();
});

test("nothing is locked while a provider is being called", async () => {
  shop.a.mode = { charge: "hangBeforeApply" };
  const { pay } = shop.node({ lease: "2s" });
  const running = pay.run({ id: "o10", amount: 1 }, { key: "k10" });
  await expect.poll(() => shop.a.requests).toContain("/charge k10");
  await shop.database.query("update orders set note = 'seen' where id = 'o10'");
  await shop.database.query(
    `update ${shop.database.table("operation")} set due_at = due_at where key = 'k10'`,
  );
  expect(await running).toMatchObject({ status: "pending" });
});

test("the same key sent many times at once is one payment", async () => {
  const { pay } = shop.node();
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, () => pay.run({ id: "o11", amount: 1 }, { key: "k11" })),
  );
  const committed = outcomes.filter(({ status }) => status === "committed");
  expect(committed.length).toBeGreaterThanOrEqual(1);
  expect(outcomes.every(({ status }) => status === "committed" || status === "pending")).toBe(true);
  expect(new Set(outcomes.map(({ id }) => id)).size).toBe(1);
  expect(shop.a.requests.filter((request) => request === "/charge k11")).toHaveLength(1);
  expect(await shop.status("o11")).toBe("paid");
});
