import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { business, many, type Order } from "./ledger-cases.ts";
import { median } from "./measure.ts";

/** Jobs a second that four loops take and delete, 500 at a time, with nothing else to do: the most that SKIP LOCKED gives. */
export async function skipLockedFloor(url: string, jobs: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  try {
    await pool.query(`create table if not exists job (id bigint generated always as identity primary key,
      run_at timestamptz not null default now(), payload text not null)`);
    await pool.query("insert into job (payload) select '{}' from generate_series(1, $1)", [jobs]);
    const startedAtMs = performance.now();
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (;;) {
          const { rowCount } = await pool.query(
            `delete from job where id in (
               select id from job where run_at <= now() order by id limit 500 for update skip locked)`,
          );
          if (rowCount === 0) return;
        }
      }),
    );
    return (jobs / (performance.now() - startedAtMs)) * 1_000;
  } finally {
    await pool.end();
  }
}

export interface Recovery {
  /** Operations a second that are claimed, asked for, and committed with their business rows. */
  readonly withoutHistory: number;
  readonly withHistory: number;
}

/** What a resolver does with operations that others left unknown, before and after the table is full of ended ones. */
export async function recovery(url: string, operations: number, history: number): Promise<Recovery> {
  const pool = new pg.Pool({ connectionString: url, max: 16 });
  pool.on("error", () => {});
  const open = createLedger({ sql: fromPgPool(pool), concurrency: 256, retention: { every: "1d" } });
  try {
    await open.migrate();
    await pool.query(
      "create table if not exists orders (id text primary key, status text not null, amount integer)",
    );
    open.operation<Order, { readonly charge: string }>("pay", {
      ...business,
      many,
      call: async () => ({ charge: "ch_1" }),
      inquire: async () => ({ status: "found", result: { charge: "ch_1" } }),
      cancel: async () => {},
      capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
    });
    const several = async (name: string): Promise<number> => {
      const speeds: number[] = [];
      for (let run = 0; run < 5; run += 1)
        speeds.push(await drained(pool, open, operations, `${name}-${run}-`));
      return median(speeds);
    };
    await drained(pool, open, operations, "warm");
    const withoutHistory = await several("before");
    await pool.query(
      `insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request,
         result, sent_at, created_at, updated_at)
       select 'pay', 'old-' || n, repeat('f', 64), 'DONE', 1, 'default', '{default}', '{"id":"old","amount":1000}',
         '{"charge":"ch_1"}', now(), now(), now() from generate_series(1, $1) as n`,
      [history],
    );
    await pool.query("checkpoint");
    return { withoutHistory, withHistory: await several("after") };
  } finally {
    await open.stop();
    await pool.end();
  }
}

async function drained(
  pool: pg.Pool,
  ledger: ReturnType<typeof createLedger>,
  operations: number,
  name: string,
): Promise<number> {
  await pool.query(
    `insert into orders (id, status, amount) select $2 || n, 'paying', 1000 from generate_series(1, $1) as n`,
    [operations, name],
  );
  await pool.query(
    `insert into outrigger.operation (operation, key, fingerprint, state, fence, due_at, provider, providers, request,
       attempt, in_doubt, sent_at, unknown_since, created_at, updated_at)
     select 'pay', $2 || n, repeat('f', 64), 'UNKNOWN', 1, now(), 'default', '{default}',
       json_build_object('id', $2 || n, 'amount', 1000)::text, 1, true, now(), now(), now(), now()
     from generate_series(1, $1) as n`,
    [operations, name],
  );
  const startedAtMs = performance.now();
  ledger.start();
  for (;;) {
    // Reads what is open only, however much has ended.
    if ((await ledger.snapshot()).states.UNKNOWN === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const perSecond = (operations / (performance.now() - startedAtMs)) * 1_000;
  await ledger.stop();
  return perSecond;
}
