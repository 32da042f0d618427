import { createLedger, fromPgPool, type PgTx } from "@outrigger/ledger";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_trips");

const pools: pg.Pool[] = [];
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
});

function newPool(): pg.Pool {
  const pool = new pg.Pool({ connectionString: shop.url, max: 1 });
  pool.on("error", () => {});
  pools.push(pool);
  return pool;
}

/** A pool whose clients note what is sent, one entry for each wait. */
function watched(pool: pg.Pool): { readonly pool: pg.Pool; readonly sent: string[] } {
  const sent: string[] = [];
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...given: unknown[]) => unknown;
    Object.assign(client, {
      query(...given: unknown[]) {
        const [first] = given;
        sent.push(typeof first === "string" ? first : String((first as { text: string }).text));
        return query(...given);
      },
    });
  });
  return { pool, sent };
}

function payThrough(pool: pg.Pool) {
  const ledger = createLedger({ sql: fromPgPool(pool) });
  return ledger.operation<{ readonly id: string }, { readonly charge: string }>("trip", {
    prepare: (tx, { id }) =>
      tx.query("insert into orders (id, status) values ($1, 'pending')", [id]).then(() => {}),
    call: async () => ({ charge: "ch_1" }),
    inquire: async () => ({ status: "notFound" }),
    cancel: async () => {},
    commit: (tx, { id }) => tx.query("update orders set status = 'paid' where id = $1", [id]).then(() => {}),
    abandon: async () => {},
    capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
  });
}

test("a lone caller waits six times: twice for the ledger with BEGIN, for its own statement, and for COMMIT", async () => {
  const { pool, sent } = watched(newPool());
  expect(await payThrough(pool).run({ id: "t1" }, { key: "t1" })).toMatchObject({ status: "committed" });
  expect(sent).toHaveLength(6);
  expect(await shop.status("t1")).toBe("paid");
});

test("a pool that tells nothing of its clients works too, with one wait more for each transaction", async () => {
  const { pool, sent } = watched(newPool());
  const bare = { connect: pool.connect.bind(pool) } as unknown as pg.Pool;
  expect(await payThrough(bare).run({ id: "t2" }, { key: "t2" })).toMatchObject({ status: "committed" });
  expect(sent).toHaveLength(8);
  expect(await shop.status("t2")).toBe("paid");
});

test("a client that somebody has wrapped, and that answers with promises only, works too", async () => {
  const pool = newPool();
  const promising = (client: pg.PoolClient): pg.PoolClient =>
    new Proxy(client, {
      get: (of, name) => {
        if (name === "connection") return undefined;
        if (name === "query") return (text: string, values?: unknown[]) => of.query(text, values);
        const own: unknown = Reflect.get(of, name);
        return typeof own === "function" ? own.bind(of) : own;
      },
    });
  const bare = {
    connect: (callback: (error: Error | undefined, client: pg.PoolClient | undefined) => void) =>
      pool.connect((error, client) => callback(error, client && promising(client))),
  } as unknown as pg.Pool;
  const pay = payThrough(bare);
  expect(await pay.run({ id: "t5" }, { key: "t5" })).toMatchObject({ status: "committed" });
  // An error of the database comes through as one.
  await expect(pay.run({ id: "t5" }, { key: "t5-again" })).rejects.toMatchObject({ code: "23505" });
});

test("what is sent with BEGIN is in its transaction, and gone with it", async () => {
  const sql = fromPgPool<PgTx>(newPool());
  const first = {
    text: "insert into orders (id, status) values ($1, 'pending') returning id",
    values: ["t3"],
  };
  const failed = sql.transactionWith?.(first, async (rows) => {
    expect(rows).toEqual([{ id: "t3" }]);
    throw new Error("no");
  });
  await expect(failed).rejects.toThrow("no");
  expect(await shop.status("t3")).toBeUndefined();
  await sql.transactionWith?.(first, async () => {});
  expect(await shop.status("t3")).toBe("pending");
  // The connection is whole after a first statement that is refused.
  await expect(sql.transactionWith?.(first, async () => {})).rejects.toMatchObject({ code: "23505" });
  await sql.transactionWith?.({ ...first, values: ["t4"] }, async () => {});
  expect(await shop.status("t4")).toBe("pending");
});
