import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { httpIntegration } from "@outrigger/http";
import { createDatabase, type Database, type DatabaseServer, databaseForTests } from "@outrigger/lab";
import { type Guard, guardTransactions } from "@outrigger/ledger/guard";
import pg from "pg";
import {
  Agent,
  type Dispatcher,
  getGlobalDispatcher,
  request,
  setGlobalDispatcher,
  fetch as undiciFetch,
} from "undici";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { chargeInside, putUpGuard, watchOrders } from "./guard.ts";

const refused = { code: "CALL_IN_TRANSACTION", effect: "none" };
let server: DatabaseServer;
let database: Database;
let pool: pg.Pool;
let service: Server;
let url = "";
let arrived: string[] = [];
let events: object[] = [];
let guard: Guard | undefined;

beforeAll(async () => {
  server = await databaseForTests();
  database = await createDatabase(server.url, "docs_guard");
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  await pool.query("create table orders (id text primary key, status text not null)");
  await pool.query("insert into orders values ('order-1', 'paying')");
  service = createServer((message, response) => {
    arrived.push(message.url ?? "");
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
});
beforeEach(() => {
  arrived = [];
  events = [];
});
afterEach(() => guard?.stop());
afterAll(async () => {
  service.closeAllConnections();
  service.close();
  await pool.end();
  await database.drop();
  await server.stop();
});

async function status(): Promise<unknown> {
  return (await pool.query("select status from orders")).rows[0]?.status;
}

test("the page's charge inside of a transaction fails before it leaves, and the order stays as it was", async () => {
  const before = getGlobalDispatcher();
  const put = putUpGuard(pool, (event) => events.push(event));
  guard = put.guard;
  try {
    const error = await chargeInside(pool, url, "order-1").catch((failure: unknown) => failure);
    expect((error as Error).cause ?? error).toMatchObject(refused);
    expect([arrived, await status(), events.length]).toEqual([[], "paying", 1]);
    expect(JSON.stringify(events)).toContain("ledger/guard.ts");
    await fetch(`${url}/after`);
    expect(arrived).toEqual(["/after"]);
  } finally {
    setGlobalDispatcher(before);
    await put.dispatcher.close();
  }
});

/** Calls in a transaction, and says what became of it. */
async function inTransaction(call: () => Promise<unknown>): Promise<unknown> {
  return await guard?.inTransaction("the test's", call).then(
    () => "left",
    (error: unknown) => (error as Error).cause ?? error,
  );
}

test("requests of undici fail before they leave, by its own fetch and by request", async () => {
  guard = guardTransactions({ mode: "fail", onEvent: (event) => events.push(event) });
  const dispatcher: Dispatcher = new Agent().compose(guard.interceptor);
  expect(await inTransaction(() => request(`${url}/1`, { dispatcher }))).toMatchObject(refused);
  expect(await inTransaction(() => undiciFetch(`${url}/2`, { dispatcher }))).toMatchObject(refused);
  await request(`${url}/3`, { dispatcher }).then(({ body }) => body.dump());
  await dispatcher.close();
  expect([arrived, events.length]).toEqual([["/3"], 2]);
});

test("an integration asks before its call leaves, and a call is reported once, however often it is tried", async () => {
  const payments = httpIntegration({
    name: "payments",
    baseUrl: url,
    operations: { charge: { method: "POST", path: "/v1/charges" } },
  });
  guard = guardTransactions({ mode: "fail", onEvent: (event) => events.push(event) });
  expect(await inTransaction(() => payments.request("charge"))).toMatchObject({
    ...refused,
    kind: "rejected",
  });
  expect(arrived).toEqual([]);
  guard.stop();
  guard = guardTransactions({ mode: "report", onEvent: (event) => events.push(event) });
  expect(await inTransaction(() => payments.request("charge"))).toBe("left");
  await payments.request("charge");
  await payments.close();
  expect(guard.snapshot().callsInTransactions).toBe(1);
  const call = { kind: "integration", service: "payments", operation: "charge", peer: new URL(url).host };
  expect([arrived, events]).toMatchObject([
    ["/v1/charges", "/v1/charges"],
    [
      { call, failed: true },
      { call, failed: false },
    ],
  ]);
  expect(events).toHaveLength(2);
});

test("the page's watch tells who holds connections", async () => {
  const watch = watchOrders(pool, (event) => events.push(event));
  const client = await pool.connect();
  expect(watch.snapshot()).toMatchObject({
    name: "orders",
    size: 2,
    inUse: 1,
    waiting: 0,
    exhaustedInMs: null,
  });
  client.release();
  watch.stop();
});
