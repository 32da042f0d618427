import { createLedger, fromPgPool, type Ledger } from "@outrigger/ledger";
import pg from "pg";
import { business, many, type Order } from "./ledger-cases.ts";
import { atLeast, atMost, type Part, reported } from "./ledger-turns.ts";
import { median } from "./measure.ts";

/** What four loops of 500 at a time do, with nothing else to do. */
const loops = 4;
const atATime = 500;

/** Runs loops until each finds nothing more. @returns jobs a second. */
async function looped(jobs: number, once: () => Promise<number>): Promise<number> {
  const startedAtMs = performance.now();
  await Promise.all(
    Array.from({ length: loops }, async () => {
      while ((await once()) > 0);
    }),
  );
  return (jobs / (performance.now() - startedAtMs)) * 1_000;
}

/** Jobs a second that are taken and deleted in one statement: no lease, no call, no business row. For comparison only. */
async function deleteFloor(url: string, jobs: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: loops });
  try {
    await pool.query(`create table job (id bigint generated always as identity primary key,
      run_at timestamptz not null default now(), payload text not null)`);
    await pool.query("insert into job (payload) select '{}' from generate_series(1, $1)", [jobs]);
    return await looped(jobs, async () => {
      const { rowCount } = await pool.query(
        `delete from job where id in (
           select id from job where run_at <= now() order by id limit $1 for update skip locked)`,
        [atATime],
      );
      return rowCount ?? 0;
    });
  } finally {
    await pool.end();
  }
}

/**
 * The floor of SKIP LOCKED for the same work: what is due is found by an index and claimed with a lease in one commit, the
 * provider's function is called for each, and in a second commit all results are written, if the lease's number still
 * holds, with an entry of the history and a business row each. The ledger does that too; what it adds is keys that are
 * unique beside ids, the decision from the evidence, and that nothing of one row reaches another.
 */
class SkipLockedFloor {
  readonly #pool: pg.Pool;
  #runs = 0;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  static async of(url: string): Promise<SkipLockedFloor> {
    const pool = new pg.Pool({ connectionString: url, max: loops });
    pool.on("error", () => {});
    await pool.query(`${orders};
      create table floor_job (id text primary key, state text not null, fence integer not null, due_at timestamptz,
        request text not null, result text);
      create index floor_job_due on floor_job (due_at) where state = 'UNKNOWN';
      create table floor_event (job_id text not null, at timestamptz not null, from_state text not null,
        to_state text not null, why text not null);
      create index floor_event_of on floor_event (job_id)`);
    return new SkipLockedFloor(pool);
  }

  async perSecond(jobs: number): Promise<number> {
    this.#runs += 1;
    const name = `floor-${this.#runs}-`;
    await left(this.#pool, jobs, name);
    await this.#pool.query(
      `insert into floor_job (id, state, fence, due_at, request)
       select $2 || n, 'UNKNOWN', 1, now(), json_build_object('id', $2 || n, 'amount', 1000)::text
       from generate_series(1, $1) as n`,
      [jobs, name],
    );
    return await looped(jobs, () => this.#once());
  }

  async #once(): Promise<number> {
    const { rows } = await this.#pool.query<{ id: string; fence: number; request: string }>(
      `with due as (
         select id from floor_job where state = 'UNKNOWN' and due_at <= now() order by due_at limit $1
         for update skip locked
       )
       update floor_job as f set fence = fence + 1, due_at = now() + interval '45 s' from due where f.id = due.id
       returning f.id, f.fence, f.request`,
      [atATime],
    );
    if (rows.length === 0) return 0;
    const results = await Promise.all(rows.map(({ request }) => inquire(JSON.parse(request) as Order)));
    await this.#pool.query(
      `with done as (
         update floor_job as f set state = 'DONE', due_at = null, result = m.result
         from unnest($1::text[], $2::integer[], $3::text[]) as m (id, fence, result)
         where f.id = m.id and f.fence = m.fence and f.state = 'UNKNOWN' returning f.id
       ), noted as (
         insert into floor_event (job_id, at, from_state, to_state, why)
         select id, now(), 'UNKNOWN', 'DONE', 'succeeded' from done
       )
       update orders as o set status = 'paid' from done where o.id = done.id`,
      [rows.map(({ id }) => id), rows.map(({ fence }) => fence), results.map((each) => JSON.stringify(each))],
    );
    return rows.length;
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}

const orders =
  "create table if not exists orders (id text primary key, status text not null, amount integer)";

/** Orders whose payments nobody knows the end of. */
async function left(pool: pg.Pool, count: number, name: string): Promise<void> {
  await pool.query(
    "insert into orders (id, status, amount) select $2 || n, 'paying', 1000 from generate_series(1, $1) as n",
    [count, name],
  );
}

/** The provider answers at once, in this process: what is measured is what is written. */
const inquire = async (_: Order): Promise<{ readonly charge: string }> => ({ charge: "ch_1" });

/** Hears of ends, so that nobody has to ask the database, which would be at the cost of what is measured. */
class Ends {
  #left = 0;
  #resolve = (): void => {};

  after(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  one(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#resolve();
  }
}

/** A ledger that resolves what others left unknown, alone in its database. */
class Recovering {
  readonly #pool: pg.Pool;
  readonly #ledger: Ledger;
  readonly #ended: Ends;
  #runs = 0;

  private constructor(pool: pg.Pool, ledger: Ledger, ended: Ends) {
    this.#pool = pool;
    this.#ledger = ledger;
    this.#ended = ended;
  }

  /** @param concurrency - As many calls at a time as a provider that answers at once would be given. */
  static async in(url: string, concurrency = 256): Promise<Recovering> {
    const pool = new pg.Pool({ connectionString: url, max: 16 });
    pool.on("error", () => {});
    const ended = new Ends();
    const ledger = createLedger({
      ...{ sql: fromPgPool(pool), concurrency, retention: { every: "1d" } },
      onEvent: (event) => event.type === "operationMoved" && event.to === "DONE" && ended.one(),
    });
    await ledger.migrate();
    await pool.query(orders);
    ledger.operation<Order, { readonly charge: string }>("pay", {
      ...business,
      many,
      call: inquire,
      inquire: async (order) => ({ status: "found", result: await inquire(order) }),
      cancel: async () => {},
      capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
    });
    return new Recovering(pool, ledger, ended);
  }

  /** So many more that have ended. */
  async fill(operations: number): Promise<void> {
    await this.#pool.query(
      `insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request,
         result, sent_at, created_at, updated_at)
       select 'pay', 'old-' || n, repeat('f', 64), 'DONE', 1, 'default', '{default}', '{"id":"old","amount":1000}',
         '{"charge":"ch_1"}', now(), now(), now() from generate_series(1, $1) as n`,
      [operations],
    );
    await this.#pool.query("vacuum analyze outrigger.operation");
    await this.#pool.query("checkpoint");
  }

  async perSecond(operations: number): Promise<number> {
    this.#runs += 1;
    const name = `left-${this.#runs}-`;
    await left(this.#pool, operations, name);
    await this.#pool.query(
      `insert into outrigger.operation (operation, key, fingerprint, state, fence, due_at, provider, providers, request,
         attempt, in_doubt, sent_at, unknown_since, created_at, updated_at)
       select 'pay', $2 || n, repeat('f', 64), 'UNKNOWN', 1, now(), 'default', '{default}',
         json_build_object('id', $2 || n, 'amount', 1000)::text, 1, true, now(), now(), now(), now()
       from generate_series(1, $1) as n`,
      [operations, name],
    );
    const startedAtMs = performance.now();
    const ended = this.#ended.after(operations);
    this.#ledger.start();
    await ended;
    const perSecond = (operations / (performance.now() - startedAtMs)) * 1_000;
    await this.#ledger.stop();
    return perSecond;
  }

  async close(): Promise<void> {
    await this.#ledger.stop();
    await this.#pool.end();
  }
}

const operationsAtATime = 20_000;

/** What a resolver does with operations that others left unknown, against the floor, and beside many that have ended. */
export const recoveryPart: Part = {
  name: "recovery",
  async run({ fresh, rounds, history, say }) {
    const bare = await deleteFloor(await fresh(), 5 * operationsAtATime);
    const floor = await SkipLockedFloor.of(await fresh());
    const empty = await Recovering.in(await fresh());
    const full = await Recovering.in(await fresh());
    try {
      say(`recovery: ${history} ended operations are filled in`);
      await full.fill(history);
      const sides = { floor, empty, full };
      const seen = { floor: [] as number[], empty: [] as number[], full: [] as number[] };
      for (const side of Object.values(sides)) await side.perSecond(operationsAtATime);
      for (let round = 1; round <= rounds; round += 1) {
        say(`recovery: round ${round} of ${rounds}`);
        const names = ["floor", "empty", "full"] as const;
        for (const name of round % 2 === 0 ? names : names.toReversed()) {
          seen[name].push(await sides[name].perSecond(operationsAtATime));
        }
      }
      const ratio = (a: readonly number[], b: readonly number[]): number =>
        median(a.map((value, round) => value / (b[round] ?? Number.NaN)));
      const [ours, theirs] = [Math.round(median(seen.empty)), Math.round(median(seen.floor))];
      return {
        judged: [
          atLeast(
            `recovery, ${ours}/s: of the SKIP LOCKED floor for the same work, ${theirs}/s`,
            ratio(seen.empty, seen.floor),
            0.5,
          ),
          reported(`recovery: of jobs that are only taken and deleted, ${Math.round(bare)}/s`, ours / bare),
          atMost(
            `recovery with ${history} ended operations: times slower`,
            ratio(seen.empty, seen.full),
            1.3,
          ),
        ],
      };
    } finally {
      for (const side of [floor, empty, full]) await side.close();
    }
  },
};
