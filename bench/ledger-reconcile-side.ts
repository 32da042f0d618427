// One side of the comparison in `ledger-reconcile.ts`: side, address of the database, rows.
import { createHash } from "node:crypto";
import { createLedger, createReconciliation, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import type { Order } from "./ledger-cases.ts";
import type { Reconciled } from "./ledger-reconcile.ts";

const [side, url, count] = process.argv.slice(2);
const rows = Number(count);
const pageRows = 2_000;

interface Theirs {
  readonly key: string;
  readonly id: string;
  readonly atMs: number;
  readonly status: "succeeded";
  readonly amount: string;
}

/** The provider's list in pages, in the order in which it happened. */
async function* theirs(atMs: number): AsyncGenerator<readonly Theirs[]> {
  for (let from = 1; from <= rows; from += pageRows) {
    yield Array.from({ length: Math.min(pageRows, rows - from + 1) }, (_, index) => {
      const key = createHash("md5")
        .update(String(from + index))
        .digest("hex");
      return { key, id: `ch_${from + index}`, atMs, status: "succeeded", amount: "1000" };
    });
  }
}

const isoDay = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

async function ledgers(pool: pg.Pool, atMs: number): Promise<() => Promise<number>> {
  const ledger = createLedger({ sql: fromPgPool(pool) });
  const pay = ledger.operation<Order, { readonly charge: string }>("pay", {
    prepare: async () => {},
    call: async () => ({ charge: "ch_1" }),
    inquire: async () => ({ status: "notFound" }),
    cancel: async () => {},
    commit: async () => {},
    abandon: async () => {},
    capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
  });
  const reconciliation = createReconciliation(ledger, {
    name: "bench",
    operation: pay,
    remote: () => theirs(atMs),
    local: ({ amount }) => ({ amount }),
    result: () => ({ charge: "ch_1" }),
    from: isoDay(atMs),
    youngFor: "0s",
  });
  return async () => {
    const days = { from: isoDay(atMs), to: isoDay(atMs) };
    await reconciliation.run(days);
    return (await reconciliation.report(days)).counts.matched;
  };
}

interface Ours {
  readonly key: string;
  readonly state: string;
  readonly amount: string;
}

/** Both sides read whole, sorted, and put side by side: what anybody would write, with memory for all of it. */
function plainly(pool: pg.Pool, atMs: number): () => Promise<number> {
  return async () => {
    const remote: Theirs[] = [];
    for await (const page of theirs(atMs)) remote.push(...page);
    const local: Ours[] = [];
    for (let after = "00000000-0000-0000-0000-000000000000"; ; ) {
      const { rows: page } = await pool.query<{ id: string; key: string; state: string; request: string }>(
        "select id, key, state, request from outrigger.operation where id > $1 order by id limit $2",
        [after, pageRows],
      );
      for (const { key, state, request } of page) {
        local.push({ key, state, amount: String((JSON.parse(request) as Order).amount) });
      }
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
    const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
      a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
    remote.sort(byKey);
    local.sort(byKey);
    let matched = 0;
    for (let at = 0, index = 0; index < remote.length; index += 1) {
      const row = remote[index];
      while (row !== undefined && (local[at]?.key ?? row.key) < row.key) at += 1;
      const mine = local[at];
      if (row?.key === mine?.key && row?.amount === mine?.amount && mine?.state === "DONE") matched += 1;
    }
    return matched;
  };
}

const pool = new pg.Pool({ connectionString: url });
const { rows: found } = await pool.query<{ at: string }>(
  "select (extract(epoch from created_at) * 1000)::float8 as at from outrigger.operation limit 1",
);
const atMs = Number(found[0]?.at);
const run = side === "plain" ? plainly(pool, atMs) : await ledgers(pool, atMs);
const idle = process.memoryUsage().rss;
let most = idle;
const watch = setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, 20);
const startedAtMs = performance.now();
const matched = await run();
const seconds = (performance.now() - startedAtMs) / 1_000;
clearInterval(watch);
await pool.end();
const told: Reconciled = { seconds, overIdleMb: (most - idle) / 2 ** 20, matched };
process.send?.(told, () => process.disconnect());
