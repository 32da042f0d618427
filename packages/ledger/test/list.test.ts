import type { OperationPage } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";
import { singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_list");
const keysOf = ({ operations }: OperationPage): string[] => operations.map(({ key }) => key);

test("operations are listed by state, oldest first, without their requests and histories", async () => {
  const node = singleProvider(shop, {}, { operation: "list.a" });
  await node.pay.run({ id: "l1", amount: 1 }, { key: "l1" });
  shop.a.mode = { charge: "declined" };
  await node.pay.run({ id: "l2", amount: 1 }, { key: "l2" });
  shop.a.mode = { charge: "replyLost" };
  await node.pay.run({ id: "l3", amount: 1 }, { key: "l3" });
  await node.pay.run({ id: "l4", amount: 1 }, { key: "l4" });
  const operation = "list.a";

  expect(keysOf(await node.ledger.list({ operation })).sort()).toEqual(["l1", "l2", "l3", "l4"]);
  expect(keysOf(await node.ledger.list({ operation, states: ["UNKNOWN"] })).sort()).toEqual(["l3", "l4"]);
  expect(keysOf(await node.ledger.list({ operation, states: ["FAILED", "DONE"] })).sort()).toEqual([
    "l1",
    "l2",
  ]);
  expect(keysOf(await node.ledger.list({ operation: "list.%" }))).toEqual([]);
  const [unknown] = (await node.ledger.list({ states: ["UNKNOWN"] })).operations;
  expect(unknown).toMatchObject({ state: "UNKNOWN", personOnly: false, cancelRequested: false });
  expect(unknown?.nextAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(Date.parse(unknown?.asOf ?? "")).toBeGreaterThanOrEqual(Date.parse(unknown?.createdAt ?? ""));
  expect(unknown).not.toHaveProperty("request");
  expect(unknown).not.toHaveProperty("history");
  expect((await node.ledger.list({ states: ["DONE"] })).operations[0]?.nextAt).toBeNull();
});

test("pages go on where the last one ended, and the last one says so", async () => {
  const node = shop.node({ operation: "list.b" });
  for (const key of ["p1", "p2", "p3", "p4", "p5"]) await node.pay.enqueue({ id: key, amount: 1 }, { key });
  const pages: OperationPage[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = await node.ledger.list({ operation: "list.b", limit: 2, after });
    pages.push(page);
    after = page.next;
  }
  expect(pages.map(({ operations }) => operations.length)).toEqual([2, 2, 1]);
  expect(pages.flatMap(keysOf).sort()).toEqual(["p1", "p2", "p3", "p4", "p5"]);
  // Within a millisecond ids are in any order; the pages follow the ids.
  const ids = pages.flatMap(({ operations }) => operations.map(({ id }) => id));
  expect(ids).toEqual(ids.toSorted());
  expect((await node.ledger.list({ operation: "list.b", limit: 5 })).next).toBeNull();
});

test("age is measured by the database's clock, and what was moved out of the way is listed too", async () => {
  const node = shop.node({ operation: "list.c", retention: { moveAfter: "0ms" }, lease: "200ms" });
  await node.pay.run({ id: "a1", amount: 1 }, { key: "a1" });
  await node.pay.enqueue({ id: "a2", amount: 1 }, { key: "a2" });
  const { table, instant } = shop.database;
  const before = instant(-7_200_000);
  await shop.database.query(
    `update ${table("operation")} set created_at = ${before}, updated_at = ${before} where key = 'a1'`,
  );
  expect(keysOf(await node.ledger.list({ operation: "list.c", olderThan: "1h" }))).toEqual(["a1"]);
  await node.ledger.tidy();
  await shop.database.query(
    `update ${table("operation_archive")} set copied_at = ${instant(-86_400_000)} where key = 'a1'`,
  );
  await node.ledger.tidy();
  expect(await shop.database.query(`select id from ${table("operation")} where key = 'a1'`)).toEqual([]);
  expect(keysOf(await node.ledger.list({ operation: "list.c", states: ["DONE"] }))).toEqual(["a1"]);
  expect(keysOf(await node.ledger.list({ operation: "list.c" }))).toEqual(["a1", "a2"]);
});

test("what waits for a person can be asked for by that name", async () => {
  shop.a.mode = { charge: "replyLost", failInquiries: 1_000 };
  const node = singleProvider(
    shop,
    {},
    {
      operation: "list.d",
      unknown: { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms", manualAfter: "50ms" },
    },
  );
  node.ledger.start();
  await node.pay.run({ id: "m1", amount: 1 }, { key: "m1" });
  await expect
    .poll(async () => keysOf(await node.ledger.list({ wantsPerson: true, operation: "list.d" })))
    .toEqual(["m1"]);
});

test("the request is there for who asks for it by name", async () => {
  const node = shop.node({ operation: "list.e" });
  await node.pay.enqueue({ id: "r1", amount: 7 }, { key: "r1" });
  const at = { operation: "list.e", key: "r1" };
  expect(await node.ledger.find(at)).not.toHaveProperty("request");
  expect(await node.ledger.find(at, { request: true })).toMatchObject({ request: { id: "r1", amount: 7 } });
});

test.each([
  [{ state: ["DONE"] }, 'did you mean "states"?'],
  [{ states: [] }, "list.states must be a list with a state in it"],
  [{ states: ["PAID"] }, "list.states[0]"],
  [{ limit: 0 }, "list.limit"],
  [{ limit: 1_001 }, "list.limit"],
  [{ olderThan: 5 }, "list.olderThan"],
  [{ operation: "" }, "list.operation"],
  [{ after: "x" }, "list.after must be what a page's next said"],
  [{ wantsPerson: "yes" }, "list.wantsPerson"],
  [{ wantsPerson: true, states: ["DONE"] }, "list.wantsPerson asks for MANUAL"],
])("an option that says nothing is refused by name: %j", async (options, message) => {
  await expect(shop.node({ operation: "list.f" }).ledger.list(options as never)).rejects.toThrow(message);
});
