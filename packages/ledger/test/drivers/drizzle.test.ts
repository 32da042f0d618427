import { fromDrizzle } from "@outrigger/ledger/drizzle";
import { drizzle as drizzleOnPg, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOnPostgresJs, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { expect, test } from "vitest";
import { CommitProxy } from "../support/commit-proxy.ts";
import { useMarks } from "./marks.ts";
import { describePort } from "./port-suite.ts";

type PgTransaction = Parameters<Parameters<NodePgDatabase["transaction"]>[0]>[0];
type PostgresJsTransaction = Parameters<Parameters<PostgresJsDatabase["transaction"]>[0]>[0];

describePort<PgTransaction>({
  name: "Drizzle on node-postgres",
  listens: true,
  open(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on("error", () => {});
    // For the suite's own transactions: Drizzle does not listen to a connection's errors.
    pool.on("connect", (client) => client.on("error", () => {}));
    const db = drizzleOnPg(pool);
    return {
      port: fromDrizzle(db),
      pool: db,
      run: (tx, text) => tx.execute(text),
      transaction: (work) => db.transaction(work),
      close: () => pool.end(),
    };
  },
});

describePort<PostgresJsTransaction>({
  name: "Drizzle on postgres.js",
  listens: true,
  diesOfLoss: true,
  open(url) {
    const sql = postgres(url, { max: 2, onnotice: () => {} });
    const db = drizzleOnPostgresJs(sql);
    return {
      port: fromDrizzle(db),
      pool: db,
      run: (tx, text) => tx.execute(text),
      transaction: (work) => db.transaction(work),
      close: () => sql.end({ timeout: 0 }),
    };
  },
});

const marks = useMarks("drizzle_own");

test("a connection on which BEGIN fails is given back", async () => {
  const proxy = await new CommitProxy(marks.url, (chunk) => chunk.includes("begin")).start();
  const pool = new pg.Pool({ connectionString: proxy.url, max: 1 });
  pool.on("error", () => {});
  const port = fromDrizzle(drizzleOnPg(pool));
  for (let times = 0; times < 3; times += 1) {
    proxy.next("neverArrives");
    const running = port.transaction(() => Promise.resolve());
    await expect(running).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
  }
  await port.transaction((tx) => tx.execute("insert into marks (id) values ('after')"));
  expect(await marks.stored("after")).toBe(true);
  expect(pool.totalCount - pool.idleCount).toBe(0);
  await pool.end();
  await proxy.stop();
});

test("tx.rollback() of Drizzle rolls back, and comes through", async () => {
  const pool = new pg.Pool({ connectionString: marks.url, max: 1 });
  const running = fromDrizzle(drizzleOnPg(pool)).transaction(async (tx) => {
    await tx.execute("insert into marks (id) values ('rolled-back')");
    tx.rollback();
  });
  await expect(running).rejects.toThrow("Rollback");
  expect(await marks.stored("rolled-back")).toBe(false);
  await pool.end();
});

test("a single client, and a driver that is not known, are refused", () => {
  const wanted = "fromDrizzle needs a database of drizzle-orm/node-postgres with a pool";
  expect(() => fromDrizzle(drizzleOnPg(new pg.Client()))).toThrow(wanted);
  expect(() => fromDrizzle({ transaction() {}, execute() {} } as never)).toThrow(wanted);
});
