import { expect, test } from "vitest";
import { useAnyShop } from "../support/shop.ts";
import { ended, keyAt, rowOf, standing, tripNode } from "./support.ts";

const shop = useAnyShop("ledger_saga_versions");

test("versions live side by side until they are drained: a process leaves alone what it has no definition of", async () => {
  const old = tripNode(shop);
  const first = old.saga([old.step("flight"), old.step("pay")]);
  await first.enqueue({ id: "v1" }, { key: "v1" });

  const young = tripNode(shop);
  const second = young.saga([young.step("flight"), young.step("hotel"), young.step("pay")], { version: 2 });
  await second.enqueue({ id: "v2" }, { key: "v2" });
  young.ledger.start();
  expect(await ended(young, "v2")).toBe("DONE");
  expect(await young.ledger.sagas.find({ saga: "trip", key: "v1" })).toMatchObject({
    version: 1,
    state: "RUNNING",
    steps: [],
  });
  const states = { RUNNING: 1, COMPENSATING: 0, MANUAL: 0 };
  expect((await young.ledger.snapshot()).sagas).toEqual([
    { saga: "trip", version: 1, states, oldestMs: expect.any(Number) },
  ]);

  old.ledger.start();
  expect(await ended(old, "v1")).toBe("DONE");
  expect((await old.ledger.snapshot()).sagas).toEqual([]);
  expect(await standing(shop, "v1", ["flight", "hotel", "pay"])).toEqual({
    flight: "1 paid",
    hotel: "0 none",
    pay: "1 paid",
  });
  // The key is the same for ever, whatever version it was begun with.
  expect(await second.run({ id: "v1" }, { key: "v1" })).toMatchObject({
    status: "committed",
    result: { pay: {} },
  });
});

test("a saga in a transaction of the user's is there when it commits, and not when it rolls back", async () => {
  const node = tripNode(shop, { trip: "joined" });
  const saga = node.saga([node.step("flight"), node.step("pay")]);
  const first = await shop.database.begin();
  await saga.enqueue({ id: "t1" }, { key: "t1", tx: first.tx });
  await first.rollback();
  expect(await saga.find("t1")).toBeUndefined();
  const second = await shop.database.begin();
  expect(await saga.enqueue({ id: "t2" }, { key: "t2", tx: second.tx })).toMatchObject({ status: "pending" });
  expect(await saga.enqueue({ id: "t2" }, { key: "t2", tx: second.tx })).toMatchObject({ status: "pending" });
  await second.commit();
  expect(await saga.run({ id: "t2" }, { key: "t2" })).toMatchObject({ status: "pending" });
  node.ledger.start();
  expect(await ended(node, "t2", "joined")).toBe("DONE");
  await expect(saga.enqueue({ id: "t3" }, { key: "t3", tx: {} as never })).rejects.toThrow("tx must be");
});

test("lists give what is open, in pages, with the steps that were begun", async () => {
  const node = tripNode(shop, { trip: "listed" });
  const saga = node.saga([node.step("flight"), node.step("pay")]);
  for (const key of ["l1", "l2", "l3"]) await saga.enqueue({ id: key }, { key });
  await saga.run({ id: "l4" }, { key: "l4" });
  const { sagas } = node.ledger;
  const pages = [await sagas.list({ saga: "listed", limit: 2 })];
  pages.push(await sagas.list({ saga: "listed", limit: 2, after: pages[0]?.at(-1)?.id ?? "" }));
  expect(pages.map((page) => page.length)).toEqual([2, 1]);
  // Within a millisecond ids are in any order; the pages follow the ids.
  expect(pages.flatMap((page) => page.map(({ key }) => key)).sort()).toEqual(["l1", "l2", "l3"]);
  const ids = pages.flatMap((page) => page.map(({ id }) => id));
  expect(ids).toEqual(ids.toSorted());
  const [done] = await sagas.list({ saga: "listed", states: ["DONE"] });
  expect(done?.steps.map(({ step, state }) => [step, state])).toEqual([
    ["flight", "DONE"],
    ["pay", "DONE"],
  ]);
  expect(done?.steps[0]?.key).toBe(keyAt("listed", "flight", "l4"));
  expect(await shop.status(rowOf("l4", "flight"))).toBe("paid");
  await expect(sagas.list({ limit: 0 })).rejects.toThrow("list.limit");
  await expect(sagas.list({ states: ["OPEN" as never] })).rejects.toThrow("list.state");
});

test("a saga of another process is begun at once, without waiting for the next look", async ({ skip }) => {
  skip(!shop.database.wakes, "on this database work is polled for");
  const worker = tripNode(shop, { trip: "woken", pollEvery: "1h" });
  worker.saga([worker.step("flight"), worker.step("pay")]);
  worker.ledger.start();
  await expect.poll(() => worker.events.some(({ type }) => type === "listenerStarted")).toBe(true);
  const caller = tripNode(shop, { trip: "woken" });
  const saga = caller.saga([caller.step("flight"), caller.step("pay")]);
  await saga.enqueue({ id: "n1" }, { key: "n1" });
  expect(await ended(caller, "n1", "woken")).toBe("DONE");
});

test("a caller that goes away leaves the rest of its saga to the workers, and nothing is begun for it any more", async () => {
  const gone = new AbortController();
  const caller = tripNode(shop, {
    trip: "gone",
    onStep: (name) => {
      if (name === "call.after") gone.abort();
    },
  });
  const saga = caller.saga([caller.step("flight"), caller.step("hotel"), caller.step("pay")]);
  expect(await saga.run({ id: "g1" }, { key: "g1", signal: gone.signal })).toMatchObject({
    status: "pending",
  });
  expect((await saga.find("g1"))?.steps.map(({ step, state }) => [step, state])).toEqual([
    ["flight", "DONE"],
  ]);
  await expect(saga.run({ id: "g2" }, { key: "g2", signal: gone.signal })).rejects.toMatchObject({
    code: "CALL_ABORTED",
  });
  expect(await saga.find("g2")).toBeUndefined();
  const worker = tripNode(shop, { trip: "gone" });
  worker.saga([worker.step("flight"), worker.step("hotel"), worker.step("pay")]);
  worker.ledger.start();
  expect(await ended(worker, "g1", "gone")).toBe("DONE");
});

test("sagas that ended long ago are forgotten with their histories, where operations are", async () => {
  const node = tripNode(shop, { trip: "old", retention: { forgetAfter: "1ms" } });
  const saga = node.saga([node.step("flight")]);
  await saga.run({ id: "o1" }, { key: "o1" });
  const { id } = (await saga.find("o1")) ?? { id: "" };
  await new Promise((resolve) => setTimeout(resolve, 5));
  await node.ledger.tidy();
  expect(await node.ledger.sagas.find(id)).toBeUndefined();
  const { query, table } = shop.database;
  expect(await query(`select saga_id from ${table("saga_event")} where saga_id = '${id}'`)).toEqual([]);
});

test("a saga that is defined after the start is driven as any other, until the stop", async () => {
  const node = tripNode(shop, { trip: "later" });
  node.ledger.start();
  const saga = node.saga([node.step("flight"), node.step("pay")]);
  await saga.enqueue({ id: "l1" }, { key: "l1" });
  expect(await ended(node, "l1", "later")).toBe("DONE");
  await node.ledger.stop();
  const next = node.saga([node.step("flight"), node.step("hotel")], { version: 2 });
  await next.enqueue({ id: "l2" }, { key: "l2" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await next.find("l2"))?.steps).toEqual([]);
  node.ledger.start();
  expect(await ended(node, "l2", "later")).toBe("DONE");
});
