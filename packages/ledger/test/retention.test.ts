import { expect, test } from "vitest";
import { type AnyNode, useAnyShop } from "./support/shop.ts";
import { recordOf } from "./support/single.ts";

const shop = useAnyShop("ledger_retention");
const input = (id: string) => ({ id, amount: 1 });
const retention = { moveAfter: "0ms", batch: 2 } as const;

async function hot(): Promise<readonly string[]> {
  const rows = await shop.database.query(`select key from ${shop.database.table("operation")} order by key`);
  return rows.map((row) => String(row["key"]));
}

/** Copies wait for many minutes before their originals go. */
async function archived(node: AnyNode): Promise<void> {
  await node.ledger.tidy();
  await age();
  await node.ledger.tidy();
}

async function age(): Promise<void> {
  const { table, instant, query } = shop.database;
  await query(`update ${table("operation_archive")} set copied_at = ${instant(-86_400_000)}`);
}

test("what has ended moves out of the hot table in batches, and is found by key, by id and in every report", async () => {
  const node = shop.node({ retention });
  const keys = ["a1", "a2", "a3", "a4", "a5"];
  for (const key of keys) await node.pay.run(input(key), { key });
  shop.a.modes.set("open", { charge: "hangAfterApply" });
  await node.pay.run(input("open"), { key: "open", signal: AbortSignal.timeout(20) });
  expect(await node.ledger.tidy()).toEqual({ copied: 5, moved: 0, forgotten: 0 });
  // The copies are not seen beside their originals.
  expect(await node.ledger.totals()).toMatchObject({ DONE: 5 });
  expect(await hot()).toHaveLength(6);
  await archived(node);
  expect(await hot()).toEqual(["open"]);
  const record = await recordOf(node, "a3");
  expect(record).toMatchObject({ key: "a3", state: "DONE" });
  expect(record?.history.map(({ to }) => to)).toEqual(["SENDING", "DONE"]);
  expect((await node.ledger.find(record?.id ?? ""))?.key).toBe("a3");
  expect(await node.ledger.totals()).toMatchObject({ DONE: 5 });
  const exported = [];
  for await (const { key, history } of node.ledger.export()) exported.push([key, history.length]);
  expect(exported.sort()).toEqual([...keys.map((key) => [key, 2]), ["open", expect.any(Number)]].sort());
});

test("a key that was used is used for ever, also when its operation has moved out of the way", async () => {
  const node = shop.node({ retention });
  await node.pay.run(input("k1"), { key: "k1" });
  await archived(node);
  expect(await node.pay.run(input("k1"), { key: "k1" })).toMatchObject({ status: "committed" });
  expect(await node.pay.enqueue(input("k1"), { key: "k1" })).toMatchObject({ status: "committed" });
  await expect(node.pay.run({ id: "k1", amount: 2 }, { key: "k1" })).rejects.toMatchObject({
    code: "KEY_REUSED",
  });
  expect(shop.a.requests.filter((request) => request === "/charge k1")).toHaveLength(1);
});

test("evidence brings an operation back to where work is done, with its history", async () => {
  const node = shop.node({ retention });
  shop.a.modes.set("r1", { charge: "declined" });
  await node.pay.run(input("r1"), { key: "r1" });
  await archived(node);
  shop.a.modes.set("r1", {});
  await fetch(`${shop.a.url}/charge?key=r1`, { method: "POST" });
  const webhook = { by: "webhook evt_9" };
  expect(await node.pay.observe("r1", { status: "found", result: { charge: "r1" } }, webhook)).toBe(
    "applied",
  );
  node.ledger.start();
  await shop.settled(node);
  const record = await recordOf(node, "r1");
  expect(record).toMatchObject({ state: "CANCELLED" });
  expect(record?.history.map(({ to }) => to)).toEqual([
    "SENDING",
    "FAILED",
    "UNKNOWN",
    "CANCELLING",
    "CANCELLED",
  ]);
  expect(shop.a.activeCharges("r1")).toBe(0);
});

test("what moved again after it was copied stays, and is copied anew", async () => {
  const node = shop.node({ retention });
  shop.a.modes.set("m1", { charge: "declined" });
  await node.pay.run(input("m1"), { key: "m1" });
  await node.ledger.tidy();
  await node.pay.observe("m1", { status: "found", result: { charge: "m1" } }, { by: "webhook" });
  await archived(node);
  expect(await hot()).toContain("m1");
  expect(await recordOf(node, "m1")).toMatchObject({ state: "UNKNOWN" });
  node.ledger.start();
  await shop.settled(node);
  await archived(node);
  expect(await hot()).not.toContain("m1");
  expect((await recordOf(node, "m1"))?.history.length).toBeGreaterThanOrEqual(4);
});

test("what is old is forgotten once the provider has forgotten its key too", async () => {
  const node = shop.node({ retention: { ...retention, forgetAfter: "1ms" } });
  await node.pay.run(input("f1"), { key: "f1" });
  await node.pay.run(input("f2"), { key: "f2" });
  await archived(node);
  expect(await recordOf(node, "f1")).toBeDefined();
  const { table, instant, query } = shop.database;
  await query(`update ${table("operation_archive")} set key_expires_at = ${instant(-1)} where key = 'f1'`);
  expect((await node.ledger.tidy()).forgotten).toBeGreaterThanOrEqual(1);
  expect(await recordOf(node, "f1")).toBeUndefined();
  expect(await recordOf(node, "f2")).toBeDefined();
});

test("several nodes may tidy at once, and none of them loses a row", async () => {
  const nodes = [shop.node({ retention }), shop.node({ retention }), shop.node({ retention })];
  const [first] = nodes;
  const keys = Array.from({ length: 12 }, (_, index) => `s${index}`);
  await Promise.all(keys.map((key) => first?.pay.run(input(key), { key })));
  await Promise.all(nodes.map((node) => node.ledger.tidy()));
  await age();
  await Promise.all(nodes.map((node) => node.ledger.tidy()));
  for (const key of keys) {
    expect(await hot()).not.toContain(key);
    expect(await shop.status(key)).toBe("paid");
  }
  for (const key of keys) expect((await first?.ledger.find({ operation: "pay", key }))?.state).toBe("DONE");
});
