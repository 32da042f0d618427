import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createDatabase, type Database, type DatabaseServer, databaseForTests } from "@outrigger/lab";
import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineOutbox, giveUp, reserve, ship } from "./outbox.ts";

let server: DatabaseServer;
let database: Database;
let pool: pg.Pool;
beforeAll(async () => {
  server = await databaseForTests();
  database = await createDatabase(server.url, "docs_outbox");
  pool = new pg.Pool({ connectionString: database.url, max: 3 });
  await pool.query("create table orders (id text primary key, status text not null)");
  await pool.query("create table stock (id text primary key, free integer not null)");
});
afterAll(async () => {
  await pool.end();
  await database.drop();
  await server.stop();
});

test("the page's change is delivered once it is committed, with its order's key", async () => {
  const bodies: unknown[] = [];
  const warehouse = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    bodies.push({ ...(JSON.parse(text) as object), id: request.headers["idempotency-key"] });
    response.writeHead(204).end();
  });
  warehouse.listen(0, "127.0.0.1");
  await once(warehouse, "listening");
  const ledger = createLedger({ sql: fromPgPool(pool) });
  await ledger.migrate();
  const changes = defineOutbox(ledger, `http://127.0.0.1:${(warehouse.address() as AddressInfo).port}`);
  await pool.query("insert into orders values ('o1', 'paid')");
  await ship(pool, changes, "o1");
  await expect.poll(() => bodies).toHaveLength(1);
  expect(bodies[0]).toMatchObject({ order: "o1", status: "shipped", id: expect.stringMatching(/^o1:\d+$/) });
  expect(await giveUp(changes)).toBe(0);
  await ledger.stop();
  warehouse.closeAllConnections();
  warehouse.close();
});

test("the page's reservation is made once, however often it is asked for", async () => {
  const ledger = createLedger({ sql: fromPgPool(pool) });
  await ledger.migrate();
  await pool.query("insert into stock values ('chair', 5)");
  const outcomes: string[] = [];
  for (let times = 0; times < 2; times += 1) {
    const client = await pool.connect();
    await client.query("begin");
    outcomes.push((await reserve(ledger, client, "r1", "chair")).outcome);
    await client.query("commit");
    client.release();
  }
  expect(outcomes).toEqual(["ran", "repeated"]);
  expect((await pool.query("select free from stock")).rows).toEqual([{ free: 4 }]);
});
