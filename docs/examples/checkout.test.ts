import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpIntegration } from "@outrigger/http";
import { createDatabase, databaseForTests, startProvider } from "@outrigger/lab";
import pg from "pg";
import { expect, test } from "vitest";
import { definePayment, describePayments, inquireOne, shutDown, useIt } from "./checkout.ts";

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
    await shutDown(ledger, payments, pool);
    await provider.stop();
    await database.drop();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

test("a provider that answers 404 to an inquiry knows nothing of the payment yet", async () => {
  const server = createServer((_request, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const payments = httpIntegration({
    name: "payments",
    baseUrl: `http://127.0.0.1:${port}`,
    operations: { inquire: { method: "GET", path: "/v1/payments/{paymentId}" } },
  });
  expect(await inquireOne(payments, "p-1")).toEqual({ status: "notFound" });
  await payments.close();
  server.close();
});
