import { createLedger, fromPgPool, type PgTx, type SqlPort } from "@outrigger/ledger";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommitProxy } from "./support/commit-proxy.ts";
import { orders } from "./support/databases/postgres-by-statement.ts";
import { shortLease, useShop } from "./support/shop.ts";

const shop = useShop("ledger_at_once");

const pools: pg.Pool[] = [];
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
});

function newPool(max = 1): pg.Pool {
  const pool = new pg.Pool({ connectionString: shop.url, max });
  pool.on("error", () => {});
  pools.push(pool);
  return pool;
}

/** A pool whose clients count how often something is sent to be waited for. */
function counted(max = 1): { readonly pool: pg.Pool; readonly sent: unknown[] } {
  const pool = newPool(max);
  const sent: unknown[] = [];
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...given: unknown[]) => unknown;
    Object.assign(client, {
      query(...given: unknown[]) {
        sent.push(given[0]);
        return query(...given);
      },
    });
  });
  return { pool, sent };
}

const store = (id: string) => ({
  text: "insert into orders (id, status) values ($1, 'pending')",
  values: [id],
});

function payThrough(pool: pg.Pool, many?: object) {
  const ledger = createLedger({ sql: fromPgPool(pool) });
  return ledger.operation<{ readonly id: string }, { readonly charge: string }>("at-once", {
    prepare: { statement: ({ id }) => store(id) },
    call: async () => ({ charge: "ch_1" }),
    inquire: async () => ({ status: "notFound" }),
    cancel: async () => {},
    commit: {
      statement: ({ id }) => ({ text: "update orders set status = 'paid' where id = $1", values: [id] }),
    },
    abandon: async () => {},
    capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
    ...many,
  });
}

const manyStatements = {
  many: {
    prepare: {
      statement: (list: readonly { readonly id: string }[]) => ({
        text: "insert into orders (id, status) select id, 'pending' from unnest($1::text[]) as m (id)",
        values: [list.map(({ id }) => id)],
      }),
    },
    commit: {
      statement: (items: readonly { readonly input: { readonly id: string } }[]) => ({
        text: "update orders set status = 'paid' where id = any($1::text[])",
        values: [items.map(({ input }) => input.id)],
      }),
    },
  },
};

test("an operation by statements waits twice for the database", async () => {
  const { pool, sent } = counted();
  const pay = payThrough(pool);
  expect(await pay.run({ id: "w1" }, { key: "w1" })).toMatchObject({ status: "committed" });
  expect(sent).toHaveLength(2);
  expect(await shop.status("w1")).toBe("paid");
});

test("so do forty that come together, for all of a batch", async () => {
  const { pool, sent } = counted();
  const pay = payThrough(pool, manyStatements);
  const keys = Array.from({ length: 40 }, (_, index) => `b${index}`);
  const outcomes = await Promise.all(keys.map((key) => pay.run({ id: key }, { key })));
  expect(outcomes.every(({ status }) => status === "committed")).toBe(true);
  for (const key of keys) expect(await shop.status(key)).toBe("paid");
  expect(sent.length).toBeLessThanOrEqual(6);
});

test("a key of a batch that is taken harms no other, and writes nothing twice", async () => {
  const pay = payThrough(newPool(), manyStatements);
  const first = await pay.run({ id: "t1" }, { key: "t1" });
  const again = await Promise.all(["t1", "t2", "t3"].map((key) => pay.run({ id: key }, { key })));
  expect(again[0]).toEqual(first);
  expect(again.map(({ status }) => status)).toEqual(["committed", "committed", "committed"]);
  expect(await shop.database.query("select id from orders where id like 't%' order by id")).toHaveLength(3);
});

test("one order of a batch that cannot be stored harms no other", async () => {
  await shop.pool.query("insert into orders (id, status) values ('r2', 'there')");
  const pay = payThrough(newPool(), manyStatements);
  const ended = await Promise.allSettled(["r1", "r2", "r3"].map((key) => pay.run({ id: key }, { key })));
  expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(ended[1]).toMatchObject({ reason: { code: "23505" } });
  expect(await shop.status("r2")).toBe("there");
  expect(await shop.pool.query("select 1 from outrigger.operation where key = 'r2'")).toHaveProperty(
    "rowCount",
    0,
  );
});

test("a client that sends one statement after the other is enough", async () => {
  const pool = newPool();
  const bare = { connect: pool.connect.bind(pool) } as unknown as pg.Pool;
  const pay = payThrough(bare);
  expect(await pay.run({ id: "o1" }, { key: "o1" })).toMatchObject({ status: "committed" });
  await expect(pay.run({ id: "o1" }, { key: "o1-again" })).rejects.toMatchObject({ code: "23505" });
  expect(await shop.status("o1")).toBe("paid");
});

describe("what statements are prepared by", () => {
  test("may be forgotten by the session, at any time", async () => {
    const { pool, sent } = counted();
    const pay = payThrough(pool);
    for (const key of ["p1", "p2"]) await pay.run({ id: key }, { key });
    await pool.query("deallocate all");
    for (const key of ["p3", "p4"]) {
      expect(await pay.run({ id: key }, { key })).toMatchObject({ status: "committed" });
      expect(await shop.status(key)).toBe("paid");
    }
    // What was skipped is rolled back and sent once more, and then nothing is prepared.
    expect(sent).toHaveLength(2 + 2 + 1 + (3 + 1) + 2);
    expect((await pool.query("select 1 from pg_prepared_statements")).rowCount).toBe(0);
  });

  test("may be forgotten by several sessions at once, and no charge is cancelled for it", async () => {
    const { pool, sent } = counted(2);
    const sql = fromPgPool<PgTx>(pool);
    const both = () =>
      Promise.all(
        [1, 2].map((n) => sql.atOnce?.([{ text: "select pg_sleep(0.05), $1::int as n", values: [n] }])),
      );
    await both();
    await Promise.all([1, 2].map(() => pool.query("select pg_sleep(0.05)")));
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    for (const client of clients) await client.query("deallocate all");
    for (const client of clients) client.release();
    sent.length = 0;
    const again = await both();
    expect(again.map((answers) => answers?.[0]?.[0]?.["n"])).toEqual([1, 2]);
    // Each was sent, rolled back, and sent once more.
    expect(sent).toHaveLength(6);
  });

  test("may be forgotten between BEGIN and what is sent with it", async () => {
    const pool = newPool();
    const sql = fromPgPool<PgTx>(pool);
    const first = (id: string) => ({ ...store(id), text: `${store(id).text} returning id` });
    await sql.transactionWith?.(first("g1"), async () => {});
    await pool.query("deallocate all");
    await sql.transactionWith?.(first("g2"), async (rows) => expect(rows).toEqual([{ id: "g2" }]));
    expect(await shop.status("g2")).toBe("pending");
  });

  test("follow a table that has changed since", async () => {
    const pool = newPool();
    await pool.query("create table changing (id text)");
    const sql = fromPgPool<PgTx>(pool);
    const add = (id: string) =>
      sql.atOnce?.([{ text: "insert into changing (id) values ($1) returning *", values: [id] }]);
    expect(await add("a")).toEqual([[{ id: "a" }]]);
    await shop.pool.query("alter table changing add column more integer default 7");
    expect(await add("b")).toEqual([[{ id: "b", more: 7 }]]);
    expect(await add("c")).toEqual([[{ id: "c", more: 7 }]]);
    await shop.pool.query("alter table changing drop column id");
    await expect(add("d")).rejects.toMatchObject({ index: 0, cause: { code: "42703" } });
  });

  test("are as many as there are statements, and no more where values are put into texts", async () => {
    const sql: SqlPort<PgTx> = fromPgPool(newPool());
    for (let nth = 0; nth < 150; nth += 1) {
      await sql.atOnce?.([{ text: `select ${nth} + $1::integer`, values: [1] }]);
    }
    const [row] = await sql.query("select count(*)::integer as count from pg_prepared_statements");
    expect(row).toEqual({ count: 100 });
  });

  test("stay right after a statement that failed", async () => {
    const sql = fromPgPool<PgTx>(newPool());
    const divided = (by: number) => sql.atOnce?.([{ text: "select 1 / $1::integer as one", values: [by] }]);
    await expect(divided(0)).rejects.toMatchObject({ index: 0, cause: { code: "22012" } });
    for (let nth = 0; nth < 3; nth += 1) expect(await divided(1)).toEqual([[{ one: 1 }]]);
    await expect(divided(0)).rejects.toMatchObject({ index: 0 });
    expect(await divided(1)).toEqual([[{ one: 1 }]]);
  });
});

describe.each(["at once", "one by one"])("statements that are sent %s", (how) => {
  const sql = (): SqlPort<PgTx> => {
    const pool = newPool();
    const bare = { connect: pool.connect.bind(pool) } as unknown as pg.Pool;
    return fromPgPool<PgTx>(how === "at once" ? pool : bare);
  };

  test.each([
    [
      "fails",
      { text: "insert into orders (id, status) values ($1, null)", values: ["f2"] },
      { code: "23502" },
    ],
    ["cannot be parsed", { text: "insert into nowhere values ($1)", values: [1] }, { code: "42P01" }],
    ["is two", { text: "select 1; select $1", values: [1] }, { code: "42601" }],
    ["has a value that cannot be written", { text: "select $1", values: [circular()] }, TypeError],
  ])("are undone together when one of them %s, and the connection is whole", async (_, bad, cause) => {
    const port = sql();
    const failed = port.atOnce?.([store("f1"), bad, store("f3")]);
    await expect(failed).rejects.toMatchObject({
      index: 1,
      cause: typeof cause === "function" ? expect.any(cause) : cause,
    });
    expect(await shop.status("f1")).toBeUndefined();
    expect(await port.atOnce?.([{ text: "select $1::integer as n", values: [1] }])).toEqual([[{ n: 1 }]]);
  });

  test("are undone when COMMIT is refused, which is told of as behind all of them", async () => {
    await shop.pool.query(`create table if not exists slips (id text primary key, order_id text
      references orders (id) deferrable initially deferred)`);
    const slip = { text: "insert into slips (id, order_id) values ('s1', $1)", values: ["nobody"] };
    const failed = sql().atOnce?.([store("c1"), slip]);
    await expect(failed).rejects.toMatchObject({ index: 2, cause: { code: "23503" } });
    expect(await shop.status("c1")).toBeUndefined();
  });

  test.each(["commit", "rollback"])(
    "that end the transaction themselves, by %s, are found out",
    async (text) => {
      const port = sql();
      const failed = port.atOnce?.([store(`e-${text}-${how}`), { text, values: [] }]);
      await expect(failed).rejects.toMatchObject({ index: 2, cause: { code: "TRANSACTION_ABORTED" } });
      expect(await shop.status(`e-${text}-${how}`)).toBe(text === "commit" ? "pending" : undefined);
      // Nothing is left open.
      expect(await port.query("select pg_current_xact_id_if_assigned()::text as open")).toEqual([
        { open: null },
      ]);
    },
  );
});

describe("statements that are sent at once", () => {
  test("begin READ COMMITTED, whatever the session's own way is", async () => {
    const pool = newPool();
    await pool.query("set default_transaction_isolation = 'serializable'");
    const answers = await fromPgPool<PgTx>(pool).atOnce?.([
      { text: "select current_setting('transaction_isolation') as level where $1", values: [true] },
    ]);
    expect(answers).toEqual([[{ level: "read committed" }]]);
  });

  test("and take too long are given up, not known, and ended at the server", async () => {
    const blocker = await shop.pool.connect();
    await blocker.query("begin");
    await blocker.query("insert into orders (id, status) values ('slow', 'theirs')");
    const pool = newPool();
    const ledger = createLedger({ sql: fromPgPool(pool), statementTimeout: "300ms" });
    const pay = ledger.operation<{ readonly id: string }, object>("slow", {
      prepare: { statement: ({ id }) => store(id) },
      call: async () => ({}),
      inquire: async () => ({ status: "notFound" }),
      cancel: async () => {},
      commit: async () => {},
      abandon: async () => {},
      capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
    });
    await expect(pay.run({ id: "slow" }, { key: "slow" })).rejects.toMatchObject({
      code: "INTENT_UNKNOWN",
      effect: "unknown",
    });
    const waiting =
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    await expect.poll(async () => (await shop.pool.query(waiting)).rowCount).toBe(0);
    await blocker.query("rollback");
    blocker.release();
    expect(await shop.status("slow")).toBeUndefined();
    expect(await pay.run({ id: "slow" }, { key: "slow" })).toMatchObject({ status: "committed" });
  });
});

describe("an answer that is lost", () => {
  let proxy: CommitProxy;
  beforeAll(async () => {
    proxy = await new CommitProxy(shop.url).start();
  });
  afterAll(() => proxy.stop());
  const definition = orders as never;
  const pay = (id: string, options: object = {}) => {
    const node = shop.node({ database: proxy.url, definition, ...options });
    return node.pay.run({ id, amount: 1 }, { key: id });
  };

  test("of an intent that was stored leaves it to be settled, and sends nothing", async () => {
    proxy.next("swallowAnswer");
    expect(await pay("l1", { lease: shortLease })).toMatchObject({ status: "pending" });
    expect(proxy.allMet).toBe(true);
    expect(shop.a.requests).not.toContain("/charge l1");
    const other = shop.node({ definition });
    other.ledger.start();
    await shop.settled(other);
    expect(await shop.status("l1")).toBe("void");
    expect(shop.a.activeCharges("l1")).toBe(0);
  });

  test.each(["neverArrives", "arrivesLate"] as const)(
    "of an intent that is not found (%s) is not known, as it may be on its way; the same key tells",
    async (fate) => {
      const id = `i.${fate}`;
      proxy.next(fate);
      await expect(pay(id, { lease: shortLease })).rejects.toMatchObject({
        code: "INTENT_UNKNOWN",
        effect: "unknown",
      });
      expect(await shop.status(id)).toBeUndefined();
      expect(shop.a.requests).not.toContain(`/charge ${id}`);
      proxy.release();
      if (fate === "arrivesLate") {
        await expect.poll(() => shop.status(id)).toBe("pending");
        expect(await pay(id)).toMatchObject({ status: "pending" });
        const other = shop.node({ definition });
        other.ledger.start();
        await shop.settled(other);
        expect(await shop.status(id)).toBe("void");
      } else expect(await pay(id)).toMatchObject({ status: "committed" });
      expect(shop.a.activeCharges(id)).toBe(fate === "arrivesLate" ? 0 : 1);
    },
  );

  test.each(["swallowAnswer", "neverArrives"] as const)(
    "of an outcome (%s) is found out: it is written once",
    async (fate) => {
      let first = true;
      const onStep = (name: string): void => {
        if (name !== "outcome.beforeCommit" || !first) return;
        first = false;
        proxy.next(fate);
      };
      expect(await pay(`o.${fate}`, { onStep })).toMatchObject({ status: "committed" });
      expect(proxy.allMet).toBe(true);
      expect(await shop.status(`o.${fate}`)).toBe("paid");
      expect(shop.a.activeCharges(`o.${fate}`)).toBe(1);
    },
  );
});

describe("a statement that is said wrongly", () => {
  const define = (prepare: unknown) => () =>
    shop.node({ definition: { prepare } as never, operation: "wrong" });

  test.each([
    ["neither function nor statement", 1, "prepare must be a function, or { statement } with one; got 1"],
    ["statement that is no function", { statement: "x" }, "prepare must be a function, or { statement }"],
    ["word that is none", { statement: () => store("x"), rows: 1 }, "prepare.rows is not an option"],
  ])("is refused with its definition: %s", (_, prepare, message) => {
    expect(define(prepare)).toThrow(message);
  });

  test.each([
    ["nothing", undefined],
    ["a promise", Promise.resolve(store("x"))],
    ["no values", { text: "select 1", values: "4111111111111111" }],
    ["no text", { text: " ", values: [] }],
  ])("is refused before anything is stored or sent: %s", async (name, said) => {
    const { pay } = define({ statement: () => said })();
    const failed = pay.run({ id: name, amount: 1 }, { key: name.replaceAll(" ", "-") });
    await expect(failed).rejects.toThrow(/prepare\.statement must return \{ text, values \} at once/);
    await expect(failed).rejects.not.toThrow(/4111/);
    expect(shop.a.activeCharges(name.replaceAll(" ", "-"))).toBe(0);
  });
});

function circular(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}
