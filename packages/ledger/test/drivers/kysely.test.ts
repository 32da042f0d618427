import { fromKysely } from "@outrigger/ledger/kysely";
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useMarks } from "./marks.ts";
import { describePort } from "./port-suite.ts";

interface Schema {
  readonly orders: { readonly id: string; readonly status: string; readonly note: string | null };
}

describePort<Transaction<Schema>>({
  name: "Kysely",
  listens: false,
  open(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on("error", () => {});
    // Without it a connection that breaks between two statements ends the process: Kysely does not listen.
    pool.on("connect", (client) => client.on("error", () => {}));
    const db = new Kysely<Schema>({
      dialect: new PostgresDialect({ pool }),
      plugins: [new CamelCasePlugin()],
    });
    return {
      port: fromKysely(db),
      pool: db,
      run: (tx, text) => tx.executeQuery(CompiledQuery.raw(text)),
      transaction: (work) => db.transaction().execute(work),
      close: () => db.destroy(),
    };
  },
});

const marks = useMarks("kysely_own");
let db: Kysely<Schema>;
beforeAll(() => {
  db = new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: marks.url, max: 2 }) }),
  });
});
afterAll(() => db.destroy());

test("a controlled transaction is joined, and refused once it is over", async () => {
  const { join } = fromKysely(db);
  const trx = await db.startTransaction().execute();
  await join(trx)("insert into marks (id) values ($1)", ["controlled"]);
  expect(await marks.stored("controlled")).toBe(false);
  await trx.commit().execute();
  expect(await marks.stored("controlled")).toBe(true);
  await expect(join(trx)("select 1")).rejects.toThrow(TypeError);
});

test("a savepoint is joined as the transaction that it is part of", async () => {
  const trx = await db.startTransaction().execute();
  const inner = await trx.savepoint("mine").execute();
  await fromKysely(db).join(inner)("insert into marks (id) values ($1)", ["savepoint"]);
  await inner.rollbackToSavepoint("mine").execute();
  await trx.commit().execute();
  expect(await marks.stored("savepoint")).toBe(false);
});

test("what is no Kysely instance is refused", async () => {
  expect(() => fromKysely(new pg.Pool() as never)).toThrow("fromKysely needs your Kysely instance");
  await db.transaction().execute(async (trx) => {
    expect(() => fromKysely(trx as never)).toThrow("fromKysely needs your Kysely instance");
  });
});
