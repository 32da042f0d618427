import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StatementSync } from "node:sqlite";
import { systemClock } from "@outrigger/core";
import { fromSqlite, type SqlitePort, type SqliteTx } from "@outrigger/ledger";
import { afterEach, beforeEach, expect, test } from "vitest";

// Ways in which a function may end the ledger's transaction: none goes unseen, and what is no end is not taken for one.
const bounds = { clock: systemClock, statementMs: 10_000, transactionMs: 10_000 };
let directory = "";
let sql: SqlitePort;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "outrigger-sqlite-"));
  sql = fromSqlite(join(directory, "test.db"));
  await sql.transaction(async (tx) => tx.exec("create table item (name text primary key)"), bounds);
});
afterEach(() => {
  sql.close();
  rmSync(directory, { recursive: true });
});

const put = (tx: SqliteTx, name: string): unknown =>
  tx.prepare("insert into item (name) values (?)").run(name);
const names = async (): Promise<readonly unknown[]> =>
  (await sql.query("select name from item order by name")).map((row) => row["name"]);

const aborted = { code: "TRANSACTION_ABORTED", effect: "unknown", transient: false };

function inTransaction(work: (tx: SqliteTx) => void): Promise<void> {
  return sql.transaction(async (tx) => {
    put(tx, "ours");
    work(tx);
  }, bounds);
}

/** Whatever the database does of it is caught. */
function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    // The function goes on as if nothing had happened.
  }
}

test.each<readonly [string, (tx: SqliteTx) => void]>([
  ["a statement that it prepares", (tx) => tx.prepare("rollback").run()],
  [
    "statements behind comments",
    (tx) => {
      const [end, begin] = [tx.prepare(" \n;/* why\n */ -- here\n Rollback"), tx.prepare(";begin")];
      end.run();
      begin.run();
    },
  ],
  [
    "two statements that it prepares",
    (tx) => {
      const [end, begin] = [tx.prepare("rollback"), tx.prepare("begin")];
      end.run();
      begin.run();
    },
  ],
  ["several statements at once", (tx) => tx.exec("select 1; /**/rollback;begin")],
  [
    "a conflict that rolls back, and another transaction",
    (tx) => {
      const insert = tx.prepare("insert or rollback into item (name) values ('ours')");
      quietly(() => insert.run());
      tx.exec("begin");
    },
  ],
  [
    "a conflict that rolls back",
    (tx) => quietly(() => tx.prepare("insert or rollback into item (name) values ('ours')").run()),
  ],
])("%s: the function is refused by name, and nothing is stored", async (_, work) => {
  await expect(inTransaction(work)).rejects.toMatchObject(aborted);
  expect(await names()).toEqual([]);
  await sql.transaction(async (tx) => put(tx, "next"), bounds);
  expect(await names()).toEqual(["next"]);
});

test("a statement that an earlier function has prepared and kept is seen in a later one", async () => {
  let kept: readonly StatementSync[] = [];
  await sql.transaction(async (tx) => {
    kept = [tx.prepare("rollback"), tx.prepare("begin")];
  }, bounds);
  const ended = inTransaction(() => {
    for (const each of kept) each.run();
  });
  await expect(ended).rejects.toMatchObject(aborted);
  expect(await names()).toEqual([]);
});

test("a statement that was prepared when the file was opened is seen", async () => {
  let kept: readonly StatementSync[] = [];
  const port = fromSqlite(join(directory, "test.db"), {
    setUp: (db) => {
      kept = [db.prepare("rollback"), db.prepare("begin")];
    },
  });
  try {
    const ended = port.transaction(async (tx) => {
      put(tx, "ours");
      for (const each of kept) each.run();
    }, bounds);
    await expect(ended).rejects.toMatchObject(aborted);
    expect(await names()).toEqual([]);
  } finally {
    port.close();
  }
});

test("a statement that goes by the port is seen too", async () => {
  const work = sql.transaction(async (tx, query) => {
    put(tx, "ours");
    await query("rollback");
    await query("begin");
  }, bounds);
  await expect(work).rejects.toMatchObject(aborted);
  expect(await names()).toEqual([]);
});

test("statements in a template are seen", async () => {
  await expect(
    inTransaction((tx) => {
      const { createTagStore } = tx as unknown as {
        createTagStore?: () => { run(text: TemplateStringsArray): unknown };
      };
      // Where this Node has none there is nothing to be seen.
      if (createTagStore === undefined) tx.exec("rollback; begin");
      else {
        const store = createTagStore.call(tx);
        store.run`rollback`;
        store.run`begin`;
      }
    }),
  ).rejects.toMatchObject(aborted);
  expect(await names()).toEqual([]);
});

test("words that look like an end are none", async () => {
  await inTransaction((tx) => {
    put(tx, "begin; commit; end; rollback");
    tx.exec("update item set name = case name when 'ours' then 'the end' else name end");
  });
  expect(await names()).toEqual(["begin; commit; end; rollback", "the end"]);
});

test("savepoints of its own are its own affair, prepared ones too", async () => {
  await inTransaction((tx) => {
    const [set, back, release] = [
      tx.prepare("savepoint mine"),
      tx.prepare("rollback to mine"),
      tx.prepare("release mine"),
    ];
    set.run();
    put(tx, "gone");
    back.run();
    release.run();
    put(tx, "kept");
  });
  expect(await names()).toEqual(["kept", "ours"]);
});
