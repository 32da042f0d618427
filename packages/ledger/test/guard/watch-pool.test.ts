import { VirtualClock } from "@outrigger/lab";
import {
  guardTransactions,
  type PoolEvent,
  type PoolWatch,
  type PoolWatchOptions,
  watchPool,
} from "@outrigger/ledger/guard";
import knexModule from "knex";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useSurroundings } from "./support.ts";

const around = useSurroundings("guard_pool");
let pool: pg.Pool;
let clock: VirtualClock;
let events: PoolEvent[];
let watch: PoolWatch | undefined;

beforeEach(() => {
  pool = new pg.Pool({ connectionString: around.url, max: 4 });
  clock = new VirtualClock();
  events = [];
});
afterEach(async () => {
  watch?.stop();
  await pool.end();
});

function begin(options: PoolWatchOptions = {}, watched: object = pool): PoolWatch {
  watch = watchPool(watched, { name: "orders", clock, onEvent: (event) => events.push(event), ...options });
  return watch;
}

test("a connection that is held too long is told of, with the lines that took it, again each time that doubles, and when it is back", async () => {
  begin();
  const client = await pool.connect();
  await clock.advance(999);
  expect(events).toEqual([]);
  await clock.advance(1);
  await clock.advance(999);
  expect(events).toMatchObject([
    { type: "connectionHeld", pool: "orders", size: 4, inUse: 1, heldMs: 1_000 },
  ]);
  await clock.advance(1);
  await clock.advance(2_000);
  client.release();
  expect(events.map((event) => [event.type, "heldMs" in event && event.heldMs])).toEqual([
    ["connectionHeld", 1_000],
    ["connectionHeld", 2_000],
    ["connectionHeld", 4_000],
    ["connectionReturned", 4_000],
  ]);
  for (const event of events) expect(JSON.stringify(event)).toContain("watch-pool.test.ts");
  expect(watch?.snapshot()).toMatchObject({ inUse: 0, taken: 1, heldTooLong: 1, holders: [] });
});

test("a watch has no timer while no connection is out and nobody waits", async () => {
  begin();
  await pool.query("select 1");
  await Promise.all([pool.query("select 1"), pool.query("select 1"), pool.query("select 1")]);
  expect([clock.pending, watch?.snapshot().taken]).toEqual([0, 4]);
  const client = await pool.connect();
  expect(clock.pending).toBe(1);
  client.release();
  expect(clock.pending).toBe(0);
});

test("callers who wait too long are told of, with who holds the connections", async () => {
  begin({ heldFor: "1h" });
  const takeAll = (): Promise<pg.PoolClient[]> =>
    Promise.all(Array.from({ length: 4 }, () => pool.connect()));
  const clients = await takeAll();
  const waiting = [pool.query("select 1"), pool.query("select 1")];
  await clock.advance(99);
  expect(events).toEqual([]);
  await clock.advance(1);
  expect(events).toMatchObject([
    {
      type: "callersWaiting",
      inUse: 4,
      size: 4,
      waiting: 2,
      longestMs: 100,
      holders: [{ connections: 4, longestMs: 100 }],
    },
  ]);
  expect(JSON.stringify(events)).toContain("watch-pool.test.ts");
  await clock.advance(9_999);
  expect(events).toHaveLength(1);
  await clock.advance(1);
  expect(events).toHaveLength(2);
  for (const client of clients) client.release();
  await Promise.all(waiting);
  expect(watch?.snapshot()).toMatchObject({ waiting: 0, inUse: 0, longestWaitMs: 10_100 });
  expect(clock.pending).toBe(0);
});

test("a pool that fills is told of before it is empty", async () => {
  const clients: pg.PoolClient[] = [];
  pool.options.max = 10;
  begin({ heldFor: "1h" });
  for (let each = 0; each < 8; each += 1) {
    clients.push(await pool.connect());
    await clock.advance(1_000);
  }
  expect(events[0]).toMatchObject({
    type: "poolFilling",
    size: 10,
    holders: [{ takenAt: [expect.anything()] }],
  });
  const first = events[0];
  if (first?.type !== "poolFilling") throw new Error("not told");
  expect(first.inUse).toBeLessThan(6);
  // One a second, as many seconds as connections are left.
  expect(first.exhaustedInMs / 1_000).toBeCloseTo(10 - first.inUse, -0.5);
  expect(watch?.snapshot().exhaustedInMs).toBeGreaterThan(0);
  for (const client of clients) client.release();
  expect(events.filter(({ type }) => type === "poolFilling")).toHaveLength(1);
});

test("a caller who gives up waiting is forgotten", async () => {
  const short = new pg.Pool({ connectionString: around.url, max: 1 });
  begin({}, short);
  const client = await short.connect();
  // Only now: the first one may take as long as the machine likes.
  short.options.connectionTimeoutMillis = 50;
  await expect(short.connect()).rejects.toThrow("timeout exceeded");
  expect(watch?.snapshot()).toMatchObject({ waiting: 0, inUse: 1 });
  client.release();
  await short.end();
  expect(clock.pending).toBe(0);
});

test("a connection that dies while it is out is back", async () => {
  begin();
  const client = await pool.connect();
  client.on("error", () => {});
  await client.query("select pg_terminate_backend(pg_backend_pid())").catch(() => {});
  client.release(true);
  expect(watch?.snapshot().inUse).toBe(0);
});

test("connections that were out before the watch began are none of its business", async () => {
  const client = await pool.connect();
  begin();
  client.release();
  expect(watch?.snapshot()).toMatchObject({ inUse: 0, taken: 0 });
});

test("the place of every so many-th checkout is kept", async () => {
  begin({ places: 0.5, heldFor: "1h" });
  const clients = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
  expect(
    watch?.snapshot().holders.map(({ connections, takenAt }) => [connections, takenAt.length > 0]),
  ).toEqual(
    expect.arrayContaining([
      [2, true],
      [2, false],
    ]),
  );
  for (const client of clients) client.release();
});

test("the pool of Knex is watched as well", async () => {
  const knex = knexModule({ client: "pg", connection: around.url, pool: { min: 0, max: 1 } });
  begin({}, knex.client.pool);
  const trx = await knex.transaction();
  const other = knex.raw("select 1").then(() => {});
  await clock.advance(1_000);
  expect(events.map(({ type, size, inUse }) => [type, size, inUse])).toEqual([
    ["callersWaiting", 1, 1],
    ["connectionHeld", 1, 1],
  ]);
  await trx.commit();
  await other;
  expect(watch?.snapshot()).toMatchObject({ inUse: 0, taken: 2 });
  await knex.destroy();
});

test("a pool may be watched and guarded at once, and is as it was after both", async () => {
  const guard = guardTransactions({ mode: "report", onEvent: () => {} });
  guard.watchPgPool(pool);
  begin();
  const client = await pool.connect();
  await client.query("begin");
  await around.call();
  await client.query("rollback");
  client.release();
  expect([guard.snapshot().callsInTransactions, watch?.snapshot().taken]).toEqual([1, 1]);
  watch?.stop();
  watch?.stop();
  guard.stop();
  expect([
    Object.hasOwn(pool, "connect"),
    pool.listenerCount("release"),
    pool.listenerCount("acquire"),
  ]).toEqual([false, 0, 0]);
});

test("without a listener what happens is a warning of the process", async () => {
  watch = watchPool(pool, { clock });
  const client = await pool.connect();
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  await clock.advance(1_000);
  expect(await warned).toMatchObject({ name: "OutriggerWarning", code: "CONNECTION_HELD" });
  expect((await warned).message).toMatch(
    /^pool pool \(1 of 4 connections in use\): a connection taken at .*watch-pool\.test\.ts.* has been held for 1\.0 s$/,
  );
  client.release();
});

test("an option that is wrong is named, with what to write instead", () => {
  const wrong: readonly (readonly [pool: unknown, options: object, message: string])[] = [
    [pool, { heldfor: "1s" }, 'watchPool.heldfor is not an option; did you mean "heldFor"?'],
    [pool, { heldFor: 1 }, "watchPool.heldFor"],
    [pool, { places: 0 }, "watchPool.places must be a ratio above 0 and at most 1; got 0"],
    [pool, { name: "" }, "watchPool.name must be a non-empty string"],
    [pool, { onEvent: 1 }, "watchPool.onEvent must be a function; got 1"],
    [{}, {}, "watchPool(pool) knows pools of pg (new Pool()) and of tarn (knex.client.pool)"],
    [undefined, {}, "watchPool(pool) knows pools of pg"],
  ];
  for (const [given, options, message] of wrong) {
    expect(() => watchPool(given as object, options)).toThrow(message);
  }
});
