import { fromPgPool, type PgTx } from "@outrigger/ledger";
import pg from "pg";
import { describePort } from "./port-suite.ts";

describePort<PgTx>({
  name: "pg",
  listens: true,
  open(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on("error", () => {});
    return {
      port: fromPgPool(pool),
      pool,
      run: (tx, text) => tx.query(text),
      async transaction(work) {
        const client = await pool.connect();
        try {
          await client.query("begin");
          const value = await work(client);
          await client.query("commit");
          return value;
        } catch (error) {
          await client.query("rollback");
          throw error;
        } finally {
          client.release();
        }
      },
      close: () => pool.end(),
    };
  },
});
