import { VirtualClock } from "@outrigger/lab";
import { type AlarmChange, type AlarmOptions, createAlarms } from "@outrigger/ledger";
import { expect, test } from "vitest";
import type { Order } from "./support/payments.ts";
import { type AnyNode, type NodeOptions, useAnyShop } from "./support/shop.ts";
import { singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_alarms");
const inWon = { amount: (order: Order) => ({ value: order.amount, currency: "KRW" }) };

interface Watched {
  readonly clock: VirtualClock;
  readonly node: AnyNode;
  readonly heard: AlarmChange[];
  readonly alarms: ReturnType<typeof createAlarms>;
}

/** A ledger on a clock that stands still, with a schema of its own, so that no other test's operations count. */
async function watched(
  schema: string,
  options: Partial<AlarmOptions> = {},
  of: NodeOptions<unknown> = {},
): Promise<Watched> {
  const clock = new VirtualClock();
  const node = singleProvider(shop, {}, { schema, clock, definition: inWon, wakeUp: false, ...of });
  await node.ledger.migrate();
  const heard: AlarmChange[] = [];
  const alarms = createAlarms(node.ledger, { onAlarm: (change) => void heard.push(change), ...options });
  return { clock, node, heard, alarms };
}

/** An instant for `at`. */
const ago = (minutes: number): string => shop.database.instant(-minutes * 60_000);

async function at(schema: string, key: string, change: string): Promise<void> {
  const { query, table } = shop.database;
  await query(`update ${table("operation", schema)} set ${change} where key = '${key}'`);
}

const names = (heard: readonly AlarmChange[]): string[] => heard.map(({ type, alarm }) => `${type} ${alarm}`);

test("an outcome that stays unknown is told once, and once when it is over", async () => {
  const { clock, node, heard, alarms } = await watched("alarms_a", { every: "30s" });
  shop.a.mode = { charge: "replyLost" };
  await node.pay.run({ id: "u1", amount: 12_000 }, { key: "u1" });
  alarms.start();
  const looks = async (count: number): Promise<void> => {
    for (let look = 0; look < count; look += 1) {
      await clock.advance(30_000);
      await alarms.look();
    }
  };
  await looks(3);
  expect(heard).toEqual([]);
  expect(alarms.snapshot().atRisk).toMatchObject({
    operations: 1,
    manual: 0,
    amounts: [{ currency: "KRW", amount: "12000", operations: 1 }],
    unpriced: 0,
    partial: false,
  });

  await at("alarms_a", "u1", `unknown_since = ${ago(11)}`);
  await looks(3);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toMatchObject({
    type: "alarmRaised",
    alarm: "oldestUnknown",
    limit: "10m",
    dedupeKey: "outrigger/alarms_a/oldestUnknown",
  });
  expect(heard[0]?.message).toMatch(
    /^the oldest unknown outcome is (?:11m|66\ds) old \(limit 10m\); at risk: 1 operation, 12000 KRW$/,
  );
  expect(alarms.snapshot().raised).toHaveLength(1);

  node.ledger.start();
  await expect
    .poll(async () => {
      await clock.advance(250);
      return (await node.ledger.find({ operation: "pay", key: "u1" }))?.state;
    })
    .toBe("DONE");
  await looks(2);
  expect(names(heard)).toEqual(["alarmRaised oldestUnknown", "alarmCleared oldestUnknown"]);
  expect(heard[1]?.raisedAtMs).toBe(heard[0]?.raisedAtMs);
  expect(alarms.snapshot()).toMatchObject({ raised: [], atRisk: { operations: 0, oldestUnknownMs: null } });
  expect(node.events.filter(({ type }) => type.startsWith("alarm")).map(({ type }) => type)).toEqual([
    "alarmRaised",
    "alarmCleared",
  ]);
  await alarms.stop();
});

test("what waits for a person is told, also by its money, which is added up exactly", async () => {
  const { heard, alarms, node } = await watched(
    "alarms_b",
    { moneyAtRisk: { KRW: "30000", USD: "0.30" }, oldestUnknown: false },
    {
      definition: {
        amount: ({ id, amount }: Order) =>
          id.startsWith("usd") ? { value: "0.1", currency: "USD" } : { value: amount, currency: "KRW" },
      },
    },
  );
  shop.a.mode = { charge: "replyLost" };
  for (const [id, amount] of [
    ["krw1", 29_999],
    ["usd1", 0],
    ["usd2", 0],
  ] as const) {
    await node.pay.run({ id, amount }, { key: id });
  }
  await alarms.look();
  expect(heard).toEqual([]);
  await node.pay.run({ id: "usd3", amount: 0 }, { key: "usd3" });
  await node.pay.run({ id: "krw2", amount: 1 }, { key: "krw2" });
  await at("alarms_b", "krw2", "state = 'MANUAL', due_at = null");
  await alarms.look();
  await alarms.look();
  expect(heard.map(({ alarm, currency, value, limit }) => [alarm, currency, value, limit])).toEqual([
    ["manual", undefined, "1", "1"],
    ["moneyAtRisk", "KRW", "30000", "30000"],
    ["moneyAtRisk", "USD", "0.3", "0.3"],
  ]);
  expect(heard[0]?.message).toBe(
    "1 operation waits for a person (limit 1); at risk: 5 operations, 30000 KRW, 0.3 USD",
  );
});

test("an operation whose amount nobody can tell is counted as that, and spoils nothing", async () => {
  const { alarms, node } = await watched(
    "alarms_c",
    {},
    {
      definition: {
        amount: ({ id }: Order) => {
          if (id === "throws") throw new Error("no price");
          return id === "inexact" ? { value: 0.1 + 0.2, currency: "USD" } : { value: "5", currency: "EUR" };
        },
      },
    },
  );
  shop.a.mode = { charge: "replyLost" };
  for (const id of ["throws", "inexact", "fine"]) await node.pay.run({ id, amount: 1 }, { key: id });
  expect((await alarms.look()).atRisk).toMatchObject({
    operations: 3,
    unpriced: 2,
    amounts: [{ currency: "EUR", amount: "5", operations: 1 }],
  });
});

test("a send whose worker has died counts as unknown, one that is under way does not", async () => {
  const { heard, alarms, node } = await watched("alarms_d");
  for (const key of ["under-way", "orphan"]) {
    await node.pay.enqueue({ id: `d-${key}`, amount: 7 }, { key });
    await at(
      "alarms_d",
      key,
      `state = 'SENDING', sent_at = ${ago(20)}, due_at = ${ago(key === "orphan" ? 1 : -1)}`,
    );
  }
  const { atRisk } = await alarms.look();
  expect(atRisk).toMatchObject({ operations: 1, amounts: [{ amount: "7" }] });
  expect(names(heard)).toEqual(["alarmRaised oldestUnknown"]);
});

test("a ledger that cannot be looked at is an alarm itself, and clears no other", async () => {
  const { heard, alarms, node } = await watched("alarms_e");
  await node.pay.enqueue({ id: "e1", amount: 1 }, { key: "e1" });
  await at("alarms_e", "e1", "state = 'MANUAL', due_at = null");
  await alarms.look();
  const renamed = async (from: string, to: string): Promise<void> => {
    const { query, table } = shop.database;
    await query(
      `alter table ${table(from, "alarms_e")} rename to ${table(to, "alarms_e").split(".").at(-1)}`,
    );
  };
  await renamed("operation", "operation_gone");
  await alarms.look();
  expect(names(heard)).toEqual(["alarmRaised manual"]);
  await alarms.look();
  await alarms.look();
  await renamed("operation_gone", "operation");
  expect(alarms.snapshot().raised.map(({ alarm }) => alarm)).toEqual(["manual", "blind"]);
  await alarms.look();
  expect(names(heard)).toEqual(["alarmRaised manual", "alarmRaised blind", "alarmCleared blind"]);
});

test("a listener that throws stops nothing, and stop leaves no timer behind", async () => {
  const { clock, alarms, node } = await watched("alarms_f", {
    onAlarm: () => {
      throw new Error("pager is down");
    },
  });
  await node.pay.enqueue({ id: "f1", amount: 1 }, { key: "f1" });
  await at("alarms_f", "f1", "state = 'MANUAL', due_at = null");
  alarms.start();
  alarms.start();
  await clock.advance(0);
  await alarms.look();
  expect(alarms.snapshot().raised).toHaveLength(1);
  await alarms.stop();
  await expect.poll(() => clock.pending).toBe(0);
});

const quiet = { onAlarm: () => {} };
test.each([
  [{}, "alarms.onAlarm"],
  [{ ...quiet, oldestUnkown: "1m" }, 'did you mean "oldestUnknown"?'],
  [{ ...quiet, manual: 0 }, "alarms.manual"],
  [{ ...quiet, oldestUnknown: 5 }, "alarms.oldestUnknown"],
  [{ ...quiet, every: "0ms" }, "alarms.every"],
  [{ ...quiet, moneyAtRisk: { KRW: "1.5" } }, "has more digits than KRW"],
  [{ ...quiet, moneyAtRisk: { KRW: "0" } }, "alarms.moneyAtRisk.KRW must be more than 0"],
  [{ ...quiet, moneyAtRisk: { won: "1" } }, "a currency is three letters"],
])("bad options are refused by name: %j", (options, message) => {
  expect(() => createAlarms(shop.node().ledger, options as never)).toThrow(message);
});

test("money that no operation tells cannot be watched", () => {
  const alarms = createAlarms(shop.node().ledger, { ...quiet, moneyAtRisk: { KRW: "1" } });
  expect(() => alarms.start()).toThrow("alarms.moneyAtRisk can see no money");
  const bad = { definition: { amount: 5 as never } };
  expect(() => shop.node(bad)).toThrow('operation "pay".amount must be a function');
});
