import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_strange");
const unknown = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms", manualAfter: "50ms" } as const;

const refusals: readonly [string, object][] = [
  ["a code that is a number", { status: "refused", code: 42, message: "no" }],
  ["a code with a NUL", { status: "refused", code: "NO\0NO", message: "no\0no" }],
  ["a message that is an object", { status: "refused", code: "NO", message: { text: "no" } }],
];

test.each(refusals)("an inquiry that refuses with %s is a refusal", async (name, answer) => {
  const key = `r${name.length}`;
  shop.a.mode = { charge: "replyLost" };
  const node = singleProvider(shop, { inquire: async () => answer }, { unknown });
  node.ledger.start();
  await node.pay.run({ id: key, amount: 1 }, { key });
  await shop.settled(node, 5_000);
  const record = await recordOf(node, key);
  expect(record).toMatchObject({ state: "FAILED", failure: { kind: "refused" } });
  expect(typeof record?.failure?.code).toBe("string");
  expect(typeof record?.failure?.message).toBe("string");
});

const thrown: readonly [string, () => unknown][] = [
  ["without a prototype", () => Object.create(null)],
  [
    "whose code cannot be read",
    () => ({
      get code() {
        throw new Error("no");
      },
    }),
  ],
  ["whose message is no text", () => Object.assign(new Error("x"), { message: 5n, code: "A\0B" })],
];

test.each(thrown)(
  "an inquiry that throws something %s is tried with waits, and ends with a person",
  async (name, make) => {
    const key = `t${name.length}`;
    let asked = 0;
    shop.a.mode = { charge: "replyLost" };
    const node = singleProvider(
      shop,
      {
        inquire: async () => {
          asked += 1;
          throw make();
        },
      },
      { unknown },
    );
    node.ledger.start();
    await node.pay.run({ id: key, amount: 1 }, { key });
    await shop.settled(node, 5_000);
    expect(await recordOf(node, key)).toMatchObject({ state: "MANUAL" });
    expect(asked).toBeGreaterThanOrEqual(5);
  },
);

test("an answer that throws when it is read is an inquiry that failed", async () => {
  shop.a.mode = { charge: "replyLost" };
  const answer = {
    get status() {
      throw new Error("revoked");
    },
  };
  const node = singleProvider(shop, { inquire: async () => answer }, { unknown });
  node.ledger.start();
  await node.pay.run({ id: "read", amount: 1 }, { key: "read" });
  await shop.settled(node, 5_000);
  expect(await recordOf(node, "read")).toMatchObject({ state: "MANUAL" });
});

test("a call that throws something strange leaves the outcome unknown, and the inquiry finds it", async () => {
  const node = singleProvider(
    shop,
    {
      call: async () => {
        await fetch(`${shop.a.url}/charge?key=strange`, { method: "POST" });
        throw Object.create(null);
      },
    },
    { unknown },
  );
  node.ledger.start();
  expect(await node.pay.run({ id: "strange", amount: 1 }, { key: "strange" })).toMatchObject({
    status: "pending",
  });
  await shop.settled(node);
  expect(await shop.status("strange")).toBe("paid");
});

test("what was learnt but can never be written is tried with waits, and ends with a person", async () => {
  await shop.database.forbid(
    "update",
    shop.database.table("operation"),
    "new.state = 'FAILED' and new.key = 'unwritable'",
  );
  shop.a.mode = { charge: "replyLost" };
  const node = singleProvider(shop, { inquire: async () => ({ status: "refused" }) }, { unknown });
  node.ledger.start();
  await node.pay.run({ id: "unwritable", amount: 1 }, { key: "unwritable" });
  await shop.settled(node, 5_000);
  expect(await recordOf(node, "unwritable")).toMatchObject({
    state: "MANUAL",
    lastError: { code: "WRITE_REJECTED", message: "what was learnt could not be written: no" },
  });
});
