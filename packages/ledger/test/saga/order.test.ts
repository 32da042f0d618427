import { expect, test } from "vitest";
import { useAnyShop } from "../support/shop.ts";
import { ended, keyAt, type StepName, standing, tripNode } from "./support.ts";

const shop = useAnyShop("ledger_saga");
const all: readonly StepName[] = ["flight", "hotel", "car", "pay"];

/** The calls of one trip that reached the provider, in their order. */
const callsOf = (id: string): readonly string[] =>
  shop.a.requests
    .filter((request) => request.includes(`:${id}:`))
    .map((request) => request.replace(`trip:${id}:`, ""));

test("its steps are done one after the other, and all of them stand when it is committed", async () => {
  const node = tripNode(shop);
  const trip = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]);
  const outcome = await trip.run({ id: "s1" }, { key: "s1" });
  expect(outcome).toMatchObject({
    status: "committed",
    result: {
      flight: { charge: keyAt("trip", "flight", "s1") },
      pay: { charge: keyAt("trip", "pay", "s1") },
    },
  });
  expect(callsOf("s1")).toEqual(["/charge flight", "/charge hotel", "/charge pay"]);
  expect(await standing(shop, "s1", ["flight", "hotel", "pay"])).toEqual({
    flight: "1 paid",
    hotel: "1 paid",
    pay: "1 paid",
  });
});

test("what is refused turns it back: all that was done is undone in reverse order, and nothing of it stands", async () => {
  const node = tripNode(shop);
  const trip = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")], {
    // Nothing of it waits: what is to be undone is undone at once.
    retryFirst: "30s",
  });
  shop.a.modes.set(keyAt("trip", "pay", "s2"), { charge: "declined" });
  const outcome = await trip.run({ id: "s2" }, { key: "s2" });
  expect(outcome).toMatchObject({
    status: "abandoned",
    failure: { step: "pay", code: "CARD_DECLINED", kind: "refused", effect: "none" },
  });
  expect(callsOf("s2")).toEqual([
    "/charge flight",
    "/charge hotel",
    "/charge pay",
    "/cancel hotel",
    "/cancel flight",
  ]);
  expect(await standing(shop, "s2", ["flight", "hotel", "pay"])).toEqual({
    flight: "0 void",
    hotel: "0 void",
    pay: "0 void",
  });
});

test("a step whose outcome is unknown is settled by a worker, which wakes the saga", async () => {
  const node = tripNode(shop);
  const trip = node.saga([node.step("flight"), node.step("hotel"), node.step("pay")], { retryFirst: "30s" });
  shop.a.modes.set(keyAt("trip", "hotel", "s3"), { charge: "replyLost" });
  node.ledger.start();
  await trip.run({ id: "s3" }, { key: "s3" });
  expect(await ended(node, "s3")).toBe("DONE");
  expect(await standing(shop, "s3", ["flight", "hotel", "pay"])).toEqual({
    flight: "1 paid",
    hotel: "1 paid",
    pay: "1 paid",
  });
});

test("steps of a group are sent side by side, and the next one waits for all of them", async () => {
  const node = tripNode(shop);
  const trip = node.saga([node.step("flight"), [node.step("hotel"), node.step("car")], node.step("pay")]);
  shop.a.modes.set(keyAt("trip", "hotel", "s4"), { charge: "late", lateMs: 60 });
  node.ledger.start();
  await trip.run({ id: "s4" }, { key: "s4" });
  expect(await ended(node, "s4")).toBe("DONE");
  const calls = callsOf("s4").filter((call) => call.startsWith("/charge"));
  expect(calls[0]).toBe("/charge flight");
  expect([...calls.slice(1, 3)].sort()).toEqual(["/charge car", "/charge hotel"]);
  expect(calls[3]).toBe("/charge pay");
  expect(await standing(shop, "s4", all)).toEqual({
    flight: "1 paid",
    hotel: "1 paid",
    car: "1 paid",
    pay: "1 paid",
  });
});
