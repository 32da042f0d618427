import type { CommittedItem, PgTx } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { CommitProxy } from "./support/commit-proxy.ts";
import type { Order, Payment } from "./support/payments.ts";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_together");
const input = (id: string) => ({ id, amount: 1 });

/** Notes how many came at once. */
function writes(): {
  readonly prepared: number[];
  readonly committed: number[];
  many: {
    prepare(tx: PgTx, list: readonly Order[]): Promise<void>;
    commit(tx: PgTx, items: readonly CommittedItem<Order, Payment>[]): Promise<void>;
  };
} {
  const prepared: number[] = [];
  const committed: number[] = [];
  return {
    prepared,
    committed,
    many: {
      async prepare(tx: PgTx, list: readonly Order[]) {
        prepared.push(list.length);
        await tx.query(
          "insert into orders (id, status) select id, 'pending' from unnest($1::text[]) as m (id)",
          [list.map(({ id }) => id)],
        );
      },
      async commit(tx: PgTx, items: readonly CommittedItem<Order, Payment>[]) {
        committed.push(items.length);
        const { rowCount } = await tx.query(
          "update orders set status = 'paid' where id = any($1::text[]) and status = 'pending'",
          [items.map(({ input: { id } }) => id)],
        );
        if (rowCount !== items.length) throw new Error("an order no longer waits for a payment");
      },
    },
  };
}

test("what concurrent callers write shares statements, and each has its own row", async () => {
  const { many, prepared, committed } = writes();
  const node = shop.node({ definition: { many } });
  const keys = Array.from({ length: 40 }, (_, index) => `t${index}`);
  const outcomes = await Promise.all(keys.map((key) => node.pay.run(input(key), { key })));
  expect(outcomes.every(({ status }) => status === "committed")).toBe(true);
  expect(Math.max(...prepared)).toBeGreaterThan(1);
  expect(prepared.reduce((sum, count) => sum + count)).toBe(40);
  expect(committed.length).toBeLessThanOrEqual(40);
  for (const key of keys) {
    expect(await shop.status(key)).toBe("paid");
    expect(shop.a.activeCharges(key)).toBe(1);
  }
});

test("the same key twice at once is one operation", async () => {
  const { many } = writes();
  const node = shop.node({ definition: { many } });
  const both = await Promise.all([1, 2, 3].map(() => node.pay.run(input("twice"), { key: "twice" })));
  // Who comes second learns how it stands: under way, or at its end already.
  expect(both.map(({ status }) => status)).toContain("committed");
  expect(both.map(({ status }) => status)).not.toContain("abandoned");
  expect(new Set(both.map(({ id }) => id)).size).toBe(1);
  expect(shop.a.activeCharges("twice")).toBe(1);
});

test("one order that cannot be stored, or taken, harms no other", async () => {
  const { many } = writes();
  await shop.pool.query("insert into orders (id, status) values ('there', 'pending')");
  const node = shop.node({ definition: { many } });
  const stored = await Promise.allSettled(
    ["n1", "there", "n2"].map((key) => node.pay.run(input(key), { key })),
  );
  expect(stored.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(stored[1]).toMatchObject({ reason: { code: "23505" } });
  expect(shop.a.requests).not.toContain("/charge there");

  let withdrawn: Promise<unknown> | undefined;
  const soldOut = shop.node({
    definition: { many },
    onStep: async (name) => {
      if (name !== "call.after") return;
      // All of them wait for it: else the order's own outcome may be there first.
      withdrawn ??= shop.pool.query("update orders set status = 'withdrawn' where id = 'n4'");
      await withdrawn;
    },
  });
  await Promise.all(["n3", "n4", "n5"].map((key) => soldOut.pay.run(input(key), { key })));
  soldOut.ledger.start();
  await shop.settled(soldOut);
  expect([await shop.status("n3"), await shop.status("n4"), await shop.status("n5")]).toEqual([
    "paid",
    "withdrawn",
    "paid",
  ]);
  expect([shop.a.activeCharges("n3"), shop.a.activeCharges("n4"), shop.a.activeCharges("n5")]).toEqual([
    1, 0, 1,
  ]);
});

test.each(["swallowAnswer", "neverArrives"] as const)(
  "a commit whose answer is lost (%s) leaves every order of the batch right",
  async (fate) => {
    const proxy = await new CommitProxy(shop.url).start();
    try {
      const { many } = writes();
      const node = shop.node({ definition: { many }, database: proxy.url });
      for (const at of ["intent", "outcome"] as const) {
        const keys = Array.from({ length: 6 }, (_, index) => `lost.${fate}.${at}.${index}`);
        if (at === "intent") proxy.next(fate);
        let calls = 0;
        const armed = shop.node({
          definition: { many },
          database: proxy.url,
          onStep: (name) => {
            calls += name === "call.after" ? 1 : 0;
            if (at === "outcome" && name === "call.after" && calls === keys.length) proxy.next(fate);
          },
        });
        const settled = await Promise.allSettled(keys.map((key) => armed.pay.run(input(key), { key })));
        node.ledger.start();
        await shop.settled(node);
        for (const [index, key] of keys.entries()) {
          const paid = (await shop.status(key)) === "paid";
          expect([key, paid]).toEqual([key, shop.a.activeCharges(key) === 1]);
          if (settled[index]?.status === "rejected") expect(await shop.status(key)).toBeUndefined();
        }
      }
    } finally {
      await shop.closeNodes();
      await proxy.stop();
    }
  },
);

test("a worker that lost its lease writes nothing into the batch that it shares", async () => {
  const { many } = writes();
  let arrived = 0;
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const taken: string[] = [];
  const noted: typeof many = {
    ...many,
    async commit(tx, items) {
      taken.push(...items.map(({ input: { id } }) => id));
      await many.commit(tx, items);
    },
  };
  const node = shop.node({
    lease: "45s",
    definition: { many: noted },
    onStep: async (name) => {
      if (name !== "call.after") return;
      arrived += 1;
      await gate;
    },
  });
  const running = Promise.all(["z1", "z2", "z3"].map((key) => node.pay.run(input(key), { key })));
  await expect.poll(() => arrived).toBe(3);
  // Somebody else has z2, and the provider no longer charges it.
  await fetch(`${shop.a.url}/cancel?key=z2`, { method: "POST" });
  await shop.pool.query("update outrigger.operation set due_at = now() where key = 'z2'");
  const other = shop.node();
  other.ledger.start();
  await expect.poll(() => shop.status("z2")).toBe("void");
  await other.ledger.stop();
  go();
  expect((await running).map(({ status }) => status)).toEqual(["committed", "abandoned", "committed"]);
  expect(await shop.status("z2")).toBe("void");
  expect(taken).not.toContain("z2");
});

test("functions for many are checked at construction", () => {
  const { many } = writes();
  expect(() => shop.node({ definition: { many: { prepare: many.prepare } as never } })).toThrow(
    "many.commit must be a function",
  );
  expect(() => shop.node({ definition: { many: { ...many, abandon: () => {} } as never } })).toThrow(
    "many.abandon is not an option",
  );
});
