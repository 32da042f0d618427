import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { createLedger, fromSqlite, type SqliteTx } from "@outrigger/ledger";
import type { Order, Side } from "./ledger-cases.ts";
import { atLeast, callers, inTurns, type Part, ratioIn } from "./ledger-turns.ts";

/**
 * Against its own two-commit floor, at full durability. There is one writer, so more callers than one only wait for each
 * other, unless their writes share a commit.
 */
export const sqlitePart: Part = {
  name: "sqlite",
  async run(context) {
    const files = new SqliteFiles();
    const sides: Side[] = [];
    try {
      sides.push(twoCommitsOnSqlite(files.next()));
      for (const how of ["singly", "together"] as const)
        sides.push(await outriggerOnSqlite(files.next(), how));
      const measured = await inTurns(sides, context);
      const judged = callers.map((count) =>
        atLeast(
          `SQLite, ${count === 1 ? "1 caller" : `${count} callers`}: of its two-commit floor`,
          ratioIn(measured, `outrigger on SQLite, singly, ${count}`, `SQLite floor: two commits, ${count}`),
          0.7,
        ),
      );
      return { measured, judged };
    } finally {
      for (const side of sides) await side.close();
      files.remove();
    }
  },
};

const orders = "create table orders (id text primary key, status text not null, amount integer)";

/** The provider answers at once: what is measured is what is written. */
const call = async (): Promise<{ readonly charge: string }> => ({ charge: "ch_1" });

let made = 0;
const nextKey = (): string => `${process.pid}-${++made}`;

/** Files of one run, each on the disk of the temporary directory. */
class SqliteFiles {
  readonly #directory: string = mkdtempSync(join(tmpdir(), "outrigger-bench-"));
  #files = 0;

  next(): string {
    this.#files += 1;
    return join(this.#directory, `${this.#files}.db`);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** What anybody would write: two transactions of two prepared statements, each durable when its commit returns. */
function twoCommitsOnSqlite(file: string): Side {
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode = wal; pragma synchronous = full");
  db.exec(`${orders}; create table floor_operation (id text primary key, state text not null, request text not null,
    result text, created_at integer not null default (unixepoch()))`);
  const begin = db.prepare("begin immediate");
  const commit = db.prepare("commit");
  const intend = db.prepare("insert into floor_operation (id, state, request) values (?, 'SENDING', ?)");
  const place = db.prepare("insert into orders (id, status, amount) values (?, 'paying', ?)");
  const finish = db.prepare("update floor_operation set state = 'DONE', result = ? where id = ?");
  const pay = db.prepare("update orders set status = 'paid' where id = ?");
  return {
    name: "SQLite floor: two commits",
    async one() {
      const key = nextKey();
      begin.run();
      intend.run(key, JSON.stringify({ id: key, amount: 1000 }));
      place.run(key, 1000);
      commit.run();
      const result = JSON.stringify(await call());
      begin.run();
      finish.run(result, key);
      pay.run(key);
      commit.run();
    },
    async close() {
      db.close();
    },
  };
}

/** Prepared once for each connection, as the floor's are. */
const statements = new WeakMap<SqliteTx, Readonly<Record<"place" | "pay" | "abandon", StatementSync>>>();

function on(tx: SqliteTx): Readonly<Record<"place" | "pay" | "abandon", StatementSync>> {
  const known = statements.get(tx);
  if (known !== undefined) return known;
  const prepared = {
    place: tx.prepare("insert into orders (id, status, amount) values (?, 'paying', ?)"),
    pay: tx.prepare("update orders set status = 'paid' where id = ?"),
    abandon: tx.prepare("update orders set status = 'void' where id = ?"),
  };
  statements.set(tx, prepared);
  return prepared;
}

const business = {
  prepare: (tx: SqliteTx, { id, amount }: Order) => on(tx).place.run(id, amount),
  commit: (tx: SqliteTx, { id }: Order) => on(tx).pay.run(id),
  abandon: (tx: SqliteTx, { id }: Order) => on(tx).abandon.run(id),
};

const many = {
  prepare(tx: SqliteTx, list: readonly Order[]) {
    for (const order of list) business.prepare(tx, order);
  },
  commit(tx: SqliteTx, items: readonly { readonly input: Order }[]) {
    for (const { input } of items) business.commit(tx, input);
  },
};

/** The ledger, with functions for one order, or for many at once as well. */
async function outriggerOnSqlite(file: string, how: "singly" | "together"): Promise<Side> {
  const sql = fromSqlite(file);
  await sql.transaction(async (tx) => tx.exec(orders));
  const ledger = createLedger({ sql });
  await ledger.migrate();
  const pay = ledger.operation<Order, { readonly charge: string }>("pay", {
    ...business,
    ...(how === "together" && { many }),
    call,
    inquire: async () => ({ status: "notFound" }),
    cancel: async () => {},
    capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
  });
  return {
    name: `outrigger on SQLite, ${how}`,
    async one() {
      const key = nextKey();
      const outcome = await pay.run({ id: key, amount: 1000 }, { key });
      if (outcome.status !== "committed") throw new Error(`ended as ${outcome.status}`);
    },
    async close() {
      await ledger.stop();
      sql.close();
    },
  };
}
