import { fromPostgresJs } from "@outrigger/ledger/postgres-js";
import postgres from "postgres";
import { describePort } from "./port-suite.ts";

describePort<postgres.TransactionSql>({
  name: "postgres.js",
  listens: true,
  diesOfLoss: true,
  open(url) {
    const sql = postgres(url, { max: 2, transform: postgres.camel, onnotice: () => {} });
    return {
      port: fromPostgresJs(sql),
      pool: sql,
      run: (tx, text) => tx.unsafe(text),
      transaction: (work) => sql.begin(work) as never,
      close: () => sql.end({ timeout: 0 }),
    };
  },
});
