import { expect, test } from "vitest";
import { useAnyShop } from "../support/shop.ts";
import { type Booked, type Trip, tripNode } from "./support.ts";

const shop = useAnyShop("ledger_saga_definition");

test("a definition that cannot be kept is refused where it is made, with what to change", () => {
  const node = tripNode(shop, { final: ["mail", "car"] });
  const { step, saga } = node;
  const input = (): object => ({});
  const refused: readonly [() => unknown, string][] = [
    [() => saga([]), "steps must be a list of at least one step"],
    [() => saga([[]]), "steps[0] is a group without a step"],
    [() => saga([step("flight"), step("flight")]), 'there are two steps of the name "flight"'],
    [() => saga([step("flight"), [step("hotel"), step("flight")]]), 'two steps of the name "flight"'],
    [() => saga([step("flight", { name: "flight:1" as never })]), "steps[0].name must be 1 to 40 letters"],
    [
      () => saga([{ name: "pay", operation: { name: "nobody's" }, input }]),
      "must be an operation of this ledger",
    ],
    [
      () => saga([{ name: "pay", operation: undefined as never, input }]),
      "steps[0].operation must be an operation",
    ],
    [() => saga([step("mail"), step("pay")]), "steps[0] has no way back"],
    [() => saga([[step("mail"), step("pay")]]), "steps[0][0] has no way back"],
    [() => saga([step("flight", { needs: ["pay"] }), step("pay")]), '"flight", "pay" wait for each other'],
    [() => saga([step("flight", { needs: ["flight"] })]), '"flight" wait for each other'],
    [() => saga([step("flight"), step("pay", { needs: ["hotle" as never] })]), 'there is no step "hotle"'],
    [() => saga([step("flight", { pivot: true }), step("pay", { pivot: true })]), "a second pivot"],
    [() => saga([[step("flight", { pivot: true }), step("pay")]]), "neither before nor after the pivot"],
    [() => saga([step("flight", { pivot: "yes" as never })]), "steps[0].pivot must be true or false"],
    [() => saga([step("flight", { input: 1 as never })]), "steps[0].input"],
    [() => saga([step("flight", { inputs: 1 } as never)]), "inputs"],
    [
      () => saga([step("flight", { undo: { operation: { name: "x" }, input } })]),
      "undo.operation must be an operation",
    ],
    [() => saga([step("flight")], { version: 0 }), "version"],
    [() => saga([step("flight")], { version: 1.5 }), "version"],
    [() => saga([step("flight")], { retryMax: 5 as never }), "retryMax"],
    [() => node.ledger.saga<Trip, Booked>("a:b", { version: 1, steps: [step("flight")] }), "a saga's name"],
    [
      () => node.ledger.saga<Trip, Booked>("x".repeat(61), { version: 1, steps: [step("flight")] }),
      "a saga's name",
    ],
    [() => node.ledger.saga("trip", { version: 1, stepz: [] } as never), 'did you mean "steps"?'],
  ];
  for (const [make, message] of refused) expect(make, message).toThrow(message);
  saga([step("flight")]);
  expect(() => saga([step("hotel")])).toThrow('saga "trip" of version 1 is already defined');
  expect(() => saga([step("hotel")], { version: 2 })).not.toThrow();
});

test("a last step needs no way back, nor does what comes after the pivot", () => {
  const node = tripNode(shop, { final: ["mail", "car"], trip: "lasting" });
  const { step, saga } = node;
  expect(() => saga([step("flight"), step("mail")])).not.toThrow();
  expect(() =>
    saga([step("flight"), step("pay", { pivot: true }), [step("mail"), step("car")]], { version: 2 }),
  ).not.toThrow();
});

test("a key is refused that leaves no room for its steps' keys, and one that was used for something else", async () => {
  const node = tripNode(shop, { trip: "keyed" });
  const trip = node.saga([node.step("flight")]);
  await expect(trip.run({ id: "k1" }, { key: "x".repeat(129) })).rejects.toMatchObject({
    code: "KEY_INVALID",
    effect: "none",
  });
  await expect(trip.run({ id: "k1" }, { key: "" })).rejects.toMatchObject({ code: "KEY_INVALID" });
  await expect(trip.run({ id: new Date() } as never, { key: "k1" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
  });
  await expect(trip.run({ id: "k1" }, { key: "k1", tx: 1 } as never)).rejects.toThrow("tx");
  const long = "y".repeat(128);
  expect(await trip.run({ id: "k1" }, { key: long })).toMatchObject({ status: "committed" });
  expect(await trip.run({ id: "k1" }, { key: long })).toMatchObject({ status: "committed" });
  await expect(trip.run({ id: "k2" }, { key: long })).rejects.toMatchObject({
    code: "KEY_REUSED",
    effect: "none",
  });
});

test("a first step that cannot be begun leaves nothing, and its caller hears why", async () => {
  const node = tripNode(shop, { trip: "first" });
  const input = (): never => {
    throw new RangeError("no such trip");
  };
  const trip = node.saga([node.step("flight", { input })]);
  await expect(trip.run({ id: "f1" }, { key: "f1" })).rejects.toThrow("no such trip");
  expect(await trip.find("f1")).toBeUndefined();
});
