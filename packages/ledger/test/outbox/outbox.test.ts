import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { useAnyShop } from "../support/shop.ts";
import { type Arrived, type Note, notingNode, numbersOf, send } from "./support.ts";

const shop = useAnyShop("ledger_outbox");
const word = { reason: "the receiver is gone", by: "kim" } as const;

test("messages arrive in the order in which they were committed, with a number that grows and an id that stays", async () => {
  const arrived: Arrived[] = [];
  const seen: { id: string; sequence: number; sentAt: string }[] = [];
  const node = notingNode(shop, arrived, {
    name: "ordered",
    deliver: (message) => {
      seen.push(message);
      arrived.push({ key: message.key, n: (message.payload as Note).n, by: "one" });
    },
  });
  await send(shop, node, "k1", 1, 2, 3);
  await send(shop, node, "k1", 4);
  node.ledger.start();
  await send(shop, node, "k1", 5);
  await expect.poll(() => numbersOf(arrived, "k1")).toEqual([1, 2, 3, 4, 5]);
  const sequences = seen.map(({ sequence }) => sequence);
  expect([...sequences].sort((a, b) => a - b)).toEqual(sequences);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(5);
  expect(seen[0]?.sentAt).toMatch(/^\d{4}-.*Z$/);
  expect(node.events.filter(({ type }) => type === "messageDelivered")).toHaveLength(5);
  await expect.poll(async () => (await node.ledger.snapshot()).outboxes).toEqual([]);
});

test("what is rolled back is never delivered, and a transaction makes the others of its key wait", async () => {
  const arrived: Arrived[] = [];
  const node = notingNode(shop, arrived, { name: "rolled" });
  node.ledger.start();
  const one = await shop.database.begin();
  await node.notes.send(one.tx, { key: "r1", payload: { n: 1 } });
  const second = shop.database.begin().then(async (other) => {
    await node.notes.send(other.tx, { key: "r1", payload: { n: 2 } });
    return other;
  });
  await one.rollback();
  const other = await second;
  await node.notes.send(other.tx, { key: "r1", payload: { n: 3 } });
  await other.commit();
  await expect.poll(() => numbersOf(arrived, "r1").at(-1)).toBe(3);
  expect(numbersOf(arrived, "r1")).toEqual([2, 3]);
});

test("a message that fails holds up its own key, and no other one", async () => {
  const arrived: Arrived[] = [];
  let broken = true;
  const node = notingNode(shop, arrived, {
    name: "failing",
    deliver: ({ key, payload }) => {
      if (key === "bad" && broken) throw new Error("not now");
      arrived.push({ key, n: payload.n, by: "one" });
    },
  });
  await send(shop, node, "bad", 1, 2);
  await send(shop, node, "good", 1, 2);
  node.ledger.start();
  await expect.poll(() => numbersOf(arrived, "good")).toEqual([1, 2]);
  await expect
    .poll(() => node.events.filter(({ type }) => type === "deliveryFailed").length)
    .toBeGreaterThan(1);
  expect(numbersOf(arrived, "bad")).toEqual([]);
  const [lane] = await node.ledger.outboxes.lanes({ outbox: "failing" });
  expect(lane).toMatchObject({ key: "bad", parkedAt: null, waiting: 2, lastError: { message: "not now" } });
  broken = false;
  await expect.poll(() => numbersOf(arrived, "bad")).toEqual([1, 2]);
});

test("a key that fails for too long is parked for a person, who has it tried again, or gives the message up", async () => {
  const arrived: Arrived[] = [];
  let broken = true;
  const node = notingNode(shop, arrived, {
    name: "parking",
    parkAfter: "1ms",
    deliver: ({ key, payload }) => {
      if (broken) throw Object.assign(new Error("no such address"), { code: "E404" });
      arrived.push({ key, n: payload.n, by: "one" });
    },
  });
  await send(shop, node, "p1", 1, 2);
  node.ledger.start();
  await expect.poll(async () => (await node.notes.parked()).length).toBe(1);
  const [lane] = await node.notes.parked();
  expect(lane).toMatchObject({ key: "p1", waiting: 2, tries: 5, lastError: { code: "E404" } });
  expect((await node.ledger.snapshot()).outboxes).toContainEqual(
    expect.objectContaining({ outbox: "parking", waiting: 1, parked: 1 }),
  );
  expect(node.events).toContainEqual(
    expect.objectContaining({ type: "deliveryFailed", parked: true, tries: 5 }),
  );
  // What is sent meanwhile waits behind it.
  await send(shop, node, "p1", 3);
  const next = lane?.next ?? "";
  await expect(node.notes.skip("p1", { next: "p1:1", ...word })).rejects.toMatchObject({
    code: "NOT_RETRYABLE",
  });
  await expect(node.notes.skip("p1", { next, reason: "", by: "kim" })).rejects.toThrow("skip.reason");
  await node.notes.retry("p1", { next, ...word });
  await expect.poll(async () => (await node.notes.parked()).length).toBe(1);
  broken = false;
  await node.notes.skip("p1", { next, ...word });
  await expect.poll(() => numbersOf(arrived, "p1")).toEqual([2, 3]);
  const { query, table } = shop.database;
  const rows = await query(
    `select skipped_by, skipped_reason from ${table("outbox_message")} where skipped_by <> ''`,
  );
  expect(rows).toEqual([{ skipped_by: "kim", skipped_reason: "the receiver is gone" }]);
});

test("a refusal for good parks its key at once", async () => {
  const node = notingNode(shop, [], {
    name: "refused",
    deliver: () => {
      throw new Failure("such a message is not taken", { code: "BAD", effect: "none", kind: "refused" });
    },
  });
  await send(shop, node, "p1", 1);
  node.ledger.start();
  await expect.poll(async () => (await node.notes.parked()).length).toBe(1);
  expect((await node.notes.parked())[0]).toMatchObject({ tries: 1, lastError: { code: "BAD" } });
});

test("a busy key gives others their turn, and its order is kept", async () => {
  const arrived: Arrived[] = [];
  const node = notingNode(shop, arrived, { name: "busy", concurrency: 1, burst: 3 });
  await send(shop, node, "a", ...Array.from({ length: 9 }, (_, n) => n));
  await send(shop, node, "b", 0, 1);
  node.ledger.start();
  await expect.poll(() => arrived.length).toBe(11);
  expect(numbersOf(arrived, "a")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(numbersOf(arrived, "b")).toEqual([0, 1]);
  expect(arrived.findIndex(({ key }) => key === "b")).toBeLessThan(9);
});

test("what was delivered long ago is forgotten, and its key begins anew with greater numbers", async () => {
  const seen: number[] = [];
  const node = notingNode(shop, [], {
    name: "kept",
    keep: "0ms",
    deliver: ({ sequence }) => void seen.push(sequence),
  });
  node.ledger.start();
  await send(shop, node, "f1", 1);
  await expect.poll(() => seen.length).toBe(1);
  await expect
    .poll(async () => (await node.ledger.snapshot()).outboxes.filter(({ outbox }) => outbox === "kept"))
    .toEqual([]);
  await node.ledger.tidy();
  const { query, table } = shop.database;
  for (const kept of ["outbox_message", "outbox_lane"]) {
    expect(await query(`select 1 from ${table(kept)} where outbox = 'kept'`)).toEqual([]);
  }
  await send(shop, node, "f1", 2);
  await expect.poll(() => seen.length).toBe(2);
  expect(seen[1]).toBeGreaterThan(seen[0] ?? Number.POSITIVE_INFINITY);
});

test("wrong options, keys, payloads and transactions are refused with nothing stored", async () => {
  const node = notingNode(shop, [], { name: "strict" });
  const { ledger, notes } = node;
  const deliver = (): void => {};
  expect(() => ledger.outbox("strict", { deliver })).toThrow('outbox "strict" is already defined');
  expect(() => ledger.outbox("a b", { deliver })).toThrow("an outbox's name");
  expect(() => ledger.outbox("x", {} as never)).toThrow("deliver");
  expect(() => ledger.outbox("x", { deliver, burst: 0 })).toThrow("burst");
  expect(() => ledger.outbox("x", { deliver, parkAfter: 5 as never })).toThrow("parkAfter");
  expect(() => ledger.outbox("x", { deliver, parkafter: "1h" } as never)).toThrow(
    'did you mean "parkAfter"?',
  );
  await expect(notes.send({}, { key: "k", payload: { n: 1 } })).rejects.toThrow("tx must be");
  const { tx, commit } = await shop.database.begin();
  await expect(notes.send(tx, { key: "", payload: { n: 1 } })).rejects.toMatchObject({ code: "KEY_INVALID" });
  await expect(notes.send(tx, { key: "k", payload: { n: 1n } as never })).rejects.toMatchObject({
    code: "INPUT_INVALID",
  });
  await notes.send(tx, {
    key: "100%_'\"\\",
    payload: { n: 1, text: "NUL \0, lone \ud800, %_" } as never,
  });
  await commit();
  expect(
    (await ledger.outboxes.lanes({ outbox: "strict" })).map(({ key, waiting }) => [key, waiting]),
  ).toEqual([["100%_'\"\\", 1]]);
  await expect(ledger.outboxes.lanes({ limit: 0 })).rejects.toThrow("lanes.limit");
});

test("a message of another process is delivered at once, without waiting for the next look", async ({
  skip,
}) => {
  skip(!shop.database.wakes, "on this database work is polled for");
  const arrived: Arrived[] = [];
  const worker = notingNode(shop, arrived, { name: "woken" }, { pollEvery: "1h" });
  worker.ledger.start();
  await expect.poll(() => worker.events.some(({ type }) => type === "listenerStarted")).toBe(true);
  const sender = notingNode(shop, [], { name: "woken" });
  await send(shop, sender, "w1", 1);
  await expect.poll(() => numbersOf(arrived, "w1")).toEqual([1]);
});
