import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Lane } from "../src/audit/order-book.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { BareOrders, ShopDatabase } from "../src/database/shop-database.ts";
import { startDatabase } from "../src/database/start-database.ts";
import type { Payment } from "../src/shop/order.ts";
import { onEachDatabase, ownDatabase } from "./database.ts";

/** A promise, and what fulfils it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

onEachDatabase((kind) => {
  let database: ShopDatabase;
  const ends: (() => Promise<void>)[] = [];
  let payments = 0;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "outrigger-shop-database-"));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    const own = await ownDatabase(kind);
    ends.push(() => own.drop());
    const { address, stop } = await startDatabase(own.wanted, folder);
    ends.push(stop);
    database = await openDatabase(address);
    ends.push(() => database.close());
    await database.createTables();
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  const newPayment = (more: Partial<Payment> = {}): Payment => {
    payments += 1;
    const order = { orderId: `o-${payments}`, amount: 15_000, currency: "KRW", method: "card" } as const;
    return { ...order, attempt: 1, ...more };
  };
  const begin = (payment: Payment): Promise<boolean> =>
    database.sql.transaction(async (tx) => await database.orders.begin(tx, payment));
  const paid = (payment: Payment, provider = "a"): Promise<boolean> =>
    database.sql.transaction(async (tx) => await database.orders.paid(tx, payment, provider));
  const unpaid = (payment: Payment, reason = "DECLINED"): Promise<void> =>
    database.sql.transaction(async (tx) => await database.orders.unpaid(tx, payment, reason));
  const find = ({ orderId }: Payment) => database.orders.find(orderId);

  test("a payment's first attempt stores the order, and only one can", async () => {
    const payment = newPayment();
    expect(await begin(payment)).toBe(true);
    expect(await begin(payment)).toBe(false);
    expect(await begin({ ...payment, amount: 1 })).toBe(false);
    expect(await find(payment)).toEqual({
      id: payment.orderId,
      amount: 15_000,
      currency: "KRW",
      method: "card",
      status: "paying",
      attempt: 1,
      provider: null,
      reason: null,
    });
  });

  test("of two who begin at once one does", async () => {
    const payment = newPayment();
    expect((await Promise.all([begin(payment), begin(payment)])).sort()).toEqual([false, true]);
  });

  test("orders whose ids differ in case are two", async () => {
    const small = newPayment({ orderId: "case-a" });
    const large = newPayment({ orderId: "CASE-A", amount: 7 });
    expect([await begin(small), await begin(large)]).toEqual([true, true]);
    expect([(await find(small))?.amount, (await find(large))?.amount]).toEqual([15_000, 7]);
  });

  test("the largest order keeps its amount, and no order is free", async () => {
    const payment = newPayment({ amount: 1_000_000_000 });
    await begin(payment);
    expect((await find(payment))?.amount).toBe(1_000_000_000);
    await expect(begin(newPayment({ amount: 0 }))).rejects.toThrow(/check|constraint/i);
  });

  test("an order is paid once, by the attempt that it waits for", async () => {
    const payment = newPayment();
    await begin(payment);
    expect(await paid({ ...payment, attempt: 2 })).toBe(false);
    expect(await paid(payment, "b")).toBe(true);
    expect(await paid(payment, "a")).toBe(false);
    expect(await find(payment)).toMatchObject({ status: "paid", provider: "b", reason: null });
  });

  test("an order that the customer took back is not paid, until the customer wants it again", async () => {
    const payment = newPayment();
    await begin(payment);
    await database.orders.withdraw(payment.orderId);
    expect(await paid(payment)).toBe(false);
    await unpaid(payment, "WITHDRAWN");
    expect(await find(payment)).toMatchObject({ status: "unpaid", reason: "WITHDRAWN" });
    const again = { ...payment, attempt: 2 };
    expect(await begin(again)).toBe(true);
    expect(await paid(again)).toBe(true);
  });

  test("an order whose payment was undone is unpaid, at no provider, and may be paid again", async () => {
    const payment = newPayment();
    await begin(payment);
    await paid(payment);
    await unpaid(payment, "CANCELLED");
    expect(await find(payment)).toMatchObject({ status: "unpaid", provider: null, reason: "CANCELLED" });
    expect(await begin({ ...payment, attempt: 2 })).toBe(true);
  });

  test("the next attempt begins when the last one has failed, and is the one after it", async () => {
    const payment = newPayment();
    await begin(payment);
    expect(await begin({ ...payment, attempt: 2 })).toBe(false);
    await unpaid({ ...payment, attempt: 2 });
    expect((await find(payment))?.status).toBe("paying");
    await unpaid(payment);
    expect(await begin({ ...payment, attempt: 3 })).toBe(false);
    expect(await begin({ ...payment, attempt: 2 })).toBe(true);
    expect(await find(payment)).toMatchObject({ status: "paying", attempt: 2, reason: null });
  });

  test("nothing happens to an order that is not being paid when it is taken back", async () => {
    const payment = newPayment();
    await database.orders.withdraw(payment.orderId);
    expect(await find(payment)).toBeUndefined();
    await begin(payment);
    await paid(payment);
    const changed = (await database.changedSince("outrigger", 0)).at(-1);
    await database.orders.withdraw(payment.orderId);
    expect((await database.changedSince("outrigger", 0)).at(-1)).toEqual(changed);
  });

  test("what a transaction did is undone when it fails", async () => {
    const payment = newPayment();
    const failing = database.sql.transaction(async (tx) => {
      await database.orders.begin(tx, payment);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await find(payment)).toBeUndefined();
    expect(database.orders.use).toMatchObject({ inUse: 0, waiting: 0 });
  });

  test("a bare checkout sees its own order, nobody else does before it commits, and a failed one leaves none", async () => {
    const [kept, lost] = [newPayment(), newPayment()];
    const all = async (): Promise<string[]> =>
      (await database.changedSince("bare", 0)).map(({ id, status }) => `${id} ${status}`);
    const checkout = (order: Payment, after: () => void = () => {}) =>
      database.bare.transaction(async (orders) => {
        expect(await orders.find(order.orderId)).toBeUndefined();
        await orders.store(order);
        expect(await orders.find(order.orderId)).toMatchObject({ status: "paying", amount: 15_000 });
        await orders.paid(order.orderId, "a");
        expect(await orders.find(order.orderId)).toMatchObject({ status: "paid", provider: "a" });
        expect(await all()).not.toContain(`${order.orderId} paying`);
        after();
        return "done";
      });
    expect(await checkout(kept)).toBe("done");
    const failing = checkout(lost, () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await all()).toEqual([`${kept.orderId} paid`]);
    expect(database.bare.use).toMatchObject({ inUse: 0, waiting: 0 });
  });

  test("who finds every bare connection held is refused after a while; the protected lane goes on", async () => {
    const { opened, open } = gate();
    const held = Array.from({ length: database.bare.use.connections }, () => {
      const order = newPayment();
      return database.bare.transaction(async (orders) => {
        await orders.store(order);
        await opened;
      });
    });
    await expect.poll(() => database.bare.use.inUse).toBe(database.bare.use.connections);
    const late = database.bare.transaction(async () => "too early");
    const refused = expect(late).rejects.toThrow(/timeout|within 5000 ms/);
    expect(database.bare.use.waiting).toBe(1);
    const payment = newPayment();
    expect([await begin(payment), await paid(payment)]).toEqual([true, true]);
    expect(database.bare.use).toMatchObject({ inUse: held.length, waiting: 1 });
    await refused;
    open();
    await Promise.all(held);
    const free = async (orders: BareOrders): Promise<boolean> => (await orders.find("no")) === undefined;
    expect(await database.bare.transaction(free)).toBe(true);
  });

  test.each<Lane>(["bare", "outrigger"])(
    "the changes of the %s lane since an instant, the oldest first",
    async (lane) => {
      const orders = [newPayment(), newPayment(), newPayment()] as const;
      for (const order of orders) {
        if (lane === "outrigger") await begin(order);
        else await database.bare.transaction((bare) => bare.store(order));
        // Instants are told in milliseconds; these are to be three.
        await sleep(5);
      }
      const ids = orders.map(({ orderId }) => orderId);
      const [first, second] = (await database.changedSince(lane, 0)).slice(-3);
      expect(await database.changedSince(lane, second?.changedAtMs ?? 0)).toHaveLength(2);
      expect(await database.changedSince(lane, first?.changedAtMs ?? 0)).toHaveLength(3);
      if (lane === "outrigger") await unpaid(orders[0]);
      else await database.bare.transaction((bare) => bare.paid(orders[0].orderId, "b"));
      const changed = await database.changedSince(lane, first?.changedAtMs ?? 0);
      expect(changed.map(({ id }) => id)).toEqual([ids[1], ids[2], ids[0]]);
      expect(changed.at(-1)).toMatchObject({
        amount: 15_000,
        currency: "KRW",
        ...(lane === "bare" ? { status: "paid", provider: "b" } : { status: "unpaid", provider: null }),
      });
    },
  );
});
