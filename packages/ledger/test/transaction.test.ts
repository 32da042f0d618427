import { expect, test } from "vitest";
import { useShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useShop("ledger_transaction");
const unknown = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms" } as const;

test("no connection is held while a provider is being called", async () => {
  shop.a.mode = { charge: "hangBeforeApply" };
  const { pay, pool } = shop.node({ lease: "2s" });
  const running = pay.run({ id: "o10", amount: 1 }, { key: "k10" });
  await expect.poll(() => shop.a.requests).toContain("/charge k10");
  expect(pool.totalCount).toBeGreaterThan(0);
  expect(pool.totalCount - pool.idleCount).toBe(0);
  expect(await running).toMatchObject({ status: "pending" });
});

test.each([false, true])(
  "pg's own query timeout in commit is no reason to cancel, wrapped: %s",
  async (wrapped) => {
    let tries = 0;
    const key = `q${wrapped}`;
    const node = singleProvider(
      shop,
      {},
      {
        unknown,
        queryTimeoutMs: 500,
        definition: {
          async commit(tx, order) {
            tries += 1;
            if (tries === 1) {
              await tx.query("select pg_sleep(0.7)").catch((cause: unknown) => {
                throw wrapped ? new Error("could not update the order", { cause }) : cause;
              });
            }
            await tx.query("update orders set status = 'paid' where id = $1", [order.id]);
          },
        },
      },
    );
    expect(await node.pay.run({ id: key, amount: 1 }, { key })).toMatchObject({ status: "committed" });
    expect(tries).toBe(2);
    expect(shop.a.requests).not.toContain(`/cancel ${key}`);
  },
);

test.each([
  "rollback",
  "rollback; begin",
  "savepoint mine; rollback; begin; insert into orders (id, status) values ('x', 'y')",
])(
  "a prepare that ends the transaction with %j is refused by name, and nothing is sent",
  async (statement) => {
    const key = `p${statement.length}`;
    const node = singleProvider(
      shop,
      {},
      {
        unknown,
        definition: {
          async prepare(tx, order) {
            await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
            await tx.query(statement);
          },
        },
      },
    );
    const running = node.pay.run({ id: key, amount: 1 }, { key });
    await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED" });
    await expect(running).rejects.toThrow(/^prepare: /);
    expect(shop.a.requests).not.toContain(`/charge ${key}`);
    expect(await recordOf(node, key)).toBeUndefined();
    expect(await shop.status(key)).toBeUndefined();
    expect(await shop.status("x")).toBeUndefined();
  },
);

test.each(["rollback", "rollback; begin", "rollback and chain"])(
  "a prepare that sends %j and does not wait for it is refused all the same",
  async (statement) => {
    const key = `n${statement.length}`;
    const node = singleProvider(
      shop,
      {},
      {
        unknown,
        definition: {
          async prepare(tx, order) {
            await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
            tx.query(statement).catch(() => {});
          },
        },
      },
    );
    await expect(node.pay.run({ id: key, amount: 1 }, { key })).rejects.toMatchObject({
      code: "TRANSACTION_ABORTED",
      effect: "none",
    });
    expect(shop.a.requests).not.toContain(`/charge ${key}`);
    expect(await recordOf(node, key)).toBeUndefined();
    expect(await shop.status(key)).toBeUndefined();
  },
);

test.each<readonly [string, readonly string[]]>([
  ["a COMMIT that fails", ["insert into late_check values (1)", "commit"]],
  ["a PREPARE TRANSACTION that fails", ["prepare transaction 'nowhere'"]],
])("%s in prepare, and that is caught, is refused, and nothing is sent", async (name, statements) => {
  await shop.pool.query(`
    create table if not exists late_checked (id integer primary key);
    create table if not exists late_check (
      id integer references late_checked (id) deferrable initially deferred)`);
  for (const waits of [true, false]) {
    const key = `f${name.length}${waits}`;
    const node = singleProvider(
      shop,
      {},
      {
        unknown,
        definition: {
          async prepare(tx, order) {
            await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
            for (const statement of statements) {
              const sent = tx.query(statement).catch(() => {});
              if (waits) await sent;
            }
          },
        },
      },
    );
    await expect(node.pay.run({ id: key, amount: 1 }, { key })).rejects.toMatchObject({
      code: "TRANSACTION_ABORTED",
      effect: "none",
    });
    expect(shop.a.requests).not.toContain(`/charge ${key}`);
    expect([await recordOf(node, key), await shop.status(key)]).toEqual([undefined, undefined]);
  }
});

test("a commit that fails to commit, and hides it, leaves no charge without its order", async () => {
  await shop.pool.query("create table if not exists never (id integer unique deferrable initially deferred)");
  const node = singleProvider(
    shop,
    {},
    {
      unknown,
      definition: {
        async commit(tx) {
          await tx.query("insert into never values (1), (1)");
          await tx.query("commit").catch(() => {});
        },
      },
    },
  );
  node.ledger.start();
  expect(await node.pay.run({ id: "cf", amount: 1 }, { key: "cf" })).toMatchObject({ status: "pending" });
  await shop.settled(node);
  expect((await recordOf(node, "cf"))?.state).toBe("CANCELLED");
  expect(shop.a.activeCharges("cf")).toBe(0);
});

test("a prepare that commits, and fails in a transaction of its own, is not told that nothing was stored", async () => {
  const node = singleProvider(
    shop,
    {},
    {
      unknown,
      lease: "400ms",
      definition: {
        async prepare(tx, order) {
          await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
          tx.query("commit; begin; select 1 / 0").catch(() => {});
        },
      },
    },
  );
  const running = node.pay.run({ id: "pe", amount: 1 }, { key: "pe" });
  await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect: "unknown" });
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "pe")).toMatchObject({ state: "CANCELLED" });
  expect(shop.a.requests).not.toContain("/charge pe");
});

test("a prepare that commits the transaction itself is refused, and what it stored is settled", async () => {
  const node = singleProvider(
    shop,
    {},
    {
      unknown,
      lease: "400ms",
      definition: {
        async prepare(tx, order) {
          await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
          await tx.query("commit");
        },
      },
    },
  );
  const running = node.pay.run({ id: "pc", amount: 1 }, { key: "pc" });
  await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect: "unknown" });
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "pc")).toMatchObject({ state: "CANCELLED" });
  expect(shop.a.requests).not.toContain("/charge pc");
});

test("a commit that rolls back does not leave a charge without its order", async () => {
  const node = singleProvider(
    shop,
    {},
    {
      unknown,
      definition: {
        async commit(tx) {
          await tx.query("rollback");
        },
      },
    },
  );
  node.ledger.start();
  expect(await node.pay.run({ id: "cr", amount: 1 }, { key: "cr" })).toMatchObject({ status: "pending" });
  await shop.settled(node);
  const record = await recordOf(node, "cr");
  expect(record?.state).toBe("CANCELLED");
  expect(record?.history.find(({ to }) => to === "CANCELLING")?.evidence).toMatch(/^commit: /);
  expect(shop.a.activeCharges("cr")).toBe(0);
});

test("a savepoint of a function's own is its own affair", async () => {
  const node = singleProvider(
    shop,
    {},
    {
      definition: {
        async prepare(tx, order) {
          await tx.query("savepoint mine");
          await tx.query("select no_such_column").catch(() => {});
          await tx.query("rollback to savepoint mine");
          await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
        },
      },
    },
  );
  expect(await node.pay.run({ id: "sp", amount: 1 }, { key: "sp" })).toMatchObject({ status: "committed" });
});

test("a statement that fails unseen in prepare rolls everything back, and nothing is sent", async () => {
  const node = singleProvider(
    shop,
    {},
    {
      definition: {
        async prepare(tx, order) {
          await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
          await tx.query("select no_such_column").catch(() => {});
        },
      },
    },
  );
  await expect(node.pay.run({ id: "p12", amount: 1 }, { key: "p12" })).rejects.toMatchObject({
    code: "TRANSACTION_ABORTED",
    effect: "none",
  });
  expect(await shop.status("p12")).toBeUndefined();
  expect(shop.a.requests).not.toContain("/charge p12");
});

test("a deadlock in commit is tried again, and is no reason to cancel", async () => {
  let tries = 0;
  const node = singleProvider(
    shop,
    {},
    {
      definition: {
        async commit(tx, order) {
          tries += 1;
          if (tries === 1) await tx.query("do $$ begin raise exception using errcode = '40P01'; end $$");
          await tx.query("update orders set status = 'paid' where id = $1", [order.id]);
        },
      },
    },
  );
  expect(await node.pay.run({ id: "p14", amount: 1 }, { key: "p14" })).toMatchObject({ status: "committed" });
  expect(tries).toBe(2);
});

test("a pool, or a connection outside of a transaction, is refused where a transaction is meant", async () => {
  const node = shop.node();
  const order = { id: "e4", amount: 1 };
  const client = await shop.pool.connect();
  try {
    await expect(node.pay.enqueue(order, { key: "e4", tx: shop.pool as never })).rejects.toThrow(
      "a pool sends each statement on another connection",
    );
    await expect(node.pay.enqueue(order, { key: "e4", tx: client })).rejects.toThrow(
      'send "begin" on it first',
    );
    await expect(node.pay.enqueue(order, { key: "e4", tx: {} as never })).rejects.toThrow(TypeError);
    await client.query("begin");
    await expect(client.query("select 1 / 0")).rejects.toThrow("division");
    await expect(node.pay.enqueue(order, { key: "e4", tx: client })).rejects.toMatchObject({
      code: "TRANSACTION_ABORTED",
    });
  } finally {
    await client.query("rollback");
    client.release();
  }
  expect(await node.ledger.find({ operation: "pay", key: "e4" })).toBeUndefined();
});
