import { Failure } from "@outrigger/core";
import type { OperationRecord } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { paymentsThrough } from "./support/payments.ts";
import { type AnyNode, type NodeOptions, useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_policies");

const retries = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms" } as const;
const through = paymentsThrough(() => shop.a.url);
const noBlocking = { ...through, capabilities: { idempotencyKey: { window: "1d" } } } as const;

/** A node with one provider of its own making. */
function single(provider: object, options: NodeOptions = {}): AnyNode {
  return shop.node({
    ...options,
    definition: { providers: { a: { ...through, ...provider } }, ...options.definition },
  });
}

const record = (node: AnyNode, key: string): Promise<OperationRecord | undefined> =>
  node.ledger.find({ operation: "pay", key });

test('"not found" is only "not yet" until the quiet period has passed', async () => {
  shop.a.mode = { charge: "hangBeforeApply" };
  const node = single({}, { lease: "300ms", unknown: { ...retries, notFoundAfter: "900ms" } });
  node.ledger.start();
  const startedAt = performance.now();
  await node.pay.run({ id: "q1", amount: 1 }, { key: "q1" });
  await shop.settled(node);
  expect(performance.now() - startedAt).toBeGreaterThan(880);
  expect(shop.a.requests.filter((request) => request === "/inquire q1").length).toBeGreaterThan(2);
  expect(await record(node, "q1")).toMatchObject({ state: "CANCELLED", intent: "CANCEL" });
});

test("with the policy to resend, the same key is sent again until it is answered", async () => {
  const node = single(noBlocking, { lease: "300ms", unknown: { ...retries, onNotFound: "resend" } });
  node.ledger.start();
  shop.a.mode = { charge: "hangBeforeApply" };
  expect(await node.pay.run({ id: "p1", amount: 1 }, { key: "p1" })).toMatchObject({ status: "pending" });
  shop.a.mode = {};
  await shop.settled(node);
  expect(await shop.status("p1")).toBe("paid");
  expect(shop.a.activeCharges("p1")).toBe(1);
  expect((await record(node, "p1"))?.attempt).toBeGreaterThanOrEqual(2);
});

test("a second send that had no effect says nothing of the first: no other provider is asked", async () => {
  let calls = 0;
  const a = {
    ...through,
    call: async (...args: Parameters<typeof through.call>) => {
      calls += 1;
      if (calls === 2)
        throw new Failure("breaker open", { code: "BREAKER_OPEN", effect: "none", kind: "rejected" });
      return await through.call(...args);
    },
  };
  const node = shop.node({
    lease: "300ms",
    unknown: { ...retries, onNotFound: "resend" },
    definition: { providers: { a, b: paymentsThrough(() => shop.b.url) } },
  });
  // Its original arrives only after the second send was rejected.
  shop.a.modes.set("p2", { charge: "late", lateMs: 900 });
  node.ledger.start();
  await node.pay.run({ id: "p2", amount: 1 }, { key: "p2" });
  await expect.poll(() => calls).toBeGreaterThanOrEqual(2);
  await shop.settled(node);
  await shop.a.quiet();
  expect(await shop.status("p2")).toBe("paid");
  expect(shop.a.activeCharges("p2")).toBe(1);
  expect(shop.b.requests).not.toContain("/charge p2");
});

test("once the provider has forgotten the key nothing is sent again, and a person is told", async () => {
  const node = single(
    { ...noBlocking, capabilities: { idempotencyKey: { window: "350ms" } } },
    { lease: "300ms", unknown: { ...retries, onNotFound: "resend", manualAfter: "100ms" } },
  );
  shop.a.mode = { charge: "hangBeforeApply" };
  node.ledger.start();
  await node.pay.run({ id: "p3", amount: 1 }, { key: "p3" });
  await shop.settled(node);
  expect(await record(node, "p3")).toMatchObject({ state: "MANUAL", attempt: 1 });
  expect(shop.a.requests.filter((request) => request === "/charge p3")).toHaveLength(1);
});

test("an inquiry that never answers ends with a person, who sees it in the snapshot", async () => {
  shop.a.mode = { charge: "replyLost", failInquiries: 1_000 };
  const node = single({}, { unknown: { ...retries, manualAfter: "50ms" } });
  node.ledger.start();
  expect(await node.pay.run({ id: "p4", amount: 1 }, { key: "p4" })).toMatchObject({ status: "pending" });
  await shop.settled(node);
  expect(await record(node, "p4")).toMatchObject({ state: "MANUAL" });
  expect(await shop.status("p4")).toBe("pending");
  expect(shop.a.requests.filter((request) => request === "/inquire p4").length).toBeGreaterThanOrEqual(5);
  const { states, oldestOpenMs } = await node.ledger.snapshot();
  expect(states.MANUAL).toBeGreaterThanOrEqual(1);
  expect(oldestOpenMs).toBeGreaterThan(0);
  expect(await node.pay.run({ id: "p4", amount: 1 }, { key: "p4" })).toMatchObject({ status: "pending" });
});

test("a cancel that is refused for good ends with a person", async () => {
  const node = single(
    {
      cancel: async () => {
        throw new Failure("already settled", { code: "ALREADY_SETTLED", effect: "none", kind: "refused" });
      },
    },
    {
      unknown: retries,
      definition: {
        commit: () => {
          throw new Error("sold out");
        },
      },
    },
  );
  node.ledger.start();
  await node.pay.run({ id: "p5", amount: 1 }, { key: "p5" });
  await shop.settled(node);
  const found = await record(node, "p5");
  expect(found).toMatchObject({ state: "MANUAL", intent: "CANCEL" });
  expect(found?.history.at(-1)).toMatchObject({
    why: "cancelRefused: ALREADY_SETTLED",
    evidence: "already settled",
  });
});

test("the cancel is told the key of the call, a key of its own, and the result as far as it is known", async () => {
  const seen: unknown[] = [];
  const node = single(
    {
      cancel: async (order: unknown, { key, cancelKey, result }: Record<string, unknown>) => {
        seen.push({ order, key, cancelKey, result });
      },
    },
    {
      unknown: retries,
      definition: {
        commit: () => {
          throw new Error("sold out");
        },
      },
    },
  );
  node.ledger.start();
  await node.pay.run({ id: "p6", amount: 3 }, { key: "p6" });
  await shop.settled(node);
  expect(seen).toEqual([
    { order: { id: "p6", amount: 3 }, key: "p6", cancelKey: "p6:cancel", result: { charge: "p6" } },
  ]);
});

test("a refusal is the customer's answer and goes to no other provider, unless the definition says so", async () => {
  shop.a.mode = { charge: "declined" };
  expect(await shop.node().pay.run({ id: "p7", amount: 1 }, { key: "p7" })).toMatchObject({
    status: "abandoned",
    failure: { code: "CARD_DECLINED" },
  });
  expect(shop.b.requests).not.toContain("/charge p7");
  const asksOn = shop.node({ definition: { failoverOnRefusal: true } });
  expect(await asksOn.pay.run({ id: "p7x", amount: 1 }, { key: "p7x" })).toMatchObject({
    status: "committed",
    provider: "b",
  });
});

test("a call by default has until one second before the end of a lease of 45 s", async () => {
  const deadlines: number[] = [];
  const node = single({
    call: async (_: unknown, { deadlineAtMs }: { readonly deadlineAtMs: number }) => {
      deadlines.push(deadlineAtMs - performance.now());
      return { charge: "x" };
    },
  });
  const startedAtMs = performance.now();
  await node.pay.run({ id: "p7y", amount: 1 }, { key: "p7y" });
  const tookMs = performance.now() - startedAtMs;
  expect(deadlines[0]).toBeLessThanOrEqual(44_000);
  expect(deadlines[0]).toBeGreaterThanOrEqual(44_000 - tookMs);
});

test("the wait that a provider asks for reaches the caller", async () => {
  shop.a.mode = { charge: "unavailable" };
  const node = single({});
  expect(await node.pay.run({ id: "p8", amount: 1 }, { key: "p8" })).toMatchObject({
    status: "abandoned",
    failure: { code: "BUSY", kind: "failed", effect: "none", retryAfterMs: 2_000 },
  });
});

test("only the providers that were chosen are asked, in the order chosen", async () => {
  const node = shop.node();
  expect(await node.pay.run({ id: "p9", amount: 1 }, { key: "p9", providers: ["b"] })).toMatchObject({
    provider: "b",
  });
  const strange = node.pay.run({ id: "p9x", amount: 1 }, { key: "p9x", providers: ["c"] });
  await expect(strange).rejects.toThrow('providers: "c" is not one of "a", "b"');
  expect(await shop.status("p9x")).toBeUndefined();
});

test("a caller who leaves during the call gets a pending outcome, and the operation is settled", async () => {
  shop.a.mode = { charge: "hangAfterApply" };
  const node = single({}, { lease: "5s", unknown: retries });
  node.ledger.start();
  const caller = new AbortController();
  const running = node.pay.run({ id: "p10", amount: 1 }, { key: "p10", signal: caller.signal });
  await expect.poll(() => shop.a.activeCharges("p10")).toBe(1);
  caller.abort();
  expect(await running).toMatchObject({ status: "pending" });
  await shop.settled(node);
  expect(await shop.status("p10")).toBe("paid");
  const late = node.pay.run({ id: "p10x", amount: 1 }, { key: "p10x", signal: caller.signal });
  await expect(late).rejects.toMatchObject({ code: "CALL_ABORTED", effect: "none" });
  expect(await shop.status("p10x")).toBeUndefined();
});

test("what prepare throws comes back as it is, with nothing stored and nothing sent", async () => {
  class SoldOut extends Error {}
  const node = shop.node({
    definition: {
      prepare: () => {
        throw new SoldOut();
      },
    },
  });
  await expect(node.pay.run({ id: "p11", amount: 1 }, { key: "p11" })).rejects.toBeInstanceOf(SoldOut);
  expect(await record(node, "p11")).toBeUndefined();
  expect(shop.a.requests).not.toContain("/charge p11");
});

test("a constraint that only the commit checks leads to the cancel", async ({ skip }) => {
  skip(!shop.database.defersConstraints, "this database checks constraints at once");
  await shop.database.query(
    "create table deferred (id text primary key, orders_id text references orders deferrable initially deferred)",
  );
  const node = single(
    {},
    {
      unknown: retries,
      definition: {
        async commit(tx, order) {
          await shop.database.run(
            tx,
            `insert into deferred (id, orders_id) values ('${order.id}', 'nobody')`,
          );
        },
      },
    },
  );
  node.ledger.start();
  await node.pay.run({ id: "p13", amount: 1 }, { key: "p13" });
  await shop.settled(node);
  expect(await shop.status("p13")).toBe("void");
  expect(shop.a.activeCharges("p13")).toBe(0);
});

test("strings that databases dislike come through whole", async () => {
  const amount = 1;
  const note = "NUL \0, lone \ud800 surrogate, %_ and ' quotes";
  const seen: unknown[] = [];
  const node = single({
    call: async (input: unknown) => {
      seen.push(input);
      return { charge: note };
    },
  });
  const outcome = await node.pay.run({ id: "p15", amount, note } as never, { key: "p15" });
  expect(seen).toEqual([{ id: "p15", amount, note }]);
  expect(outcome).toMatchObject({ status: "committed", result: { charge: note } });
  expect(await node.pay.run({ id: "p15", amount, note } as never, { key: "p15" })).toEqual(outcome);
});

test("every operation is exported with its history, as plain JSON, without what was sent", async () => {
  const node = shop.node();
  await node.pay.run({ id: "p16", amount: 424_242 }, { key: "p16" });
  const rows = [];
  for await (const row of node.ledger.export()) rows.push(row);
  const [count] = await shop.database.query(`select count(*) as n from ${shop.database.table("operation")}`);
  expect(rows).toHaveLength(Number(count?.["n"]));
  const mine = rows.find(({ key }) => key === "p16");
  expect(JSON.parse(JSON.stringify(mine))).toEqual(mine);
  expect(mine).toMatchObject({ operation: "pay", state: "DONE", provider: "a", attempt: 1 });
  expect(mine?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(JSON.stringify([mine, node.events])).not.toContain("424242");
});

test("a row cannot leave its fence, its one-way intent or its states behind the ledger's back", async () => {
  const node = shop.node();
  await node.pay.run({ id: "p17", amount: 1 }, { key: "p17" });
  const { table, instant, query } = shop.database;
  for (const change of ["intent = 'CANCEL'", "state = 'PAID'", `due_at = ${instant(0)}`]) {
    const update = query(`update ${table("operation")} set ${change} where key = 'p17'`);
    await expect(update).rejects.toThrow(/constraint/i);
  }
});
