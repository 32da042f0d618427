import { expect, test } from "vitest";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_migrate");

test("a migration that is not let in gives up in time, with nothing changed", async () => {
  const schema = "ledger_busy";
  const client = await shop.pool.connect();
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [
      `outrigger.ledger:${schema}`,
    ]);
    const node = shop.node({ schema });
    await expect(node.ledger.migrate({ timeout: "100ms" })).rejects.toMatchObject({
      code: "MIGRATION_TIMEOUT",
      effect: "none",
    });
    await client.query("rollback");
    expect(await node.ledger.migrate()).toBe(4);
    await client.query("begin");
    // A reader of the table, as a report would be, does not stop a migration that has nothing to do.
    await client.query(`select count(*) from ${schema}.operation`);
    expect(await node.ledger.migrate({ timeout: "1s" })).toBe(4);
  } finally {
    await client.query("rollback");
    client.release();
  }
});

test("a wrong timeout is refused", async () => {
  const node = shop.node();
  await expect(node.ledger.migrate({ timeout: 5 } as never)).rejects.toThrow("migrate.timeout");
  await expect(node.ledger.migrate({ timout: "5s" } as never)).rejects.toThrow('did you mean "timeout"?');
});
