import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, databaseForTests, startProvider } from "@outrigger/lab";
import pg from "pg";
import { expect, test } from "vitest";
import { describePayments } from "../checkout.ts";
import { defineFirst, runFirst } from "./first-operation.ts";

test("the first page's operation pays an order once, also when its first answer is lost", async () => {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-example-"));
  const server = await databaseForTests();
  const database = await createDatabase(server.url, "docs_first");
  const pool = new pg.Pool({ connectionString: database.url });
  const provider = await startProvider({ name: "a", journalPath: join(directory, "journal.ndjson") });
  const payments = describePayments(provider.url);
  const { ledger, pay } = defineFirst(pool, payments);
  try {
    await pool.query("create table orders (id text primary key, status text not null)");
    await provider.setFault("applyThenReset");
    expect(["committed", "pending"]).toContain(
      await runFirst(ledger, pay, { id: "order-1", amount: 15_000 }),
    );
    await provider.setFault("healthy");
    await expect
      .poll(async () => (await pool.query("select status from orders")).rows, { timeout: 60_000 })
      .toEqual([{ status: "paid" }]);
    expect(await provider.journal()).toHaveLength(1);
    expect(pay.guarantee.level).toBe("exactly-once-effect");
  } finally {
    await ledger.stop();
    await payments.close();
    await pool.end();
    await provider.stop();
    await database.drop();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
