import mysql from "mysql2/promise";
import pg from "pg";
import { expect, test } from "vitest";
import { LedgerDesk } from "../src/console/ledger-desk.ts";
import type { DatabaseKind, Usage } from "../src/database/shop-database.ts";
import { onEachDatabase } from "./database.ts";
import { eventually, RunningShop } from "./running-shop.ts";

/** What the bare lane shows when fifteen checkouts wait for a provider. */
const exhausted: Readonly<Record<DatabaseKind, Usage>> = {
  postgres: { connections: 10, inUse: 10, waiting: 5 },
  mariadb: { connections: 10, inUse: 10, waiting: 5 },
  sqlite: { connections: 1, inUse: 1, waiting: 14 },
};

/** Ends the sessions that wait in the middle of a transaction. @returns how many. A file has no sessions. */
const endOpenSessions: Readonly<Partial<Record<DatabaseKind, (url: string) => Promise<number>>>> = {
  async postgres(url) {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    const ended = await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and state = 'idle in transaction'`,
    );
    await admin.end();
    return ended.rows.length;
  },
  async mariadb(url) {
    const admin = await mysql.createConnection(url);
    const [open] = await admin.query<mysql.RowDataPacket[]>(
      `select p.id from information_schema.processlist p join information_schema.innodb_trx t
         on t.trx_mysql_thread_id = p.id where p.db = database() and p.command = 'Sleep'`,
    );
    for (const { id } of open) await admin.query(`kill ${id}`);
    await admin.end();
    return open.length;
  },
};

onEachDatabase((kind) => {
  const shop = new RunningShop(kind);

  test("a checkout is paid at provider a, once, however often it is sent", async () => {
    const order = shop.newOrder();
    const answers = await Promise.all([1, 2, 3].map(() => shop.post("/checkout", order)));
    expect(answers.every(({ status }) => status === 200 || status === 202)).toBe(true);
    const again = await shop.post("/checkout", order);
    expect(again).toMatchObject({ status: 200, body: { status: "paid", provider: "a", amount: 15_000 } });
    expect(await shop.moved(order.orderId)).toEqual(["charge at a"]);
  });

  test("a checkout that is declined is unpaid, and may be paid by a later try", async () => {
    // The card's "no" is the answer; b is not asked, and could not have given it.
    await shop.provider("b").setFault("unavailable");
    const order = shop.newOrder({ amount: 15_013 });
    const answer = await shop.post("/checkout", order);
    expect(answer).toMatchObject({ status: 402, body: { code: expect.any(String), status: 402 } });
    expect(answer.headers.get("content-type")).toMatch("application/problem+json");
    expect(await shop.orderStatus(order.orderId)).toBe("unpaid");
    expect(await shop.moved(order.orderId)).toEqual([]);
    expect((await shop.post("/checkout", order)).status).toBe(402);
  });

  test("a checkout that the customer takes back while it is being paid is charged and cancelled, or not charged", async () => {
    await shop.provider("a").setFault("applyThenHang");
    const order = shop.newOrder();
    const answer = shop.post("/checkout", order);
    await eventually(async () => expect(await shop.moved(order.orderId)).toEqual(["charge at a"]));
    const withdrawn = await shop.post(`/orders/${order.orderId}/withdrawal`, undefined, { headers: {} });
    expect(withdrawn).toMatchObject({ status: 202, body: { status: "pending" } });
    await answer;
    await shop.provider("a").setFault("healthy");
    await eventually(async () => expect(await shop.orderStatus(order.orderId)).toBe("unpaid"));
    expect(await shop.moved(order.orderId)).toEqual(["charge at a", "cancel at a"]);

    const paid = shop.newOrder();
    await shop.post("/checkout", paid);
    const late = await shop.post(`/orders/${paid.orderId}/withdrawal`, undefined, { headers: {} });
    expect(late).toMatchObject({ status: 409, body: { code: "ORDER_PAID" } });
    const nothing = await shop.post("/orders/nothing/withdrawal", undefined, { headers: {} });
    expect(nothing.status).toBe(404);
  });

  test("a checkout is settled after the shop was killed in the middle of it", async () => {
    await shop.provider("a").setFault("applyThenHang");
    const order = shop.newOrder();
    const answer = shop.post("/checkout", order).catch(() => "connection lost");
    await eventually(async () => expect(await shop.moved(order.orderId)).toEqual(["charge at a"]));
    await shop.stack.shop.kill();
    expect(await answer).toBe("connection lost");
    await shop.provider("a").setFault("healthy");
    await eventually(async () => expect(await shop.orderStatus(order.orderId)).toBe("paid"));
    expect(await shop.moved(order.orderId)).toEqual(["charge at a"]);
  });

  test("while provider a hangs no database connection is held by a waiting call, and what does not need a is answered before a is", async () => {
    const a = shop.provider("a");
    await a.setFault("hangBeforeApply");
    let waiting = 30;
    const slow = Array.from({ length: waiting }, () =>
      shop.post("/checkout", shop.newOrder()).finally(() => {
        waiting -= 1;
      }),
    );
    await eventually(async () => {
      const { integrations, lanes } = await shop.status();
      const inFlight = integrations.find(({ name }) => name === "provider-a")?.concurrency?.inUse ?? 0;
      expect(inFlight).toBeGreaterThanOrEqual(20);
      expect(lanes.outrigger.database).toMatchObject({ inUse: 0, waiting: 0 });
    });
    const startedAtMs = performance.now();
    expect((await fetch(`${shop.stack.shopUrl}/health`)).status).toBe(200);
    const transfer = await shop.post("/checkout", shop.newOrder({ method: "transfer" }));
    expect(transfer).toMatchObject({ status: 200, body: { provider: "b" } });
    // Not a bound on speed: a shop that is held hostage answers these only after the hanging ones.
    expect(waiting).toBe(30);
    console.log(`beside 30 hanging checkouts: ${((performance.now() - startedAtMs) / 2).toFixed(1)} ms each`);
    await Promise.all(slow);
  });

  test("while provider a hangs the bare lane runs out of database connections: the difference that the test above proves", async () => {
    await shop.provider("a").setFault("hangBeforeApply");
    const slow = Array.from({ length: 15 }, () => shop.post("/bare/checkout", shop.newOrder()));
    await eventually(async () => {
      expect((await shop.status()).lanes.bare.database).toEqual(exhausted[kind]);
    });
    await shop.provider("a").setFault("healthy");
    await Promise.all(slow);
  });

  test("a bare checkout that was charged and got no answer is charged again: what the protected lane never is", async () => {
    await shop.provider("a").setFault("applyThenReset");
    const order = shop.newOrder();
    expect(await shop.post("/bare/checkout", order)).toMatchObject({
      status: 200,
      body: { status: "paid", provider: "b" },
    });
    expect((await shop.moved(order.orderId)).sort()).toEqual(["charge at a", "charge at b"]);
    const protectedOrder = shop.newOrder();
    await shop.post("/checkout", protectedOrder);
    await eventually(async () => expect(await shop.orderStatus(protectedOrder.orderId)).toBe("paid"));
    expect(await shop.moved(protectedOrder.orderId)).toEqual(["charge at a"]);
  });

  test("a person takes a paid order back, in the console's process: it is unpaid, and its charge cancelled", async () => {
    const order = shop.newOrder();
    await shop.post("/checkout", order);
    await eventually(async () => expect(await shop.orderStatus(order.orderId)).toBe("paid"));
    const [charge = ""] = await shop.moved(order.orderId);
    const desk = new LedgerDesk(shop.stack);
    try {
      const { operations } = await desk.list("DONE", undefined, 500);
      const id = operations.find(({ key }) => key === `${order.orderId}.1`)?.id ?? "";
      await desk.make(id, { move: "cancel", reason: "the customer called", by: "kim" });
      await eventually(async () => expect(await shop.orderStatus(order.orderId)).toBe("unpaid"));
      expect(await shop.moved(order.orderId)).toEqual([charge, charge.replace("charge", "cancel")]);
      expect(await desk.find(id)).toMatchObject({ state: "CANCELLED" });
    } finally {
      await desk.close();
    }
    await shop.post("/checkout", order);
    await eventually(async () => expect(await shop.orderStatus(order.orderId)).toBe("paid"));
  });

  const endOpen = endOpenSessions[kind];
  if (endOpen === undefined) return;
  test("a database session that dies during a bare checkout costs that checkout, not the shop", async () => {
    await shop.provider("a").setFault("hangBeforeApply");
    const restarts = shop.stack.shop.restarts;
    const answer = shop.post("/bare/checkout", shop.newOrder());
    await eventually(async () => expect(await endOpen(shop.stack.address.url)).toBeGreaterThan(0));
    await shop.provider("a").setFault("healthy");
    expect((await answer).status).toBe(502);
    expect((await shop.post("/bare/checkout", shop.newOrder())).status).toBe(200);
    expect(shop.stack.shop.restarts).toBe(restarts);
  });
});
