import { seededRandom } from "@outrigger/lab";
import type { FastifyInstance } from "fastify";
import pg from "pg";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildConsole } from "../../../packages/console/build.ts";
import { launchBrowser } from "../../../packages/console/test/browser.ts";
import { consoleServer } from "../src/console/console-server.ts";
import { Observer } from "../src/console/observer.ts";
import { ledgerSchema } from "../src/database/shop-database.ts";
import { type Stack, startStack } from "../src/stack.ts";
import { DemoTraffic } from "../src/traffic/demo-traffic.ts";
import { type OwnDatabase, ownDatabase } from "./database.ts";

// The page on the real thing: a shop, two providers and a database, watched and driven in a real browser.
let database: OwnDatabase;
let stack: Stack;
let observer: Observer;
let traffic: DemoTraffic;
let server: FastifyInstance;
let address: string;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  await buildConsole();
  database = await ownDatabase();
  stack = await startStack({ port: 0, database: database.wanted });
  observer = new Observer(stack);
  traffic = new DemoTraffic(stack.shopUrl, seededRandom(1));
  server = await consoleServer(stack, observer, traffic);
  address = await server.listen({ host: "127.0.0.1", port: 0 });
  browser = await launchBrowser();
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(40_000);
  page = await context.newPage();
  await page.goto(address);
});
afterAll(async () => {
  await browser?.close();
  traffic?.close();
  await server?.close();
  await stack?.stop();
  await database?.drop();
});

const lane = (name: string): Locator => page.getByRole("article", { name });
const defect = (name: string, kind: string): Locator => lane(name).locator(`[data-defect="${kind}"] dd`);
const count = (name: string, key: string): Locator => lane(name).locator(`[data-count="${key}"] dd`);

async function reaches(locator: Locator, wanted: (value: number) => boolean): Promise<void> {
  await expect
    .poll(async () => wanted(Number((await locator.textContent())?.replaceAll(",", ""))), { timeout: 40_000 })
    .toBe(true);
}

test("shows the bare lane charging twice and the protected one not, from the fault button to the figures", async () => {
  traffic.perSecond = 5;
  await reaches(count("Outrigger", "paid"), (paid) => paid >= 5);
  await reaches(defect("Bare", "chargedTwice"), (twice) => twice === 0);

  const faults = page.getByRole("radiogroup", { name: "a", exact: true });
  await faults.getByRole("radio", { name: "Charge, then reset" }).press("Enter");
  await expect
    .poll(async () => (await stack.providers[0]?.fault())?.kind, { timeout: 40_000 })
    .toBe("applyThenReset");

  await reaches(defect("Bare", "chargedTwice"), (twice) => twice > 0);
  await stack.providers[0]?.setFault("healthy");
  traffic.perSecond = 0;
  await reaches(count("Outrigger", "pending"), (pending) => pending === 0);
  for (const kind of ["chargedTwice", "chargedWithoutOrder", "orderWithoutCharge"]) {
    await reaches(defect("Outrigger", kind), (defects) => defects === 0);
  }
});

test("tells that the shop was killed and came back", async () => {
  const pid = stack.shop.pid;
  const killed = await fetch(`${address}/api/shop/kill`, {
    method: "POST",
    headers: { "x-outrigger-console": "1" },
  });
  expect(killed.status).toBe(202);
  await page
    .getByText(/1 restart/)
    .first()
    .waitFor();
  expect(stack.shop.pid).not.toBe(pid);
});

test("a person settles what nobody could find out, from the page to the order's own row", async () => {
  const pool = new pg.Pool({ connectionString: stack.address.url, max: 1 });
  try {
    await pool.query(
      `insert into outrigger_shop.orders (id, amount, currency, method, status)
       values ('lost', 700, 'KRW', 'card', 'paying')`,
    );
    const request = { orderId: "lost", amount: 700, currency: "KRW", method: "card", attempt: 1 };
    const { rows } = await pool.query(
      `insert into ${ledgerSchema}.operation (operation, key, fingerprint, state, fence, provider, providers, request,
         created_at, updated_at)
       values ('checkout.pay', 'lost.1', '', 'MANUAL', 1, 'a', '{a,b}', $1, now(), now()) returning id`,
      [JSON.stringify(request)],
    );
    const desk = page.locator("details.operations");
    await desk.locator("summary").click();
    await desk.getByRole("combobox").selectOption("MANUAL");
    await desk.getByRole("button", { name: "Look at checkout.pay lost.1" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("radio", { name: "It did not" }).check();
    await dialog.getByLabel("Why").fill("not in their console");
    await dialog.getByLabel("Your name").fill("kim");
    await dialog.getByRole("button", { name: "Do it" }).click();
    await dialog.getByText("Nothing needs to be done.").waitFor();
    await dialog.getByText("operatorAbandoned: not in their console").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    const order = await pool.query(`select status from outrigger_shop.orders where id = 'lost'`);
    expect(order.rows).toEqual([{ status: "unpaid" }]);

    const path = `/api/operations/${rows[0].id}/moves`;
    const body = { move: "retry", reason: "r", by: "k" };
    const send = (headers: Record<string, string>, payload: object = body) =>
      server.inject({ method: "POST", url: path, headers: { host: "localhost", ...headers }, payload });
    const ours = { "x-outrigger-console": "1" };
    expect((await send(ours)).statusCode).toBe(409);
    expect((await send({})).statusCode).toBe(403);
    expect((await send({ ...ours, host: "evil.example" })).statusCode).toBe(403);
    expect((await send(ours, { ...body, reason: " " })).statusCode).toBe(400);
    expect((await server.inject({ url: path, headers: { host: "localhost" } })).statusCode).toBe(404);
    const list = { url: "/api/operations?state=MANUAL", headers: { host: "evil.example" } };
    expect((await server.inject(list)).statusCode).toBe(403);
  } finally {
    await pool.end();
  }
});

test("what changes something is refused to pages of other sites and other names of this machine", async () => {
  const without = await fetch(`${address}/api/shop/kill`, { method: "POST" });
  expect(without.status).toBe(403);
  const rebound = await server.inject({
    method: "PUT",
    url: "/api/traffic",
    headers: { host: "evil.example", "x-outrigger-console": "1" },
    payload: { perSecond: 50 },
  });
  expect(rebound.statusCode).toBe(403);
  const wrong = await server.inject({
    method: "PUT",
    url: "/api/providers/a/fault",
    headers: { host: "localhost", "x-outrigger-console": "1" },
    payload: { kind: "explode" },
  });
  expect(wrong.statusCode).toBe(400);
});
