import { expect, test } from "vitest";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_enqueue");

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
  expect(await maker.pay.run(input("e1"), { key: "e1" })).toMatchObject({ status: "committed" });
  expect(shop.a.activeCharges("e1")).toBe(1);
});

test("in a transaction of the user's it is stored when that commits, and not when it rolls back", async () => {
  const node = shop.node();
  node.ledger.start();
  const client = await shop.pool.connect();
  try {
    await client.query("begin");
    await client.query("create temp table cart (id text) on commit drop");
    await node.pay.enqueue(input("e2"), { key: "e2", tx: client });
    await client.query("rollback");
    await client.query("begin");
    await node.pay.enqueue(input("e3"), { key: "e3", tx: client });
    // Twice in one transaction is once.
    expect(await node.pay.enqueue(input("e3"), { key: "e3", tx: client })).toMatchObject({
      status: "pending",
    });
    expect(await node.ledger.find({ operation: "pay", key: "e3" })).toBeUndefined();
    await client.query("commit");
  } finally {
    client.release();
  }
  await shop.settled(node);
  expect(await shop.status("e3")).toBe("paid");
  expect(await shop.status("e2")).toBeUndefined();
  expect(await node.ledger.find({ operation: "pay", key: "e2" })).toBeUndefined();
  expect(shop.a.requests).not.toContain("/charge e2");
});

test("a pool, or a connection outside of a transaction, is refused where a transaction is meant", async () => {
  const node = shop.node();
  const client = await shop.pool.connect();
  try {
    await expect(node.pay.enqueue(input("e4"), { key: "e4", tx: shop.pool as never })).rejects.toThrow(
      "a pool sends each statement on another connection",
    );
    await expect(node.pay.enqueue(input("e4"), { key: "e4", tx: client })).rejects.toThrow(
      'send "begin" on it first',
    );
    await expect(node.pay.enqueue(input("e4"), { key: "e4", tx: {} as never })).rejects.toThrow(TypeError);
    await client.query("begin");
    await expect(client.query("select 1 / 0")).rejects.toThrow("division");
    await expect(node.pay.enqueue(input("e4"), { key: "e4", tx: client })).rejects.toMatchObject({
      code: "TRANSACTION_ABORTED",
    });
  } finally {
    await client.query("rollback");
    client.release();
  }
  expect(await node.ledger.find({ operation: "pay", key: "e4" })).toBeUndefined();
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
