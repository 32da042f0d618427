import { EventEmitter, once } from "node:events";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { useSurroundings } from "./support.ts";

const around = useSurroundings("guard_pg");
let pool: pg.Pool;
beforeAll(async () => {
  pool = new pg.Pool({ connectionString: around.url, max: 4 });
  await pool.query("create table orders (id text primary key)");
});
afterAll(() => pool.end());
beforeEach(() => {
  const guard = around.putUp();
  guard.watchPgPool(pool);
});

async function inTransaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

test("a call between BEGIN and COMMIT is reported, with the lines that made it and that began the transaction", async () => {
  await inTransaction(async (client) => {
    await client.query("select 1");
    await around.call("/charge?card=4242");
  });
  expect(around.arrived).toEqual(["/charge?card=4242"]);
  expect(around.events).toMatchObject([
    {
      type: "callInTransaction",
      call: { kind: "http", method: "GET", peer: around.peer },
      transaction: { of: "pg" },
      count: 1,
      failed: false,
    },
  ]);
  const [event] = around.events;
  if (event?.type !== "callInTransaction") throw new Error("not reported");
  expect(event.calledAt.join("\n")).toMatch(/support\.ts[\s\S]*pg\.test\.ts/);
  expect(event.transaction.begunAt[0]).toMatch(/inTransaction .*pg\.test\.ts/);
  expect(JSON.stringify(event)).not.toContain("4242");
});

test("a call before BEGIN and after COMMIT is nobody's business", async () => {
  const client = await pool.connect();
  await around.call();
  await client.query("begin");
  await client.query("select 1");
  await client.query("commit");
  await around.call();
  client.release();
  await around.call();
  expect(around.reported).toEqual([]);
});

test("a call after ROLLBACK is nobody's business, and one in a transaction that has failed is reported", async () => {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("select 1/0").catch(() => {});
  await around.call();
  expect(around.reported).toEqual(["http GET in pg"]);
  await client.query("ROLLBACK");
  await around.call();
  client.release();
  expect(around.reported).toHaveLength(1);
});

test("a call in a sibling async context is nobody's business", async () => {
  const begun = new EventEmitter();
  const called = new EventEmitter();
  const sibling = once(begun, "begun").then(() => around.call());
  await Promise.all([
    sibling.then(() => called.emit("called")),
    inTransaction(async (client) => {
      const heard = once(called, "called");
      begun.emit("begun");
      await heard;
      await client.query("select 1");
    }),
  ]);
  expect(around.reported).toEqual([]);
});

test("work that was started before the transaction may call while it is open", async () => {
  let call = (): void => {};
  const background = new Promise<void>((resolve) => {
    call = resolve;
  }).then(() => around.call());
  await inTransaction(async () => {
    call();
    await background;
  });
  expect(around.reported).toEqual([]);
});

test("what a transaction starts may call once it is over", async () => {
  const events = new EventEmitter();
  const later: Promise<unknown>[] = [];
  events.on("committed", () => later.push(around.call()));
  await inTransaction(async () => {
    later.push(new Promise((resolve) => setTimeout(() => resolve(around.call()), 100)));
    later.push(
      new Promise((resolve) => events.once("committed", () => setImmediate(() => resolve(around.call())))),
    );
  });
  events.emit("committed");
  await Promise.all(later);
  expect([later.length, around.reported]).toEqual([3, []]);
});

test("what a transaction starts and does not wait for counts while it is open", async () => {
  await inTransaction(async (client) => {
    const started = around.call();
    await client.query("select 1");
    await started;
  });
  expect(around.reported).toEqual(["http GET in pg"]);
});

test("a savepoint that is released leaves its transaction open", async () => {
  await inTransaction(async (client) => {
    await client.query("savepoint a");
    await client.query("release savepoint a");
    await around.call();
  });
  expect(around.reported).toEqual(["http GET in pg"]);
});

test("transactions of one pool that run at the same time are kept apart", async () => {
  await Promise.all([
    inTransaction(async (client) => {
      await client.query("select pg_sleep(0.05)");
      await around.call("/first");
    }),
    inTransaction(async (client) => {
      await client.query("select pg_sleep(0.1)");
    }),
    (async () => {
      await pool.query("select pg_sleep(0.05)");
      await around.call("/second");
    })(),
  ]);
  expect([around.arrived.toSorted(), around.reported]).toEqual([["/first", "/second"], ["http GET in pg"]]);
});

test("who had a client before is not taken for its next user", async () => {
  const first = await pool.connect();
  await first.query("begin");
  await first.query("select 1");
  await first.query("commit");
  first.release();
  const others = await Promise.all([pool.connect(), pool.connect(), pool.connect(), pool.connect()]);
  const begin = async (client: pg.PoolClient): Promise<unknown> => {
    await null;
    return await client.query("/* theirs */ start transaction");
  };
  await Promise.all(others.map(begin));
  await around.call();
  await Promise.all(others.map((client) => client.query("rollback")));
  for (const client of others) client.release();
  expect(around.reported).toEqual([]);
});

test("who had a transaction is not taken for who begins the next one on the same client, however it is begun", async () => {
  const client = await pool.connect();
  const events = new EventEmitter();
  const first = async (): Promise<unknown> => {
    await null;
    await client.query("begin");
    await client.query("select 1");
    await client.query("commit");
    await once(events, "second");
    return await around.call();
  };
  const running = first();
  await expect.poll(() => events.listenerCount("second")).toBe(1);
  await client.query("select 1; begin");
  events.emit("second");
  await running;
  await client.query("rollback");
  client.release();
  expect(around.reported).toEqual([]);
});

test("a transaction that has ended leaves the one of another client open around it", async () => {
  await inTransaction(async () => {
    const other = await pool.connect();
    await other.query("begin");
    await other.query("commit");
    other.release();
    await around.call();
  });
  expect(around.reported).toEqual(["http GET in pg"]);
});

test("a client that is given back in the middle of a transaction is nobody's any more", async () => {
  const client = await pool.connect();
  await client.query("begin");
  client.release(true);
  await around.call();
  expect(around.reported).toEqual([]);
});

test("a helper that begins a transaction begins it for whoever waits for it at once", async () => {
  const client = await pool.connect();
  const begin = (): Promise<unknown> =>
    client.query({ text: "-- ours\n  BEGIN ISOLATION LEVEL SERIALIZABLE" });
  await begin();
  await around.call();
  await client.query("rollback");
  client.release();
  expect(around.reported).toEqual(["http GET in pg"]);
});

test("callbacks of a client run in the context of who gave them", async () => {
  await new Promise<void>((resolve, reject) => {
    pool.connect((error, client, release) => {
      if (client === undefined) return reject(error);
      client.query("begin", () => {
        client.query("select 1", () => {
          void around.call().then(() => {
            client.query("commit", () => {
              release();
              void around.call().then(() => resolve());
            });
          });
        });
      });
    });
  });
  expect(around.reported).toEqual(["http GET in pg"]);
});

test("the thousandth transaction in a row is watched as the first one was", async () => {
  const client = await pool.connect();
  for (let each = 0; each < 1_000; each += 1) {
    await client.query("begin");
    await client.query("commit");
  }
  await client.query("begin");
  await around.call();
  await client.query("commit");
  client.release();
  expect(around.reported).toEqual(["http GET in pg"]);
});

test("the pool is as it was once the guard is down", async () => {
  around.guard?.stop();
  expect(Object.hasOwn(pool, "connect")).toBe(false);
  await inTransaction(async (client) => {
    expect(Object.hasOwn(client, "query")).toBe(false);
    await around.call();
  });
  expect([around.reported, pool.listenerCount("acquire"), pool.listenerCount("release")]).toEqual([[], 0, 0]);
});

test("what is no pool of pg is refused, with what was expected", () => {
  expect(() => around.guard?.watchPgPool({} as never)).toThrow(
    "pool must be a Pool of the package pg: it has no function connect",
  );
});
