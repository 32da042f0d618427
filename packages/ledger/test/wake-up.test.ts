import { fromPgPool } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_wake_up");
const input = (id: string) => ({ id, amount: 1 });

test("an operation that another process stores is noticed at once, however seldom is polled", async () => {
  const resolver = shop.node({ pollEvery: "1h" });
  resolver.ledger.start();
  await expect.poll(() => resolver.events).toContainEqual({ type: "listenerStarted" });
  const maker = shop.node();
  await maker.pay.enqueue(input("w1"), { key: "w1" });
  await expect.poll(() => shop.status("w1"), { timeout: 10_000 }).toBe("paid");
  const client = await shop.pool.connect();
  // Past the time within which one process does not call out twice.
  await new Promise((resolve) => setTimeout(resolve, 150));
  await client.query("begin");
  await maker.pay.enqueue(input("w2"), { key: "w2", tx: client });
  await client.query("commit");
  client.release();
  await expect.poll(() => shop.status("w2"), { timeout: 10_000 }).toBe("paid");
});

test("a lost listener is told of, comes back, and finds what was called out meanwhile", async () => {
  const resolver = shop.node({ pollEvery: "1h" });
  resolver.ledger.start();
  await expect.poll(() => resolver.events).toContainEqual({ type: "listenerStarted" });
  await shop.pool.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'");
  await expect.poll(() => resolver.events.some(({ type }) => type === "listenerLost")).toBe(true);
  await shop.node().pay.enqueue(input("w3"), { key: "w3" });
  await expect.poll(() => shop.status("w3"), { timeout: 20_000 }).toBe("paid");
  expect(resolver.events.filter(({ type }) => type === "listenerStarted")).toHaveLength(2);
});

test.each([
  ["cannot listen", true],
  ["shall not listen", false],
])("a process that %s polls", async (name, wakeUp) => {
  const key = name.replaceAll(" ", "-");
  const maker = shop.node();
  const sql = fromPgPool(maker.pool);
  const resolver = shop.node({
    wakeUp,
    sql: {
      ...sql,
      listen: () => Promise.reject(Object.assign(new Error("no listening here"), { code: "0A000" })),
    },
  });
  resolver.ledger.start();
  await maker.pay.enqueue(input(key), { key });
  await expect.poll(() => shop.status(key), { timeout: 10_000 }).toBe("paid");
  const lost = resolver.events.filter(({ type }) => type === "listenerLost");
  expect(lost.length > 0).toBe(wakeUp);
  await resolver.ledger.stop();
});

test("stop leaves no connection that listens behind", async () => {
  const node = shop.node();
  node.ledger.start();
  await expect.poll(() => node.events).toContainEqual({ type: "listenerStarted" });
  await node.ledger.stop();
  const listening = async (): Promise<number> =>
    (
      await shop.pool.query(
        "select 1 from pg_stat_activity where query like 'listen %' and datname = current_database()",
      )
    ).rows.length;
  await expect.poll(listening).toBe(0);
});
