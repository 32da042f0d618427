import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { latestVersion } from "../src/store/postgres/migrations.ts";
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
    expect(await node.ledger.migrate()).toBe(latestVersion);
    await client.query("begin");
    // A reader of the table, as a report would be, does not stop a migration that has nothing to do.
    await client.query(`select count(*) from ${schema}.operation`);
    expect(await node.ledger.migrate({ timeout: "1s" })).toBe(latestVersion);
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

const versionsDownTo = (last: number): readonly number[] =>
  Array.from({ length: latestVersion - last + 1 }, (_, index) => latestVersion - index);

test("the documented ways back lead to the versions before, with every operation, and forth again", async () => {
  const page = readFileSync(new URL("../../../docs/ledger/migrations.md", import.meta.url), "utf8");
  const scripts = [...page.matchAll(/## From (\d+) back to \d+[\s\S]*?```sql\n([\s\S]*?)```/g)];
  expect(scripts.map((script) => Number(script[1]))).toEqual(versionsDownTo(4));
  const schema = "ledger_back";
  const node = shop.node({ schema, retention: { moveAfter: "0ms" } });
  await node.ledger.migrate();
  for (const key of ["b1", "b2"]) await node.pay.run({ id: key, amount: 1 }, { key });
  await node.ledger.tidy();
  await shop.pool.query(
    `update ${schema}.operation_archive set copied_at = now() - interval '1 day' where key = 'b1'`,
  );
  expect((await node.ledger.tidy()).moved).toBe(1);

  for (const [, , script] of scripts) {
    await shop.pool.query(script?.replaceAll("outrigger.", `${schema}.`) ?? "");
  }
  const { rows } = await shop.pool.query(
    `select o.key, count(e.id)::integer as entries from ${schema}.operation as o
     left join ${schema}.operation_event as e on e.operation_id = o.id group by o.key order by o.key`,
  );
  expect(rows).toEqual([
    { key: "b1", entries: 2 },
    { key: "b2", entries: 1 },
  ]);
  expect(await node.ledger.migrate()).toBe(latestVersion);
  for (const key of ["b1", "b2"]) {
    const record = await node.ledger.find({ operation: "pay", key });
    expect(record?.history.map(({ to }) => to)).toEqual(["SENDING", "DONE"]);
    expect(await node.pay.run({ id: key, amount: 1 }, { key })).toMatchObject({ status: "committed" });
  }
});
