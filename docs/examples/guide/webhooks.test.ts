import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, databaseForTests } from "@outrigger/lab";
import { createLedger, fromPgPool, type Ledger, type Operation } from "@outrigger/ledger";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Charge, type Order, reconcileWithFile, reconcileWithList, runIt } from "./reconciliation.ts";
import { paymentsInbox, serve } from "./webhooks.ts";

let clean: (() => Promise<void>)[] = [];
let pool: pg.Pool;
let ledger: Ledger;
let pay: Operation<Order, Charge>;

beforeAll(async () => {
  const server = await databaseForTests();
  const database = await createDatabase(server.url, "docs_webhooks");
  pool = new pg.Pool({ connectionString: database.url });
  pool.on("error", () => {});
  await pool.query("create table orders (id text primary key, status text not null)");
  ledger = createLedger({ sql: fromPgPool(pool) });
  await ledger.migrate();
  pay = ledger.operation<Order, Charge>("checkout.pay", {
    prepare: (tx, order) => tx.query("insert into orders (id, status) values ($1, 'paying')", [order.id]),
    call: async () => {
      throw new Error("no answer");
    },
    commit: (tx, order) => tx.query("update orders set status = 'paid' where id = $1", [order.id]),
    abandon: (tx, order) => tx.query("update orders set status = 'void' where id = $1", [order.id]),
    capabilities: { idempotencyKey: { window: "1d" } },
    accept: "none",
  });
  clean = [() => ledger.stop(), () => pool.end(), () => database.drop(), () => server.stop()];
});

afterAll(async () => {
  for (const each of clean) await each();
});

async function statusOf(id: string): Promise<unknown> {
  return (await pool.query("select status from orders where id = $1", [id])).rows[0]?.status;
}

test("the page's inbox settles a payment from a signed webhook, and turns away a forged one", async () => {
  const inbox = paymentsInbox(ledger, "a secret of the example");
  const server = serve(inbox).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/payments`;
  const post = async (secret: string): Promise<number> => {
    const created = Math.floor(Date.now() / 1000);
    const data = { reference: "order-1", charge: "ch_1" };
    const body = JSON.stringify({ id: "evt_1", created, type: "charge.succeeded", data });
    const signature = createHmac("sha256", secret).update(`${created}.${body}`).digest("hex");
    const headers = { signature: `t=${created},v1=${signature}` };
    return (await fetch(url, { method: "POST", body, headers })).status;
  };
  try {
    await pay.run({ id: "order-1", amount: "10.50" }, { key: "order-1" });
    expect(await statusOf("order-1")).toBe("paying");
    expect(await post("somebody else's")).toBe(401);
    expect(await post("a secret of the example")).toBe(200);
    await expect.poll(() => statusOf("order-1"), { timeout: 20_000 }).toBe("paid");
  } finally {
    await inbox.stop();
    server.closeAllConnections();
    server.close();
  }
});

test("the page's reconciliation with a list settles a payment that nobody heard of", async () => {
  await pay.run({ id: "order-2", amount: "10.50" }, { key: "order-2" });
  const charge = {
    id: "ch_2",
    reference: "order-2",
    created: Date.now() / 1000,
    status: "succeeded",
    amount: "10.50",
  } as const;
  const reconciliation = reconcileWithList(ledger, pay, {
    list: async ({ after }) => (after === undefined ? { data: [], next: "2" } : { data: [charge] }),
  });
  // Today is too young by itself, so what was made a moment ago is made older.
  await pool.query("update outrigger.operation set created_at = created_at - interval '30 days'");
  const old = reconcileWithList(ledger, pay, {
    list: async () => ({ data: [{ ...charge, created: charge.created - 30 * 86_400 }] }),
  });
  const day = new Date((charge.created - 30 * 86_400) * 1000).toISOString().slice(0, 10);
  await old.run({ from: day, to: day });
  expect(await statusOf("order-2")).toBe("paid");
  const { counts } = await old.report({ from: day, to: day });
  expect(counts.remoteWithoutDone).toBe(1);
  const { html, csv, json } = await runIt(reconciliation);
  expect([html.includes("<h1>"), csv.startsWith("day,"), JSON.parse(json).name]).toEqual([
    true,
    true,
    "payments",
  ]);
});

test("the page's reconciliation with a file reports what it cannot read, and refunds what nobody ordered", async () => {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-example-"));
  try {
    const path = join(directory, "settlement.csv");
    const lines = [
      "type,order,charge,time,amount,currency",
      "CHARGE,x-1,ch_x,2026-01-02T03:00:00Z,5.00,EUR",
      "SUM,torn",
    ];
    await writeFile(path, `${lines.join("\n")}\n`);
    const reconciliation = reconcileWithFile(
      ledger,
      pay,
      () => path,
      async (key) => `re_${key}`,
    );
    await reconciliation.run({ from: "2026-01-02", to: "2026-01-02" });
    const { findings } = await reconciliation.report({ from: "2026-01-02", to: "2026-01-02" });
    expect(findings).toMatchObject([
      { class: "brokenLine", key: "line 3" },
      { class: "orphanRemote", key: "x-1", outcome: "refunded by re_x-1" },
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
