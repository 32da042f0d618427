import { expect, test } from "vitest";
import { statements } from "../src/store/postgres/statements.ts";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_plans");

test("among a year of settled operations the snapshot reads the open ones only", async () => {
  await shop.pool.query(`
    insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request,
      created_at, updated_at)
    select 'old', n::text, '', (array['DONE', 'FAILED', 'CANCELLED'])[n % 3 + 1], 1, 'a', array['a'], '{}', now(), now()
    from generate_series(1, 20000) as n`);
  await shop.pool.query("analyze outrigger.operation");
  const { rows } = await shop.pool.query<{ "QUERY PLAN": string }>(
    `explain (costs off) ${statements("outrigger").open}`,
  );
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("operation_open");
  expect(plan).not.toContain("Seq Scan");
});

test("among a year of settled operations a list of the open ones reads those only", async () => {
  await shop.pool.query(`
    insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request,
      created_at, updated_at)
    select 'list.old', n::text, '', 'DONE', 1, 'a', array['a'], '{}', now(), now() from generate_series(1, 20000) as n`);
  await shop.pool.query("analyze outrigger.operation");
  const client = await shop.pool.connect();
  try {
    await client.query("begin");
    await client.query(String(statements("outrigger").list), [
      null,
      50,
      ["UNKNOWN", "MANUAL"],
      "list.old",
      null,
    ]);
    const { rows } = await client.query(
      `select sum(pg_stat_get_xact_tuples_returned(indexrelid))::integer as read from pg_index
       where indrelid = 'outrigger.operation'::regclass
       union all select pg_stat_get_xact_tuples_returned('outrigger.operation'::regclass)::integer`,
    );
    expect(rows.map(({ read }) => read < 100)).toEqual([true, true]);
  } finally {
    await client.query("rollback");
    client.release();
  }
});

test("among a year of settled operations a claim reads what is due, and no more than it takes", async () => {
  await shop.pool.query(
    `insert into outrigger.operation (operation, key, fingerprint, state, fence, due_at, provider, providers, request,
       created_at, updated_at)
     select 'claimed', state || n, '', state, 1, case state when 'READY' then now() end, 'a', '{a}', '{}', now(), now()
     from generate_series(1, 10000) as n, (values ('DONE'), ('READY')) as s (state) where state = 'DONE' or n <= 500`,
  );
  const client = await shop.pool.connect();
  try {
    await client.query("begin");
    const { rowCount } = await client.query(
      "select * from outrigger.claim_operations_8('{claimed}', 10, 1000, '{}')",
    );
    expect(rowCount).toBe(10);
    const { rows } = await client.query(
      `select pg_stat_get_xact_tuples_returned(indexrelid)::integer as read, indexrelid::regclass::text as name
       from pg_index where indrelid = 'outrigger.operation'::regclass`,
    );
    const read = Object.fromEntries(rows.map(({ name, read: count }) => [name, count]));
    expect(read["outrigger.operation_operation_key_key"]).toBe(0);
    expect(read["outrigger.operation_open"]).toBeLessThan(50);
  } finally {
    await client.query("rollback");
    client.release();
  }
});
