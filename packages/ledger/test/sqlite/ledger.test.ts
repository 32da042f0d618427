import { DatabaseSync } from "node:sqlite";
import type { SqliteTx } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { statements } from "../../src/store/sqlite/statements.ts";
import { sqlite } from "../support/databases/sqlite.ts";
import { type AnyShop, useAnyShop, useDatabase } from "../support/shop.ts";

useDatabase(sqlite);
const shop = useAnyShop("ledger_sqlite") as unknown as AnyShop<SqliteTx>;

/** How SQLite reads for a statement of the ledger. */
function planOf(text: unknown): string {
  const db = new DatabaseSync(shop.url);
  const rows = db.prepare(`explain query plan ${String(text)}`).all();
  db.close();
  return rows.map((row) => row["detail"]).join("\n");
}

test("among a year of settled operations, a look and a claim read the open ones only", async () => {
  await shop.database.query(`
    insert into outrigger_operation (id, operation, key, fingerprint, state, fence, provider, providers, request,
      created_at, updated_at)
    with recursive n (n) as (select 1 union all select n + 1 from n where n < 5000)
    select 'id' || n, 'old', n, '', 'DONE', 1, 'a', '["a"]', '{}', 0, 0 from n`);
  for (const analysed of [false, true]) {
    if (analysed) await shop.database.query("analyze");
    const { claim, open, list, findByKey, findArchivedByKey, findById } = statements("outrigger");
    for (const text of [claim, open]) {
      expect(planOf(text)).toContain("outrigger_operation_open");
      expect(planOf(text)).not.toMatch(/SCAN outrigger_operation(?! USING INDEX outrigger_operation_open)/);
    }
    expect(planOf(list)).toContain("SCAN o USING INDEX outrigger_operation_open");
    for (const text of [findByKey, findArchivedByKey, findById]) {
      expect(planOf(text)).toMatch(/^SEARCH o USING INDEX sqlite_autoindex_outrigger_operation/);
    }
  }
});

test("a migration that is not let in gives up in time, with nothing changed", async () => {
  const schema = "ledger_busy";
  const node = shop.node({ schema });
  const { commit } = await shop.database.begin();
  await expect(node.ledger.migrate({ timeout: "100ms" })).rejects.toMatchObject({
    code: "MIGRATION_TIMEOUT",
    effect: "none",
  });
  await commit();
  expect(await shop.database.query("select name from sqlite_schema where name like 'ledger_busy%'")).toEqual(
    [],
  );
  expect(await node.ledger.migrate()).toBe(shop.database.version);
  expect(await node.ledger.migrate({ timeout: "1s" })).toBe(shop.database.version);
});

test("a function that writes on a connection of its own waits for itself, and is told so in the end", async () => {
  const node = shop.node({
    statementTimeout: "200ms",
    definition: {
      async prepare(_, order) {
        await node.pay.run(order, { key: `${order.id}.inner` });
      },
    },
  });
  await expect(node.pay.run({ id: "w1", amount: 1 }, { key: "w1" })).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    effect: "none",
  });
  expect(shop.a.requests).toEqual([]);
});

test("ids follow the clock, and no two of a batch are the same", async () => {
  const node = shop.node({
    definition: {
      many: {
        prepare: (tx, orders) => {
          for (const order of orders) shop.database.orders.prepare(tx, order);
        },
        commit: (tx, items) => {
          for (const { input, result, provider } of items) {
            shop.database.orders.commit(tx, input, result, { provider });
          }
        },
      },
    },
  });
  const keys = Array.from({ length: 20 }, (_, index) => `i${index}`);
  const fromMs = Date.now();
  const outcomes = await Promise.all(keys.map((id) => node.pay.run({ id, amount: 1 }, { key: id })));
  const ids = outcomes.map(({ id }) => id);
  expect(new Set(ids).size).toBe(20);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const atMs = Number.parseInt(id.slice(0, 13).replace("-", ""), 16);
    expect(atMs).toBeGreaterThanOrEqual(fromMs - 1);
    expect(atMs).toBeLessThanOrEqual(Date.now() + 1);
  }
  for (const key of keys) expect(await shop.status(key)).toBe("paid");
});
