import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, databaseForTests, startProvider } from "@outrigger/lab";
import pg from "pg";
import { expect, test } from "vitest";
import { definePayment, describePayments, useIt } from "./checkout.ts";

test("the first page's example pays an order once, also when the answer is lost", {
  timeout: 120_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-example-"));
  const server = await databaseForTests();
  const database = await createDatabase(server.url, "docs_example");
  const pool = new pg.Pool({ connectionString: database.url });
  const provider = await startProvider({ name: "a", journalPath: join(directory, "journal.ndjson") });
  const payments = describePayments(provider.url);
  const { ledger, pay } = definePayment(pool, payments);
  try {
    await pool.query("create table orders (id text primary key, status text not null)");
    await provider.setFault("applyThenReset");
    expect(["committed", "pending"]).toContain(await useIt(ledger, pay));
    await provider.setFault("healthy");
    await expect
      .poll(async () => (await pool.query("select status from orders")).rows, { timeout: 60_000 })
      .toEqual([{ status: "paid" }]);
    expect(await provider.journal()).toHaveLength(1);
  } finally {
    await ledger.stop();
    await payments.close();
    await provider.stop();
    await pool.end();
    await database.drop();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
