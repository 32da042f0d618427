import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_operator");
const unknown = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms" } as const;
const soldOut = {
  commit: () => {
    throw new Error("sold out");
  },
};

test.each([
  ["a refusal that does not say whether it had an effect", { effect: "unknown", kind: "refused" }],
  ["a rejection of our own", { effect: "none", kind: "rejected" }],
] as const)("a cancel that meets %s is tried again", async (name, init) => {
  let cancels = 0;
  const key = `c${name.length}`;
  const node = singleProvider(
    shop,
    {
      cancel: async () => {
        cancels += 1;
        if (cancels < 4) throw new Failure("too many requests", { code: "HTTP_429", ...init });
      },
    },
    { unknown, definition: soldOut },
  );
  node.ledger.start();
  await node.pay.run({ id: key, amount: 1 }, { key });
  await shop.settled(node);
  expect(await recordOf(node, key)).toMatchObject({ state: "CANCELLED" });
  expect(cancels).toBe(4);
});

test("a person puts a refused cancel back to work, and the history says why", async () => {
  let refuses = true;
  const node = singleProvider(
    shop,
    {
      cancel: async () => {
        if (refuses)
          throw new Failure("not allowed", { code: "NOT_ALLOWED", effect: "none", kind: "refused" });
      },
    },
    { unknown, definition: soldOut },
  );
  node.ledger.start();
  const { id } = await node.pay.run({ id: "o1", amount: 1 }, { key: "o1" });
  await shop.settled(node);
  expect(await recordOf(node, "o1")).toMatchObject({ state: "MANUAL", intent: "CANCEL" });
  refuses = false;
  expect(await node.ledger.retry(id, { reason: "the provider granted the right" })).toMatchObject({
    state: "CANCELLING",
  });
  await shop.settled(node);
  const record = await recordOf(node, "o1");
  expect(record?.state).toBe("CANCELLED");
  expect(record?.history.slice(-2)).toMatchObject([
    { from: "MANUAL", to: "CANCELLING", why: "operatorRetry", evidence: "the provider granted the right" },
    { from: "CANCELLING", to: "CANCELLED" },
  ]);
});

test("a person lets an outcome that nobody could find out be asked for again, at once", async () => {
  shop.a.mode = { charge: "replyLost", failInquiries: 1_000 };
  const node = singleProvider(shop, {}, { unknown: { ...unknown, manualAfter: "50ms" } });
  node.ledger.start();
  const { id } = await node.pay.run({ id: "o2", amount: 1 }, { key: "o2" });
  await shop.settled(node);
  expect(await recordOf(node, "o2")).toMatchObject({ state: "MANUAL", intent: "EXECUTE" });
  shop.a.mode = {};
  expect(await node.ledger.retry(id, { reason: "their inquiry works again" })).toMatchObject({
    state: "UNKNOWN",
  });
  await shop.settled(node);
  expect(await shop.status("o2")).toBe("paid");
});

test("an operation that waits for its next try need not wait, and whoever has it loses it", async () => {
  shop.a.mode = { charge: "replyLost", failInquiries: 1 };
  const node = singleProvider(shop, {}, { unknown: { ...unknown, retryFirst: "1h", retryMax: "1h" } });
  node.ledger.start();
  const { id } = await node.pay.run({ id: "o3", amount: 1 }, { key: "o3" });
  await expect.poll(() => node.events.some(({ type }) => type === "inquiryEnded")).toBe(true);
  await expect
    .poll(() =>
      shop.database.query(
        `select key from ${shop.database.table("operation")} where key = 'o3' and due_at > ${shop.database.instant(600_000)}`,
      ),
    )
    .toHaveLength(1);
  await node.ledger.retry(id, { reason: "in a hurry" });
  await shop.settled(node);
  expect(await shop.status("o3")).toBe("paid");
});

test("a retry needs a reason and an operation that is not settled", async () => {
  const node = shop.node();
  const { id } = await node.pay.run({ id: "o4", amount: 1 }, { key: "o4" });
  await expect(node.ledger.retry(id, {} as never)).rejects.toThrow(TypeError);
  await expect(node.ledger.retry(id, { reason: "  " })).rejects.toThrow("retry.reason");
  await expect(node.ledger.retry(id, { reason: "x" })).rejects.toMatchObject({
    code: "NOT_RETRYABLE",
    effect: "none",
  });
  await expect(
    node.ledger.retry("00000000-0000-0000-0000-000000000000", { reason: "x" }),
  ).rejects.toMatchObject({ code: "NOT_RETRYABLE" });
  expect(await recordOf(node, "o4")).toMatchObject({ state: "DONE" });
});

test("a worker that was asking while a person put the operation back to work writes nothing", async () => {
  shop.a.modes.set("o5", { charge: "replyLost" });
  let asked = (): void => {};
  const reached = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const worker = singleProvider(
    shop,
    {},
    {
      unknown,
      concurrency: 1,
      onStep: async (name) => {
        if (name !== "inquiry.after") return;
        asked();
        await gate;
      },
    },
  );
  worker.ledger.start();
  const { id } = await worker.pay.run({ id: "o5", amount: 1 }, { key: "o5" });
  await reached;
  await worker.ledger.retry(id, { reason: "it hangs", by: "kim" });
  go();
  await shop.settled(worker);
  expect(worker.events).toContainEqual(expect.objectContaining({ type: "zombieStopped" }));
  expect(await shop.status("o5")).toBe("paid");
});

test("an operation that a person puts back to work has all the patience of a new one", async () => {
  const node = singleProvider(shop, {}, { unknown: { ...unknown, manualAfter: "400ms" } });
  shop.a.modes.set("o6", { charge: "replyLost", failInquiries: 1_000_000 });
  node.ledger.start();
  const { id } = await node.pay.run({ id: "o6", amount: 1 }, { key: "o6" });
  const state = async (): Promise<string | undefined> => (await recordOf(node, "o6"))?.state;
  await expect.poll(state).toBe("MANUAL");
  const retriedAt = performance.now();
  await node.ledger.retry(id, { reason: "once more" });
  await expect.poll(state, { interval: 10 }).toBe("MANUAL");
  expect(performance.now() - retriedAt).toBeGreaterThan(390);
});
