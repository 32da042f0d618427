import { fromDrizzle } from "@outrigger/ledger/drizzle";
import { drizzle as drizzleOnPg, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOnPostgresJs, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
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
