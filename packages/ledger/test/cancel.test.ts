import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { paymentsThrough } from "./support/payments.ts";
import { useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_cancel");
const retries = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms" } as const;
const input = (id: string) => ({ id, amount: 1 });
const asked = { reason: "the customer changed her mind", by: "customer 7" } as const;
const at = (key: string) => ({ operation: "pay", key });

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

test("what was not sent is abandoned without a call, and the history says who and why", async () => {
  const node = shop.node();
  await node.pay.enqueue(input("c1"), { key: "c1" });
  expect(await node.ledger.cancel(at("c1"), asked)).toMatchObject({ state: "READY", cancelRequested: true });
  node.ledger.start();
  await shop.settled(node);
  expect(await shop.status("c1")).toBe("void");
  expect(shop.a.requests.filter((request) => request.endsWith(" c1"))).toEqual([]);
  const record = await recordOf(node, "c1");
  expect(record).toMatchObject({ state: "CANCELLED", failure: { code: "CANCELLED" } });
  expect(record?.history.find(({ why }) => why === "cancelRequested")).toMatchObject({
    evidence: asked.reason,
    by: asked.by,
  });
});

test("a worker that was about to send hears of the cancel in its write, and sends nothing", async () => {
  const claimed = gate();
  const go = gate();
  const sender = shop.node({
    onStep: async (name) => {
      if (name !== "resolve.claimed") return;
      claimed.open();
      await go.passed;
    },
  });
  await sender.pay.enqueue(input("c2"), { key: "c2" });
  sender.ledger.start();
  await claimed.passed;
  await shop.node().ledger.cancel(at("c2"), asked);
  go.open();
  await shop.settled(sender);
  expect(shop.a.requests).not.toContain("/charge c2");
  expect(await shop.status("c2")).toBe("void");
});

test.each([
  ["succeeds", "ok", "CANCELLED"],
  ["is declined", "declined", "FAILED"],
  ["is lost", "replyLost", "CANCELLED"],
] as const)(
  "a cancel while the call is under way, which %s, leaves nothing charged",
  async (_, charge, state) => {
    const sent = gate();
    const go = gate();
    const key = `c3.${charge}`;
    shop.a.modes.set(key, { charge });
    const node = shop.node({
      onStep: async (name) => {
        if (name !== "call.after") return;
        sent.open();
        await go.passed;
      },
    });
    const running = node.pay.run(input(key), { key });
    await sent.passed;
    expect(await node.ledger.cancel(at(key), asked)).toMatchObject({
      state: "SENDING",
      cancelRequested: true,
    });
    go.open();
    await running;
    node.ledger.start();
    await shop.settled(node);
    expect(await recordOf(node, key)).toMatchObject({ state });
    expect(await shop.status(key)).toBe("void");
    expect(shop.a.activeCharges(key)).toBe(0);
    // The other provider is not asked for what nobody wants any more.
    expect(shop.b.requests).not.toContain(`/charge ${key}`);
  },
);

test("an unknown outcome is cancelled without asking where the cancel stops a late original", async () => {
  const node = shop.node({ unknown: { ...retries, notFoundAfter: "1h" } });
  shop.a.modes.set("c4", { charge: "late", lateMs: 300, failInquiries: 1_000 });
  const caller = new AbortController();
  const running = node.pay.run(input("c4"), { key: "c4", signal: caller.signal });
  await expect.poll(() => shop.a.requests).toContain("/charge c4");
  caller.abort();
  expect(await running).toMatchObject({ status: "pending" });
  await node.ledger.cancel(at("c4"), asked);
  node.ledger.start();
  await shop.settled(node);
  await shop.a.quiet();
  expect(await recordOf(node, "c4")).toMatchObject({ state: "CANCELLED" });
  expect(shop.a.requests).not.toContain("/inquire c4");
  expect(shop.a.activeCharges("c4")).toBe(0);
});

test("where the cancel does not stop a late original it waits until the effect is found", async () => {
  const through = paymentsThrough(() => shop.a.url);
  const node = singleProvider(
    shop,
    { ...through, capabilities: { idempotencyKey: { window: "1d" } } },
    { unknown: { ...retries, onNotFound: "resend" } },
  );
  shop.a.modes.set("c5", { charge: "late", lateMs: 400 });
  const caller = new AbortController();
  const running = node.pay.run(input("c5"), { key: "c5", signal: caller.signal });
  await expect.poll(() => shop.a.requests).toContain("/charge c5");
  caller.abort();
  await running;
  await node.ledger.cancel(at("c5"), asked);
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "c5")).toMatchObject({ state: "CANCELLED", attempt: 1 });
  expect(shop.a.activeCharges("c5")).toBe(0);
});

test("what the provider cannot undo is committed when it is found", async () => {
  const { cancel: _, ...through } = paymentsThrough(() => shop.a.url);
  const node = shop.node({
    unknown: retries,
    definition: {
      accept: "detect-only",
      providers: { a: { ...through, capabilities: { idempotencyKey: { window: "1d" } } } },
    },
  });
  shop.a.modes.set("c6", { charge: "replyLost" });
  await node.pay.run(input("c6"), { key: "c6" });
  await node.ledger.cancel(at("c6"), asked);
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "c6")).toMatchObject({ state: "DONE", cancelRequested: true });
  expect(await shop.status("c6")).toBe("paid");
});

test("what is committed is undone at the provider, and its order voided after all", async () => {
  const node = shop.node();
  expect(await node.pay.run(input("c7"), { key: "c7" })).toMatchObject({ status: "committed" });
  expect(await node.ledger.cancel(at("c7"), asked)).toMatchObject({ state: "CANCELLING", intent: "CANCEL" });
  expect(await shop.status("c7")).toBe("paid");
  node.ledger.start();
  await shop.settled(node);
  const record = await recordOf(node, "c7");
  expect(record).toMatchObject({ state: "CANCELLED", intent: "CANCEL", failure: { code: "CANCELLED" } });
  expect(record?.history.find(({ from }) => from === "DONE")).toMatchObject({
    why: "cancelRequested",
    evidence: asked.reason,
    by: asked.by,
  });
  expect(await shop.status("c7")).toBe("void");
  expect(shop.a.activeCharges("c7")).toBe(0);
  expect(await node.pay.run(input("c7"), { key: "c7" })).toMatchObject({ status: "abandoned" });
});

test("a committed operation that was moved out of the way comes back to be undone", async () => {
  const node = shop.node({ retention: { moveAfter: "0ms" } });
  await node.pay.run(input("c7.old"), { key: "c7.old" });
  await node.ledger.tidy();
  const { table, instant, query } = shop.database;
  await query(`update ${table("operation_archive")} set copied_at = ${instant(-86_400_000)}`);
  const { moved } = await node.ledger.tidy();
  expect(moved).toBeGreaterThanOrEqual(1);
  expect(await node.ledger.cancel(at("c7.old"), asked)).toMatchObject({ state: "CANCELLING" });
  node.ledger.start();
  await shop.settled(node);
  expect(await shop.status("c7.old")).toBe("void");
  expect(shop.a.activeCharges("c7.old")).toBe(0);
});

test("a committed operation whose cancel the provider refuses for good is a person's, and cannot be committed again", async () => {
  const node = singleProvider(
    shop,
    {
      cancel: () => {
        throw new Failure("already settled", { code: "SETTLED", effect: "none", kind: "refused" });
      },
    },
    { unknown: retries },
  );
  await node.pay.run(input("c7.late"), { key: "c7.late" });
  await node.ledger.cancel(at("c7.late"), asked);
  node.ledger.start();
  await shop.settled(node);
  expect(await recordOf(node, "c7.late")).toMatchObject({
    state: "MANUAL",
    intent: "CANCEL",
    lastError: { code: "SETTLED" },
  });
  expect(await shop.status("c7.late")).toBe("paid");
  const word = { reason: "refunded at the bank's desk", by: "kim" } as const;
  await expect(node.ledger.resolve(at("c7.late"), { as: "committed", ...word })).rejects.toThrow(
    "cancel has been begun",
  );
  await node.ledger.resolve(at("c7.late"), { as: "abandoned", ...word });
  expect(await shop.status("c7.late")).toBe("void");
});

test("where the provider has no cancel, or is not known here, the cancel of a commit is refused, and told what to do instead", async () => {
  const { cancel: _, ...through } = paymentsThrough(() => shop.a.url);
  const node = shop.node({
    definition: {
      accept: "detect-only",
      providers: { a: { ...through, capabilities: { idempotencyKey: { window: "1d" } } } },
    },
  });
  await node.pay.run(input("c7.no"), { key: "c7.no" });
  const cancelling = node.ledger.cancel(at("c7.no"), asked);
  await expect(cancelling).rejects.toMatchObject({ code: "NOT_CANCELLABLE", effect: "none" });
  await expect(cancelling).rejects.toThrow("such as a refund, with a key of its own");
  const stranger = shop.node({ operation: "another" });
  await expect(stranger.ledger.cancel(at("c7.no"), asked)).rejects.toThrow("not defined in this process");
  expect(await recordOf(node, "c7.no")).toMatchObject({ state: "DONE", cancelRequested: false });
  expect(await shop.status("c7.no")).toBe("paid");
});

test("a cancel needs an operation, a reason and a name; a second one changes nothing", async () => {
  const node = shop.node();
  await expect(node.ledger.cancel(at("none"), asked)).rejects.toMatchObject({ code: "NOT_CANCELLABLE" });
  await node.pay.enqueue(input("c8"), { key: "c8" });
  await expect(node.ledger.cancel(at("c8"), { reason: " ", by: "x" })).rejects.toThrow("cancel.reason");
  await expect(node.ledger.cancel(at("c8"), { reason: "x" } as never)).rejects.toThrow("cancel.by");
  await node.ledger.cancel(at("c8"), asked);
  const twice = await node.ledger.cancel(at("c8"), { reason: "again", by: "somebody" });
  expect(twice.history.filter(({ why }) => why === "cancelRequested")).toHaveLength(2);
  node.ledger.start();
  await shop.settled(node);
  expect(await node.ledger.cancel(at("c8"), asked)).toMatchObject({ state: "CANCELLED" });
  expect(await shop.status("c8")).toBe("void");
});

test("an operation in MANUAL that is cancelled goes back to work, and is undone", async () => {
  const node = singleProvider(shop, {}, { unknown: { ...retries, manualAfter: "20ms" } });
  shop.a.modes.set("c9", { charge: "replyLost", failInquiries: 1_000 });
  node.ledger.start();
  await node.pay.run(input("c9"), { key: "c9" });
  await expect.poll(async () => (await recordOf(node, "c9"))?.state).toBe("MANUAL");
  await node.ledger.cancel(at("c9"), asked);
  await shop.settled(node);
  expect(await recordOf(node, "c9")).toMatchObject({ state: "CANCELLED" });
  expect(shop.a.activeCharges("c9")).toBe(0);
});

test("a cancel that reaches an operation whose cancel is under way is noted", async () => {
  const node = singleProvider(
    shop,
    {
      cancel: () => {
        throw new Error("down");
      },
    },
    {
      unknown: { ...retries, retryFirst: "1h", retryMax: "1h" },
      definition: {
        commit: () => {
          throw new Error("sold out");
        },
      },
    },
  );
  node.ledger.start();
  await node.pay.run(input("c10"), { key: "c10" });
  await expect.poll(async () => (await recordOf(node, "c10"))?.lastError?.message).toBe("down");
  const record = await node.ledger.cancel(at("c10"), asked);
  expect(record).toMatchObject({ state: "CANCELLING" });
  expect(record.history.at(-1)).toMatchObject({ why: "cancelRequested", by: asked.by });
  await node.ledger.stop();
});
