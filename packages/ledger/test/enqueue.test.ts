import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_enqueue");

const input = (id: string) => ({ id, amount: 1 });

test("an enqueued operation is stored with the business row, and sent by a resolver of any process", async () => {
  const maker = shop.node();
  expect(await maker.pay.enqueue(input("e1"), { key: "e1" })).toMatchObject({ status: "pending" });
  expect(await shop.status("e1")).toBe("pending");
  expect(shop.a.requests).not.toContain("/charge e1");
  const other = shop.node();
  other.ledger.start();
  await shop.settled(other);
  expect(await shop.status("e1")).toBe("paid");
  expect(await maker.pay.enqueue(input("e1"), { key: "e1" })).toMatchObject({ status: "committed" });
  expect(await maker.ledger.find({ operation: "pay", key: "e1" })).toMatchObject({
    state: "DONE",
    attempt: 1,
  });
  expect(await maker.pay.run(input("e1"), { key: "e1" })).toMatchObject({ status: "committed" });
  expect(shop.a.activeCharges("e1")).toBe(1);
});

test("in a transaction of the user's it is stored when that commits, and not when it rolls back", async () => {
  const node = shop.node();
  node.ledger.start();
  const first = await shop.database.begin();
  await node.pay.enqueue(input("e2"), { key: "e2", tx: first.tx });
  await first.rollback();
  const second = await shop.database.begin();
  await node.pay.enqueue(input("e3"), { key: "e3", tx: second.tx });
  // Twice in one transaction is once.
  expect(await node.pay.enqueue(input("e3"), { key: "e3", tx: second.tx })).toMatchObject({
    status: "pending",
  });
  expect(await node.ledger.find({ operation: "pay", key: "e3" })).toBeUndefined();
  await second.commit();
  await shop.settled(node);
  expect(await shop.status("e3")).toBe("paid");
  expect(await shop.status("e2")).toBeUndefined();
  expect(await node.ledger.find({ operation: "pay", key: "e2" })).toBeUndefined();
  expect(shop.a.requests).not.toContain("/charge e2");
});

test("a key with another request is refused, also when it is enqueued", async () => {
  const node = shop.node();
  await node.pay.enqueue(input("e5"), { key: "e5" });
  await expect(node.pay.enqueue({ id: "e5", amount: 2 }, { key: "e5" })).rejects.toMatchObject({
    code: "KEY_REUSED",
    effect: "none",
  });
});

test("a prepare that throws stores nothing, and what it throws comes through", async () => {
  const node = shop.node({
    definition: {
      prepare: () => {
        throw new Error("sold out");
      },
    },
  });
  await expect(node.pay.enqueue(input("e6"), { key: "e6" })).rejects.toThrow("sold out");
  expect(await node.ledger.find({ operation: "pay", key: "e6" })).toBeUndefined();
});
