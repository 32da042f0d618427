import type { Inquiry } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { type Payment, paymentsThrough } from "./support/payments.ts";
import { useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_late");
const retries = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms" } as const;
const input = (id: string) => ({ id, amount: 1 });
const found = (charge: string): Inquiry<Payment> => ({ status: "found", result: { charge } });
const refused: Inquiry<Payment> = { status: "refused", code: "DECLINED" };
const webhook = { by: "webhook evt_1" } as const;

test("a webhook that comes before the answer settles it, and the answer changes nothing", async () => {
  let sent = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    sent = resolve;
  });
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const node = shop.node({
    onStep: async (name) => {
      if (name !== "call.after") return;
      sent();
      await gate;
    },
  });
  const running = node.pay.run(input("l1"), { key: "l1" });
  await arrived;
  expect(await shop.node().pay.observe("l1", found("l1"), webhook)).toBe("applied");
  expect(await shop.status("l1")).toBe("paid");
  expect(await node.pay.observe("l1", found("l1"), webhook)).toBe("agreed");
  go();
  expect(await running).toMatchObject({ status: "committed", result: { charge: "l1" } });
  const record = await recordOf(node, "l1");
  expect(record?.history.map(({ to }) => to)).toEqual(["SENDING", "DONE"]);
  expect(record?.history.at(-1)).toMatchObject({ by: webhook.by });
});

test("an effect that turns up after the order was abandoned is asked for, and undone", async () => {
  const node = shop.node({ unknown: retries });
  shop.a.modes.set("l2", { charge: "declined" });
  expect(await node.pay.run(input("l2"), { key: "l2" })).toMatchObject({ status: "abandoned" });
  // Declined, and charged all the same.
  shop.a.modes.set("l2", {});
  await fetch(`${shop.a.url}/charge?key=l2`, { method: "POST" });
  expect(shop.a.activeCharges("l2")).toBe(1);
  expect(await node.pay.observe("l2", found("l2"), webhook)).toBe("applied");
  // What the customer was told stays true while it is put right.
  expect(await node.pay.run(input("l2"), { key: "l2" })).toMatchObject({ status: "abandoned" });
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "l2")).toMatchObject({ state: "CANCELLED" });
  expect(shop.a.activeCharges("l2")).toBe(0);
  expect(await shop.status("l2")).toBe("void");
});

test("old news of an effect that has been undone reopens nothing for long, and voids nothing twice", async () => {
  let abandons = 0;
  const node = shop.node({
    unknown: retries,
    definition: {
      commit: () => {
        throw new Error("sold out");
      },
      abandon: async (tx, order) => {
        abandons += 1;
        await shop.database.run(tx, `update orders set status = 'void' where id = '${order.id}'`);
      },
    },
  });
  node.ledger.start();
  await node.pay.run(input("l3"), { key: "l3" });
  await shop.settled(node);
  expect(await recordOf(node, "l3")).toMatchObject({ state: "CANCELLED" });
  expect(await node.pay.observe("l3", found("l3"), webhook)).toBe("applied");
  await shop.settled(node);
  expect(await recordOf(node, "l3")).toMatchObject({ state: "CANCELLED" });
  expect(abandons).toBe(1);
  expect(shop.a.activeCharges("l3")).toBe(0);
});

test("money that moved without a record, where nothing can undo it, is a person's matter", async () => {
  const { cancel: _, inquire: __, ...call } = paymentsThrough(() => shop.a.url);
  const node = shop.node({
    definition: {
      accept: "none",
      providers: { a: { ...call, capabilities: { idempotencyKey: { window: "1d" } } } },
    },
  });
  shop.a.modes.set("l4", { charge: "declined" });
  await node.pay.run(input("l4"), { key: "l4" });
  expect(await node.pay.observe("l4", found("l4"), webhook)).toBe("applied");
  const record = await recordOf(node, "l4");
  expect(record).toMatchObject({ state: "MANUAL" });
  expect(record?.history.at(-1)).toMatchObject({ from: "FAILED", why: "lateArrival", by: webhook.by });
  expect((await node.ledger.snapshot()).states.MANUAL).toBeGreaterThanOrEqual(1);
});

test("an effect at a provider that it was not with any more is a person's matter, and nothing learnt ends that", async () => {
  const node = shop.node();
  shop.a.modes.set("l5", { charge: "unavailable" });
  expect(await node.pay.run(input("l5"), { key: "l5" })).toMatchObject({
    status: "committed",
    provider: "b",
  });
  expect(await node.pay.observe("l5", found("l5"), { ...webhook, provider: "a" })).toBe("applied");
  expect(await recordOf(node, "l5")).toMatchObject({ state: "MANUAL" });
  expect(await node.pay.observe("l5", found("l5"), { ...webhook, provider: "b" })).toBe("noted");
  expect(await recordOf(node, "l5")).toMatchObject({ state: "MANUAL" });
});

test('a "no" that contradicts a commit is noted when the provider, asked again, says yes', async () => {
  const node = shop.node();
  await node.pay.run(input("l6"), { key: "l6" });
  expect(await node.pay.observe("l6", refused, webhook)).toBe("noted");
  const record = await recordOf(node, "l6");
  expect(record).toMatchObject({ state: "DONE" });
  expect(record?.history.at(-1)).toMatchObject({ why: "refused: DECLINED, noted", by: webhook.by });
});

test('a "no" that contradicts a commit, and is true, is a person\'s matter', async () => {
  const node = shop.node();
  await node.pay.run(input("l7"), { key: "l7" });
  await fetch(`${shop.a.url}/cancel?key=l7`, { method: "POST" });
  shop.a.modes.set("l7", { failInquiries: 1 });
  await expect(node.pay.observe("l7", refused, webhook)).rejects.toMatchObject({
    code: "OUTCOME_UNKNOWN",
    transient: true,
  });
  expect(await recordOf(node, "l7")).toMatchObject({ state: "DONE" });
  expect(await node.pay.observe("l7", refused, webhook)).toBe("applied");
  expect(await recordOf(node, "l7")).toMatchObject({ state: "MANUAL" });
  expect(await shop.status("l7")).toBe("paid");
});

test("a webhook ends what waits for a person", async () => {
  const node = singleProvider(shop, {}, { unknown: { ...retries, manualAfter: "10ms" } });
  node.ledger.start();
  for (const [key, learnt, status] of [
    ["l8", found("l8"), "paid"],
    ["l9", refused, "void"],
  ] as const) {
    shop.a.modes.set(key, { charge: "replyLost", failInquiries: 1_000 });
    await node.pay.run(input(key), { key });
    await expect.poll(async () => (await recordOf(node, key))?.state).toBe("MANUAL");
    expect(await node.pay.observe(key, learnt, webhook)).toBe("applied");
    expect(await shop.status(key)).toBe(status);
  }
});

test("an answer that comes when nobody waits for it any more is not lost", async () => {
  let answer = (_: Payment): void => {};
  const node = singleProvider(
    shop,
    {
      call: () =>
        new Promise<Payment>((resolve) => {
          answer = resolve;
        }),
      inquire: async () => ({ status: "notFound" }),
    },
    { lease: "300ms", unknown: { ...retries, notFoundAfter: "1h" } },
  );
  expect(await node.pay.run(input("l10"), { key: "l10" })).toMatchObject({ status: "pending" });
  answer({ charge: "l10" });
  await expect.poll(() => shop.status("l10")).toBe("paid");
  expect((await recordOf(node, "l10"))?.history.at(-1)).toMatchObject({ to: "DONE", by: "late answer" });
});

test("evidence that says nothing, of nobody, or of an unknown provider is refused; an unknown key is told", async () => {
  const node = shop.node();
  expect(await node.pay.observe("none", found("none"), webhook)).toBeUndefined();
  await expect(node.pay.observe("l1", { status: "notFound" }, webhook)).rejects.toThrow(RangeError);
  await expect(node.pay.observe("l1", found("l1"), { by: "" })).rejects.toThrow("observe.by");
  await expect(node.pay.observe("l1", found("l1"), { by: "x", provider: "c" })).rejects.toThrow(
    'has no provider "c"',
  );
});

test("a person says how an operation in MANUAL has ended, and the business row follows", async () => {
  const node = singleProvider(shop, {}, { unknown: { ...retries, manualAfter: "10ms" } });
  node.ledger.start();
  const word = { reason: "seen in their back office", by: "kim" } as const;
  for (const [key, as, status, state] of [
    ["l11", "committed", "paid", "DONE"],
    ["l12", "abandoned", "void", "FAILED"],
  ] as const) {
    shop.a.modes.set(key, { charge: "replyLost", failInquiries: 1_000 });
    const { id } = await node.pay.run(input(key), { key });
    await expect(node.ledger.resolve(id, { as, ...word })).rejects.toMatchObject({ code: "NOT_RESOLVABLE" });
    await expect.poll(async () => (await recordOf(node, key))?.state).toBe("MANUAL");
    const record = await node.ledger.resolve(id, { as, ...word });
    expect(record).toMatchObject({ state });
    expect(record.history.at(-1)).toMatchObject({ from: "MANUAL", evidence: word.reason, by: "kim" });
    expect(await shop.status(key)).toBe(status);
  }
});

test("a person's word that the business row cannot take changes nothing, and says why", async () => {
  const node = singleProvider(
    shop,
    {},
    {
      unknown: { ...retries, manualAfter: "10ms" },
      definition: {
        commit: () => {
          throw new Error("sold out");
        },
      },
    },
  );
  shop.a.modes.set("l13", { charge: "replyLost", failInquiries: 1_000 });
  node.ledger.start();
  await node.pay.run(input("l13"), { key: "l13" });
  await expect.poll(async () => (await recordOf(node, "l13"))?.state).toBe("MANUAL");
  await expect(
    node.ledger.resolve({ operation: "pay", key: "l13" }, { as: "committed", reason: "x", by: "kim" }),
  ).rejects.toThrow("sold out");
  expect(await recordOf(node, "l13")).toMatchObject({ state: "MANUAL" });
});

test('"not found" proves nothing of the time after it was asked', async () => {
  let asked = 0;
  let sentAt = 0;
  const { cancel: _, ...through } = paymentsThrough(() => shop.a.url);
  const node = shop.node({
    lease: "2s",
    unknown: { ...retries, onNotFound: "fail" },
    definition: {
      accept: "detect-only",
      providers: {
        a: {
          ...through,
          call: async () => {
            sentAt = performance.now();
            throw new Error("reset");
          },
          // Asked while the original might still arrive, and answered when it could no more.
          inquire: async () => {
            asked += 1;
            const leftMs = asked === 1 ? sentAt + 2_200 - performance.now() : 0;
            await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
            return { status: "notFound" };
          },
          capabilities: { maxInFlight: "50ms" },
        },
      },
    },
  });
  await node.pay.run(input("l14"), { key: "l14" });
  await new Promise((resolve) => setTimeout(resolve, 600));
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "l14")).toMatchObject({
    state: "FAILED",
    failure: { code: "OUTCOME_UNKNOWN" },
  });
  expect(asked).toBeGreaterThanOrEqual(2);
  expect(await shop.status("l14")).toBe("void");
});

test("what was sent late, with a lease that was renewed, is in flight from then on", async () => {
  let sentAt = 0;
  const { cancel: _, ...through } = paymentsThrough(() => shop.a.url);
  const node = shop.node({
    lease: "1s",
    unknown: { ...retries, onNotFound: "fail" },
    // A worker that stood still for longer than its lease, and whose operation nobody has taken.
    onStep: async (name) => {
      if (name === "call.before" && sentAt === 0) await new Promise((resolve) => setTimeout(resolve, 1_500));
    },
    definition: {
      accept: "detect-only",
      providers: {
        a: {
          ...through,
          call: async () => {
            sentAt = performance.now();
            throw new Error("reset");
          },
          // It takes effect while it may still be in flight by what is declared.
          inquire: async () => (performance.now() - sentAt < 300 ? { status: "notFound" } : found("l15")),
          capabilities: { maxInFlight: "400ms" },
        },
      },
    },
  });
  await node.pay.run(input("l15"), { key: "l15" });
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "l15")).toMatchObject({ state: "DONE" });
  expect(await shop.status("l15")).toBe("paid");
});
