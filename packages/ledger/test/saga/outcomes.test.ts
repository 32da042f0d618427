import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import type { Mode } from "../support/provider.ts";
import { useAnyShop } from "../support/shop.ts";
import { ended, keyAt, rowOf, type StepName, standing, tripNode } from "./support.ts";

const shop = useAnyShop("ledger_saga_outcomes");
const all: readonly StepName[] = ["flight", "hotel", "pay"];
const asked = { reason: "the customer changed her mind", by: "customer 7" } as const;
const nothing = { flight: "0 void", hotel: "0 void", pay: "0 void" };
const everything = { flight: "1 paid", hotel: "1 paid", pay: "1 paid" };

const modes: readonly (readonly [string, Mode, "DONE" | "COMPENSATED"])[] = [
  ["is refused", { charge: "declined" }, "COMPENSATED"],
  ["loses its answer", { charge: "replyLost" }, "DONE"],
  ["loses its answer, and cannot be asked twice", { charge: "replyLost", failInquiries: 2 }, "DONE"],
  ["arrives late", { charge: "late", lateMs: 250 }, "COMPENSATED"],
];
const cases = modes.flatMap(([name, mode, end]) => all.map((step) => [step, name, mode, end] as const));

test.each(cases)("%s %s: all of the saga stands in the end, or nothing", async (step, name, mode, end) => {
  const trip = `o-${step}-${name.replaceAll(/[^a-z]/g, "")}`;
  const node = tripNode(shop, { trip });
  const saga = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]);
  const key = keyAt(trip, step, trip);
  shop.a.modes.set(key, { ...mode });
  node.ledger.start();
  await saga.run({ id: trip }, { key: trip });
  const state = await ended(node, trip, trip);
  await shop.a.quiet();
  // What is late may be found before it is cancelled: then all of it stands.
  if (mode.charge !== "late") expect(state).toBe(end);
  const reached = await standing(shop, trip, all, trip);
  if (state === "DONE") expect(reached).toEqual(everything);
  else for (const each of Object.values(reached)) expect(["0 void", "0 none"]).toContain(each);
});

test("a step that was late, and is then found, is kept waiting for, and nothing is undone meanwhile", async () => {
  const trip = "unknown";
  const node = tripNode(shop, { trip });
  const saga = node.saga([[node.step("flight"), node.step("hotel")], node.step("pay")]);
  // One is refused at once; the other one's outcome is unknown until its inquiry answers again.
  shop.a.modes.set(keyAt(trip, "flight", trip), { charge: "declined" });
  shop.a.modes.set(keyAt(trip, "hotel", trip), { charge: "replyLost", loseCancelReplies: 3 });
  node.ledger.start();
  await saga.run({ id: trip }, { key: trip });
  expect(await ended(node, trip, trip)).toBe("COMPENSATED");
  expect(await standing(shop, trip, ["flight", "hotel"], trip)).toEqual({
    flight: "0 void",
    hotel: "0 void",
  });
});

test("a step that an operation of its own undoes is undone by it, with what the step had come to", async () => {
  const trip = "refunds";
  const node = tripNode(shop, { trip, final: ["flight"] });
  const seen: unknown[] = [];
  const undo = {
    operation: node.operations.refund,
    input: ({ input, results }: { input: { id: string }; results: { flight: unknown } }) => {
      seen.push(results.flight);
      return { id: rowOf(input.id, "refund"), amount: 1 };
    },
  };
  const saga = node.saga([node.step("flight", { undo }), node.step("pay")]);
  shop.a.modes.set(keyAt(trip, "pay", "r1"), { charge: "declined" });
  expect(await saga.run({ id: "r1" }, { key: "r1" })).toMatchObject({
    status: "abandoned",
    failure: { step: "pay" },
  });
  expect(seen).toEqual([{ charge: keyAt(trip, "flight", "r1") }]);
  expect(await shop.status(rowOf("r1", "refund"))).toBe("paid");
  expect(shop.a.activeCharges(keyAt(trip, "flight", "r1", "~undo"))).toBe(1);
});

test("an undoing that is refused is tried again with a new key, until a person has to look; a retry goes on", async () => {
  const trip = "refused-undo";
  const node = tripNode(shop, { trip, final: ["flight"] });
  const undo = {
    operation: node.operations.refund,
    input: ({ input, tries }: { input: { id: string }; tries: number }) => ({
      id: `${rowOf(input.id, "refund")}/${tries}`,
      amount: 1,
    }),
  };
  const saga = node.saga([node.step("flight", { undo }), node.step("pay")], { manualAfter: "50ms" });
  shop.a.modes.set(keyAt(trip, "pay", "r2"), { charge: "declined" });
  const undoes = (tries: number): string =>
    keyAt(trip, "flight", "r2", tries === 1 ? "~undo" : `~undo~${tries}`);
  for (let tries = 1; tries <= 40; tries += 1) shop.a.modes.set(undoes(tries), { charge: "declined" });
  node.ledger.start();
  await saga.run({ id: "r2" }, { key: "r2" });
  await expect.poll(async () => (await saga.find("r2"))?.state, { timeout: 15_000 }).toBe("MANUAL");
  const { sagas } = await node.ledger.snapshot();
  expect(sagas.find((each) => each.saga === trip)).toMatchObject({
    version: 1,
    states: { MANUAL: 1, RUNNING: 0 },
  });
  for (let tries = 1; tries <= 40; tries += 1) shop.a.modes.delete(undoes(tries));
  await saga.retry("r2", { reason: "the bank is back", by: "kim" });
  expect(await ended(node, "r2", trip)).toBe("COMPENSATED");
  const record = await saga.find("r2");
  expect(record?.history.find(({ why }) => why === "operatorRetry")).toMatchObject({
    evidence: "the bank is back",
    by: "kim",
  });
  expect(record?.steps.filter(({ what }) => what === "undo").length).toBeGreaterThanOrEqual(6);
});

test("a compensation that the provider refuses for good is a person's, visible, and the saga goes on once it is mended", async () => {
  const trip = "settled";
  let settled = true;
  const through = (await import("../support/payments.ts")).paymentsThrough(() => shop.a.url);
  const node = tripNode(shop, {
    trip,
    definitions: {
      hotel: {
        providers: {
          a: {
            ...through,
            async cancel(order, info) {
              if (settled)
                throw new Failure("already settled", { code: "SETTLED", effect: "none", kind: "refused" });
              await through.cancel?.(order, info);
            },
          },
        },
      },
    },
  });
  const saga = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]);
  shop.a.modes.set(keyAt(trip, "pay", "m1"), { charge: "declined" });
  node.ledger.start();
  await saga.run({ id: "m1" }, { key: "m1" });
  await expect.poll(async () => (await saga.find("m1"))?.state).toBe("MANUAL");
  // What needs it is not undone either: the order is kept.
  expect(await standing(shop, "m1", ["flight", "hotel"], trip)).toEqual({
    flight: "1 paid",
    hotel: "1 paid",
  });
  const moves = node.events.filter((event) => event.type === "sagaMoved").map(({ to }) => to);
  expect(moves).toEqual(["RUNNING", "COMPENSATING", "MANUAL"]);
  settled = false;
  await saga.retry("m1", { reason: "the hotel agreed" });
  expect(await ended(node, "m1", trip)).toBe("COMPENSATED");
  expect(await standing(shop, "m1", all, trip)).toEqual(nothing);
});

test("what a person says of a step in MANUAL is heard by its saga", async () => {
  const trip = "word";
  const node = tripNode(shop, {
    trip,
    definitions: {
      hotel: { unknown: { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms", manualAfter: "30ms" } },
    },
  });
  const saga = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]);
  const hotel = keyAt(trip, "hotel", "w1");
  shop.a.modes.set(hotel, { charge: "replyLost", failInquiries: 1_000_000 });
  node.ledger.start();
  await saga.run({ id: "w1" }, { key: "w1" });
  await expect.poll(async () => (await saga.find("w1"))?.state).toBe("MANUAL");
  await node.ledger.resolve(
    { operation: `${trip}.hotel`, key: hotel },
    { as: "committed", result: { charge: hotel }, reason: "seen at the hotel", by: "kim" },
  );
  expect(await ended(node, "w1", trip)).toBe("DONE");
  expect(await standing(shop, "w1", all, trip)).toEqual(everything);
});

test("beyond the pivot it only goes forward: what is refused is tried again, and a cancel comes too late", async () => {
  const trip = "pivot";
  const node = tripNode(shop, { trip, final: ["mail"] });
  const saga = node.saga(
    [
      node.step("flight"),
      node.step("pay", { pivot: true }),
      node.step("mail", {
        input: ({ input, tries }) => ({ id: `${rowOf(input.id, "mail")}/${tries}`, amount: 1 }),
      }),
    ],
    { retryFirst: "1h", retryMax: "1h" },
  );
  for (const suffix of ["", "~2"])
    shop.a.modes.set(keyAt(trip, "mail", "p1", suffix), { charge: "declined" });
  const mails = async (): Promise<unknown> =>
    (await saga.find("p1"))?.steps.filter(({ step }) => step === "mail").map(({ state }) => state);
  node.ledger.start();
  expect(await saga.run({ id: "p1" }, { key: "p1" })).toMatchObject({ status: "pending" });
  expect(await mails()).toEqual(["FAILED"]);
  // Whoever has it look again does not have to wait.
  await saga.cancel("p1", asked);
  await expect.poll(mails).toEqual(["FAILED", "FAILED"]);
  await saga.retry("p1", { reason: "the mail server is back" });
  expect(await ended(node, "p1", trip)).toBe("DONE");
  expect(await mails()).toEqual(["FAILED", "FAILED", "DONE"]);
  expect(shop.a.activeCharges(keyAt(trip, "flight", "p1"))).toBe(1);
  expect(shop.a.activeCharges(keyAt(trip, "pay", "p1"))).toBe(1);
});

test("a saga that somebody cancels on its way is undone, and the one that is committed is not", async () => {
  const trip = "cancelled";
  let reached = (): void => {};
  const paying = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  let calls = 0;
  const node = tripNode(shop, {
    trip,
    onStep: async (name) => {
      if (name !== "call.after" || ++calls !== 2) return;
      reached();
      await gate;
    },
  });
  const saga = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]);
  const running = saga.run({ id: "c1" }, { key: "c1" });
  await paying;
  expect(await saga.cancel("c1", asked)).toMatchObject({ state: "RUNNING", cancelRequested: true });
  go();
  await running;
  node.ledger.start();
  expect(await ended(node, "c1", trip)).toBe("COMPENSATED");
  expect(await saga.run({ id: "c1" }, { key: "c1" })).toMatchObject({
    status: "abandoned",
    failure: { code: "CANCELLED" },
  });
  for (const each of Object.values(await standing(shop, "c1", all, trip)))
    expect(["0 void", "0 none"]).toContain(each);

  await saga.run({ id: "c2" }, { key: "c2" });
  await expect(saga.cancel("c2", asked)).rejects.toMatchObject({ code: "NOT_CANCELLABLE", effect: "none" });
  await expect(saga.cancel("nobody", asked)).rejects.toThrow("there is no such saga");
  await expect(saga.cancel("c2", { reason: "", by: "x" })).rejects.toThrow("cancel.reason");
  await expect(saga.retry("c2", { reason: "x" })).rejects.toMatchObject({ code: "NOT_RETRYABLE" });
});

test("a step that cannot be begun turns the saga back, with what was thrown", async () => {
  const trip = "rejected";
  const node = tripNode(shop, { trip });
  const saga = node.saga([
    node.step("flight"),
    node.step("pay", {
      input: () => {
        throw new Failure("no seat on that flight", { code: "NO_SEAT", effect: "none" });
      },
    }),
  ]);
  expect(await saga.run({ id: "j1" }, { key: "j1" })).toMatchObject({
    status: "abandoned",
    failure: { step: "pay", code: "NO_SEAT", message: "no seat on that flight" },
  });
  expect(await standing(shop, "j1", ["flight", "pay"], trip)).toEqual({ flight: "0 void", pay: "0 none" });
});

test("the result of a step that is not needed cannot be read, because it may not be there", async () => {
  const trip = "chance";
  const node = tripNode(shop, { trip });
  const saga = node.saga([
    [node.step("flight"), node.step("hotel")],
    node.step("pay", {
      needs: ["flight"],
      input: ({ input, results }) => ({
        id: rowOf(input.id, "pay"),
        amount: results.hotel === undefined ? 1 : 2,
      }),
    }),
  ]);
  expect(await saga.run({ id: "j2" }, { key: "j2" })).toMatchObject({
    status: "abandoned",
    failure: { step: "pay", message: expect.stringContaining('does not need step "hotel"') },
  });
});

test("a saga whose step's operation somebody has deleted is a person's, and the step is not begun again", async () => {
  const trip = "deleted";
  const node = tripNode(shop, { trip });
  const saga = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]);
  const hotel = keyAt(trip, "hotel", "d1");
  shop.a.modes.set(hotel, { charge: "replyLost" });
  await saga.run({ id: "d1" }, { key: "d1" });
  const { query, table } = shop.database;
  await query(`delete from ${table("operation")} where key = '${keyAt(trip, "flight", "d1")}'`);
  node.ledger.start();
  await expect.poll(async () => (await saga.find("d1"))?.state).toBe("MANUAL");
  const charges = shop.a.requests.filter((request) => request === `/charge ${keyAt(trip, "flight", "d1")}`);
  expect(charges).toHaveLength(1);
  expect((await saga.find("d1"))?.steps[0]).toMatchObject({ step: "flight", id: null, state: null });
});
