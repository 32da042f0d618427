import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure, systemClock } from "@outrigger/core";
import { fromSqlite, type SqliteOptions, type SqlitePort, type SqliteTx } from "@outrigger/ledger";
import { afterEach, beforeEach, expect, test } from "vitest";
import { wait } from "../support/single.ts";

const bounds = { clock: systemClock, statementMs: 10_000, transactionMs: 10_000 };
let directory = "";
let file = "";
const open = new Set<{ close(): void }>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "outrigger-sqlite-"));
  file = join(directory, "test.db");
});
afterEach(() => {
  for (const each of open) each.close();
  open.clear();
  rmSync(directory, { recursive: true });
});

function port(options?: SqliteOptions): SqlitePort {
  const made = fromSqlite(file, options);
  open.add(made);
  return made;
}

/** A connection of somebody else's. */
function other(): DatabaseSync {
  const made = new DatabaseSync(file);
  open.add({ close: () => made.isOpen && made.close() });
  return made;
}

async function withTable(): Promise<SqlitePort> {
  const sql = port();
  await sql.transaction(async (tx) => tx.exec("create table item (name text primary key)"));
  return sql;
}

const put = (tx: SqliteTx, name: string): unknown =>
  tx.prepare("insert into item (name) values (?)").run(name);
const names = async (sql: SqlitePort): Promise<readonly unknown[]> =>
  (await sql.query("select name from item order by name")).map((row) => row["name"]);

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

test.each([
  ["a database in memory", ":memory:", "needs the path of a file"],
  ["no name", "", "needs the path of a file"],
  ["a number", 5, "needs the path of a file"],
])("%s is refused, with the reason", (_, given, message) => {
  expect(() => fromSqlite(given as string)).toThrow(message);
});

test("a connection of one's own is refused: what others send on it would join the ledger's transactions", () => {
  expect(() => fromSqlite(other() as never)).toThrow("not a connection");
});

test("wrong options are refused at construction, and nothing stays open", () => {
  expect(() => port({ setup: () => {} } as never)).toThrow('did you mean "setUp"?');
  expect(() => port({ setUp: 5 } as never)).toThrow("fromSqlite.setUp must be a function");
  expect(() => port({ setUp: (db) => db.exec("pragma synchronous = normal") })).toThrow(
    "the ledger needs FULL",
  );
  expect(() => fromSqlite(join(directory, "missing", "test.db"))).toThrow("unable to open");
});

test("the file is in WAL mode, commits wait for the disk, and functions of the user's are known", async () => {
  const sql = port({ setUp: (db) => db.function("twice", (text) => `${text}${text}`) });
  expect(await sql.query("select twice('a') as a")).toEqual([{ a: "aa" }]);
  await sql.transaction(async (tx) => {
    expect(tx.prepare("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(tx.prepare("pragma synchronous").get()).toEqual({ synchronous: 2 });
    expect(tx.prepare("select twice('b') as b").get()).toEqual({ b: "bb" });
  });
});

test("transactions of functions that wait never run into each other", async () => {
  const sql = await withTable();
  const go = gate();
  const first = sql.transaction(async (tx) => {
    put(tx, "first");
    await go.passed;
    throw new Error("changed my mind");
  }, bounds);
  const second = sql.transaction(async (tx) => {
    put(tx, "second");
    return tx.prepare("select count(*) as n from item").get();
  }, bounds);
  await wait(20);
  go.open();
  await expect(first).rejects.toThrow("changed my mind");
  expect(await second).toEqual({ n: 1 });
  expect(await names(sql)).toEqual(["second"]);
});

test("reading does not wait for a transaction, and sees nothing of it", async () => {
  const sql = await withTable();
  const go = gate();
  const writing = sql.transaction(async (tx) => {
    put(tx, "a");
    await go.passed;
  }, bounds);
  await wait(5);
  expect(await names(sql)).toEqual([]);
  go.open();
  await writing;
  expect(await names(sql)).toEqual(["a"]);
});

test("whoever waits too long for its turn is told, and nothing of it is done", async () => {
  const sql = await withTable();
  const go = gate();
  const writing = sql.transaction(() => go.passed, bounds);
  const late = sql.transaction(async (tx) => put(tx, "late"), { ...bounds, statementMs: 30 });
  await expect(late).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  await expect(late).rejects.toSatisfy(sql.isTransient);
  go.open();
  await writing;
  expect(await names(sql)).toEqual([]);
});

test("another process's lock is waited for without stopping this one, and not without end", async () => {
  const sql = await withTable();
  const db = other();
  db.exec("begin immediate; insert into item (name) values ('theirs')");
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 2);
  const bounded = sql.transaction(async (tx) => put(tx, "bounded"), { ...bounds, statementMs: 60 });
  await expect(bounded).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  const patient = sql.transaction(async (tx) => put(tx, "patient"), bounds);
  await wait(60);
  db.exec("commit");
  await patient;
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(10);
  expect(await names(sql)).toEqual(["patient", "theirs"]);
});

test("two ports in one process wait for each other", async () => {
  const one = await withTable();
  const two = port();
  const go = gate();
  const first = one.transaction(async (tx) => {
    put(tx, "one");
    await go.passed;
  }, bounds);
  const second = two.transaction(async (tx) => put(tx, "two"), bounds);
  await wait(20);
  go.open();
  await Promise.all([first, second]);
  expect(await names(one)).toEqual(["one", "two"]);
});

test("between one transaction and the next the event loop goes on", async () => {
  const sql = await withTable();
  let turns = 0;
  let running = true;
  const turn = (): void => {
    turns += 1;
    if (running) setImmediate(turn);
  };
  turn();
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => sql.transaction(async (tx) => put(tx, `t${index}`))),
  );
  running = false;
  expect(turns).toBeGreaterThanOrEqual(20);
});

test.each(["rollback", "commit", "rollback; begin", "commit; begin; insert into item (name) values ('x')"])(
  "a function that ends the ledger's transaction with %j is refused by name, and the next one is not touched",
  async (statement) => {
    const sql = await withTable();
    const ended = sql.transaction(async (tx) => {
      put(tx, "a");
      tx.exec(statement);
    }, bounds);
    await expect(ended).rejects.toMatchObject({
      code: "TRANSACTION_ABORTED",
      effect: "unknown",
      transient: false,
    });
    await sql.transaction(async (tx) => put(tx, "b"), bounds);
    expect(await names(sql)).toEqual(statement.startsWith("commit") ? ["a", "b"] : ["b"]);
  },
);

test("what looks like a place in quoted text and comments is left as it is", async () => {
  const sql = await withTable();
  await sql.transaction(async (_, query) => {
    await query("insert into item (name) values ('costs $1 ''$2'' ' || $1) -- of $3", ["x"]);
    await query("insert into item (name) values (/* $7 */ $2)", ["unused", "y"]);
  });
  expect(await names(sql)).toEqual(["costs $1 '$2' x", "y"]);
  expect(await sql.query('select $1 as "$9"', ["z"])).toMatchObject([{ $9: "z" }]);
});

test("a function that closes its connection stops nobody but itself", async () => {
  const sql = await withTable();
  const closed = sql.transaction(async (tx) => {
    put(tx, "a");
    tx.close();
  }, bounds);
  await expect(closed).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  await sql.transaction(async (tx) => put(tx, "b"), bounds);
  expect(await names(sql)).toEqual(["b"]);
});

test("many comments before a statement cost no more than they are long", async () => {
  const sql = await withTable();
  await sql.transaction(async (tx) => tx.exec(`${"/**/".repeat(2_000)} select 1`), bounds);
  const rows = await sql.transaction(
    async (tx) => tx.prepare(`${"/* * */".repeat(2_000)} select 1 as one`).all(),
    bounds,
  );
  expect(rows).toHaveLength(1);
});

test("a savepoint of a function's own is its own affair", async () => {
  const sql = await withTable();
  await sql.transaction(async (tx) => {
    put(tx, "a");
    tx.exec("savepoint mine");
    put(tx, "b");
    tx.exec("rollback to mine");
  });
  expect(await names(sql)).toEqual(["a"]);
});

test("a function that takes too long is left, and what it sends later reaches nothing", async () => {
  const sql = await withTable();
  const go = gate();
  let later: unknown;
  const slow = sql.transaction(
    async (tx) => {
      put(tx, "slow");
      await go.passed;
      try {
        put(tx, "later");
      } catch (error) {
        later = error;
      }
    },
    { ...bounds, transactionMs: 30 },
  );
  await expect(slow).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  const meanwhile = sql.transaction(async (tx) => {
    put(tx, "meanwhile");
    go.open();
    await wait(5);
  }, bounds);
  await meanwhile;
  expect(String(later)).toMatch(/not open|finalized/);
  expect(await names(sql)).toEqual(["meanwhile"]);
});

test("what fails is rolled back, and errors of a statement come through as they are", async () => {
  const sql = await withTable();
  await sql.transaction(async (tx) => put(tx, "a"));
  const twice = sql.transaction(async (tx) => {
    put(tx, "b");
    put(tx, "a");
  });
  await expect(twice).rejects.toThrow("UNIQUE constraint failed");
  await expect(twice).rejects.not.toSatisfy(sql.isTransient);
  await expect(twice).rejects.not.toSatisfy(Failure.is);
  expect(await names(sql)).toEqual(["a"]);
});

test("a full disk is no reason to give up for good, and nothing of the transaction stays", async () => {
  const sql = await withTable();
  const db = other();
  const { page_count: pages } = db.prepare("pragma page_count").get() as { page_count: number };
  const filled = sql.transaction(async (tx) => {
    tx.exec(`pragma max_page_count = ${pages + 2}`);
    put(tx, "small");
    put(tx, "x".repeat(100_000));
  });
  await expect(filled).rejects.toThrow("database or disk is full");
  await expect(filled).rejects.toSatisfy(sql.isTransient);
  await sql.transaction(async (tx) => {
    tx.exec("pragma max_page_count = 1000000");
    put(tx, "later");
  });
  expect(await names(sql)).toEqual(["later"]);
});

test("closing rolls back what is under way, and who comes later is told", async () => {
  const sql = await withTable();
  const go = gate();
  const writing = sql.transaction(async (tx) => {
    put(tx, "a");
    await go.passed;
  }, bounds);
  await wait(5);
  sql.close();
  go.open();
  await expect(writing).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  await expect(sql.transaction(async () => {}, bounds)).rejects.toThrow(Failure);
  sql.close();
  expect(await names(port())).toEqual([]);
});

test("a transaction that is joined must be open, on the ledger's own file", async () => {
  const sql = await withTable();
  const db = other();
  expect(() => sql.join(db)).toThrow('send "begin immediate" on it first');
  expect(() => sql.join({} as never)).toThrow("tx must be the DatabaseSync");
  expect(() => sql.join(undefined as never)).toThrow(TypeError);
  const elsewhere = new DatabaseSync(":memory:");
  elsewhere.exec("begin");
  expect(() => sql.join(elsewhere)).toThrow("tx must be a connection to the ledger's file");
  elsewhere.close();
  db.exec("begin immediate");
  const query = sql.join(db);
  await query("insert into item (name) values ($1)", ["joined"]);
  db.exec("commit");
  // Each statement by itself would otherwise be committed at once.
  await expect(query("insert into item (name) values ($1)", ["after"])).rejects.toThrow("begin immediate");
  expect(await names(sql)).toEqual(["joined"]);
});

test("values come back as they went in, whatever they contain", async () => {
  const sql = port();
  const strange = ["NUL \0 within", "%_ and ' and \"", "\u{1f600}", "x".repeat(100_000), 5, 1.5, null];
  for (const value of strange) {
    expect(await sql.query("select $1 as value", [value])).toEqual([{ value }]);
  }
  expect(await sql.query("select $1 as a, $2 as b, $1 as c", [true, undefined, "unused"])).toEqual([
    { a: 1, b: null, c: 1 },
  ]);
});
