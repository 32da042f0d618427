import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, databaseForTests, startProvider } from "@outrigger/lab";
import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { expect, test } from "vitest";
import { describePayments } from "../checkout.ts";
import { defineByStatement } from "./writes.ts";

test("orders that are written by statements are paid once each, alone and together", async () => {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-example-"));
  const server = await databaseForTests();
  const database = await createDatabase(server.url, "docs_writes");
  const pool = new pg.Pool({ connectionString: database.url });
  const provider = await startProvider({ name: "a", journalPath: join(directory, "journal.ndjson") });
  const payments = describePayments(provider.url);
  const ledger = createLedger({ sql: fromPgPool(pool) });
  try {
    await pool.query("create table orders (id text primary key, status text not null)");
    await ledger.migrate();
    const pay = defineByStatement(ledger, payments);
    const ids = Array.from({ length: 9 }, (_, index) => `order-${index}`);
    const [alone = "", ...together] = ids;
    await pay.run({ id: alone, amount: 15_000 }, { key: alone });
    await Promise.all(together.map((id) => pay.run({ id, amount: 15_000 }, { key: id })));
    const { rows } = await pool.query("select id, status from orders order by id");
    expect(rows).toEqual(ids.map((id) => ({ id, status: "paid" })));
    expect(await provider.journal()).toHaveLength(9);
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
