import { DBOS } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import type { Side } from "./ledger-cases.ts";

/** As many as the ledger has. */
const connections = 16;
const silent = { info() {}, debug() {}, warn() {}, error() {} };

/**
 * A durable workflow of one step. It has no business rows, which is to its favour: the ledger writes one with the intent
 * and one with the outcome.
 */
export async function dbos(url: string): Promise<Side> {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  pool.on("error", () => {});
  DBOS.setConfig({ name: "bench", systemDatabasePool: pool, logger: silent });
  const pay = DBOS.registerWorkflow(
    async (order: { readonly id: number; readonly amount: number }) =>
      await DBOS.runStep(async () => ({ charge: `ch_${order.id}` }), { name: "charge" }),
    { name: "pay" },
  );
  await DBOS.launch();
  let made = 0;
  return {
    name: "DBOS",
    async one() {
      made += 1;
      await pay({ id: made, amount: 1000 });
    },
    async close() {
      await DBOS.shutdown();
      if (!pool.ended) await pool.end();
    },
  };
}
