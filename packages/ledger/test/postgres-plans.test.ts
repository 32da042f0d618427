import { createLedger, fromPgPool } from "@outrigger/ledger";
import { expect, test } from "vitest";
import type { StatementForMany } from "../src/store/dialect.ts";
import { statements } from "../src/store/postgres/statements.ts";
import type { SqlRow } from "../src/store/sql-port.ts";
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

test("with the statistics of empty tables a batch still looks up its own rows, and no others", async () => {
  const sql = statements("grown");
  await createLedger({ sql: fromPgPool(shop.pool), schema: "grown" }).migrate();
  await shop.pool.query(
    ["operation", "operation_event", "operation_archive"]
      .map((table) => `alter table grown.${table} set (autovacuum_enabled = false); analyze grown.${table};`)
      .join(""),
  );
  const client = await shop.pool.connect();
  const send = async ({ statement, calls, read }: StatementForMany, records: readonly object[]) => {
    const answers: SqlRow[] = [];
    for (const values of calls(records)) {
      answers.push(...(await client.query<SqlRow>(String(statement), [...values])).rows);
    }
    return read?.(answers) ?? answers;
  };
  const pass = async (name: string): Promise<void> => {
    const keys = Array.from({ length: 40 }, (_, n) => `${name}-${n}`);
    const inserted = await send(
      sql.insert,
      keys.map((key) => ({ ...fresh, key })),
    );
    const moved = await send(
      sql.move,
      inserted.map(({ id }) => ({ ...done, id })),
    );
    expect([inserted.length, moved.length]).toEqual([40, 40]);
  };
  try {
    // The session keeps the plans that it makes here.
    for (let time = 0; time < 8; time += 1) await pass(`before-${time}`);
    // On other connections: this one's counts may still hold what it did before.
    await shop.pool.query(`
      insert into grown.operation (operation, key, fingerprint, state, fence, provider, providers, request, created_at,
        updated_at)
      select 'pay', n::text, '', 'DONE', 1, 'a', '{a}', '{}', now(), now() from generate_series(1, 20000) as n`);
    await shop.pool.query(
      `insert into grown.operation_archive (id, operation, key, fingerprint, state, fence, provider, providers, request,
         created_at, updated_at, hot, copied_at, history, intent, attempt, tries, in_doubt, abandoned, resend_refused,
         person_only)
       select id, operation, key, fingerprint, state, fence, provider, providers, request, created_at, updated_at, false,
         now(), '[]', intent, attempt, tries, in_doubt, abandoned, resend_refused, person_only from grown.operation`,
    );
    await client.query("begin");
    await pass("after");
    const { rows } = await client.query<{ read: string }>(
      `select sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)) as read from pg_class
       where oid in ('grown.operation'::regclass, 'grown.operation_archive'::regclass)
         or oid in (select indexrelid from pg_index
           where indrelid in ('grown.operation'::regclass, 'grown.operation_archive'::regclass))`,
    );
    expect(Number(rows[0]?.read)).toBeLessThan(1_000);
  } finally {
    await client.query("rollback");
    client.release();
  }
});

const fresh = {
  ...{ operation: "pay", fingerprint: "", state: "SENDING", dueInMs: 1_000, providers: ["a"] },
  ...{ request: "{}", keyWindowMs: undefined },
};
const done = {
  ...{ fence: 1, from: "SENDING", to: "DONE", intent: "EXECUTE", provider: "a", result: "{}" },
  ...{ why: "succeeded", noted: true, cancelKnown: false, inDoubt: false, abandoned: false },
  ...{ resendRefused: false, personOnly: false, afresh: false, failed: false, answered: true },
};
