import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { atMost, type Part, reported } from "./ledger-turns.ts";

const rows = 1_000_000;
const boundMb = 200;

/** What a process of one side tells at its end. */
export interface Reconciled {
  readonly seconds: number;
  /** The most that it held, beyond what it held when all its code was loaded and its connections were open. */
  readonly overIdleMb: number;
  readonly matched: number;
}

/** A million rows against a million, each side in a process of its own, so that its memory is its own. */
export const reconcilePart: Part = {
  name: "reconcile",
  async run({ fresh, say }) {
    const url = await fresh();
    say(`reconciliation: ${rows} operations are filled in`);
    await fill(url);
    say("reconciliation: the plain merge");
    const plain = await inAProcess("plain", url);
    say("reconciliation: the ledger's");
    const ours = await inAProcess("ledger", url);
    for (const [name, { matched }] of Object.entries({ plain, ours })) {
      if (matched !== rows) throw new Error(`${name}: ${matched} of ${rows} rows were matched`);
    }
    return {
      judged: [
        reported("reconciliation: rows a second, of both sides", (2 * rows) / ours.seconds),
        atMost("reconciliation: times slower than a plain sorted merge", ours.seconds / plain.seconds, 3),
        atMost("reconciliation: MB more than idle", ours.overIdleMb, boundMb),
        reported("reconciliation: MB more than idle, the plain merge", plain.overIdleMb),
      ],
    };
  },
};

async function fill(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url });
  try {
    await createLedger({ sql: fromPgPool(pool) }).migrate();
    // Keys without an order, as customers come.
    await pool.query(
      `insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request, result,
         sent_at, created_at, updated_at)
       select 'pay', md5(n::text), repeat('f', 64), 'DONE', 1, 'default', '{default}',
         json_build_object('id', md5(n::text), 'amount', 1000)::text, '{"charge":"ch_1"}', at, at, at
       from (select n, now() - interval '1 day' as at from generate_series(1, $1) as n) as made`,
      [rows],
    );
    await pool.query("vacuum analyze outrigger.operation");
  } finally {
    await pool.end();
  }
}

function inAProcess(side: "plain" | "ledger", url: string): Promise<Reconciled> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("ledger-reconcile-side.ts", import.meta.url)), [
      side,
      url,
      String(rows),
    ]);
    child.once("message", (told) => resolve(told as Reconciled));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the process of ${side} ended with ${code}`)));
  });
}
