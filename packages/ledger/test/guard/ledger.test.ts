import { createInbox } from "@outrigger/ledger";
import { guardTransactions } from "@outrigger/ledger/guard";
import { afterEach, beforeEach, expect, test } from "vitest";
import { orders as said } from "../support/databases/postgres-by-statement.ts";
import { orders } from "../support/payments.ts";
import { quick, useShop } from "../support/shop.ts";

const shop = useShop("guard_ledger");
let reported: string[] = [];
let guard: ReturnType<typeof guardTransactions>;

beforeEach(() => {
  reported = [];
  guard = guardTransactions({
    mode: "report",
    onEvent: (event) => {
      if (event.type === "callInTransaction") reported.push(event.transaction.of);
    },
  });
});
afterEach(() => guard.stop());

const called = async (): Promise<void> => void (await fetch(`${shop.a.url}/inquire?key=none`));

test.each([
  ["functions", {}],
  ["statements", said as object],
])(
  "an operation's own calls are never in a transaction, whoever makes them, by %s",
  async (how, definition) => {
    const node = shop.node({ definition });
    guard.watchPgPool(node.pool);
    await node.pay.run({ id: `own-1-${how}`, amount: 1 }, { key: `own-1-${how}` });
    shop.a.modes.set(`own-2-${how}`, { charge: "replyLost" });
    shop.a.modes.set(`own-3-${how}`, { charge: "hangBeforeApply" });
    await node.pay.run({ id: `own-2-${how}`, amount: 1 }, { key: `own-2-${how}` });
    const inTime = AbortSignal.timeout(100);
    await node.pay.run({ id: `own-3-${how}`, amount: 1 }, { key: `own-3-${how}`, signal: inTime });
    await node.pay.enqueue({ id: `own-4-${how}`, amount: 1 }, { key: `own-4-${how}` });
    node.ledger.start();
    await shop.settled(node);
    expect([await shop.status(`own-2-${how}`), await shop.status(`own-4-${how}`)]).toEqual(["paid", "paid"]);
    expect(reported).toEqual([]);
  },
);

test("a call inside of prepare, commit or abandon is reported, with the operation's name", async () => {
  const node = shop.node({
    definition: {
      prepare: async (tx, order) => {
        await called();
        await orders.prepare(tx, order);
      },
      commit: async (tx, order, payment, info) => {
        await orders.commit(tx, order, payment, info);
        await called();
      },
      abandon: async (tx, order, why) => {
        await called();
        await orders.abandon(tx, order, why);
      },
    },
  });
  await node.pay.run({ id: "in-1", amount: 1 }, { key: "in-1" });
  shop.a.modes.set("in-2", { charge: "declined" });
  await node.pay.run({ id: "in-2", amount: 1 }, { key: "in-2" });
  expect([await shop.status("in-1"), await shop.status("in-2")]).toEqual(["paid", "void"]);
  expect(new Set(reported)).toEqual(
    new Set(['operation "pay": prepare', 'operation "pay": commit', 'operation "pay": abandon']),
  );
});

test("an operation that is run inside of a transaction of the user's is reported", async () => {
  const node = shop.node();
  guard.watchPgPool(shop.pool);
  const client = await shop.pool.connect();
  await client.query("begin");
  await node.pay.run({ id: "inside-1", amount: 1 }, { key: "inside-1" });
  await client.query("commit");
  client.release();
  expect(reported).toEqual(["pg"]);
});

test("an operation that is stored in the user's transaction is sent by a resolver, outside of it", async () => {
  const node = shop.node();
  guard.watchPgPool(node.pool);
  const client = await node.pool.connect();
  node.ledger.start();
  await client.query("begin");
  await node.pay.enqueue({ id: "outbox-1", amount: 1 }, { key: "outbox-1", tx: client });
  await client.query("commit");
  client.release();
  await shop.settled(node);
  expect([await shop.status("outbox-1"), reported]).toEqual(["paid", []]);
});

test("background work that is kicked from inside of a transaction is not in it", async () => {
  // Nothing but the kick wakes it.
  const node = shop.node({ pollEvery: "1h", wakeUp: false });
  guard.watchPgPool(shop.pool);
  node.ledger.start();
  await node.pay.enqueue({ id: "kicked-0", amount: 1 }, { key: "kicked-0" });
  await shop.settled(node);
  const client = await shop.pool.connect();
  await client.query("begin");
  await node.pay.enqueue({ id: "kicked-1", amount: 1 }, { key: "kicked-1" });
  await shop.settled(node);
  expect([await shop.status("kicked-1"), shop.a.activeCharges("kicked-1"), reported]).toEqual([
    "paid",
    1,
    [],
  ]);
  await client.query("commit");
  client.release();
});

test("a call inside of an inbox's apply is reported, with the inbox's name", async () => {
  const node = shop.node();
  const inbox = createInbox(node.ledger, {
    name: "payments",
    verify: () => undefined,
    read: () => ({ id: "event-1" }),
    apply: () => called(),
  });
  inbox.start();
  expect(await inbox.receive({ headers: {}, body: new TextEncoder().encode("{}") })).toMatchObject({
    status: 200,
  });
  await expect.poll(() => reported, { timeout: 30_000 }).toEqual(["inbox payments: apply"]);
  await inbox.stop();
});

test("with the guard on fail, an operation whose prepare calls is not stored and nothing is sent", async () => {
  guard.stop();
  guard = guardTransactions({ mode: "fail", onEvent: () => {} });
  const guarded = guard.fetch(fetch);
  const node = shop.node({
    ...quick,
    definition: { prepare: async () => void (await guarded(`${shop.a.url}/inquire?key=none`)) },
  });
  await expect(node.pay.run({ id: "fail-1", amount: 1 }, { key: "fail-1" })).rejects.toMatchObject({
    code: "CALL_IN_TRANSACTION",
  });
  expect(await node.ledger.find({ operation: "pay", key: "fail-1" })).toBeUndefined();
});
