import { setTimeout as sleep } from "node:timers/promises";
import { pick, seededRandom, startPostgres } from "@outrigger/lab";
import { dueStates, type Ledger, type PgTx } from "@outrigger/ledger";
import pg from "pg";
import { ordersTable, postgresClient } from "../../crash/databases/postgres.ts";
import { declaredBy } from "../../crash/matrix/definitions.ts";
import { behaviourIn } from "../../crash/matrix/modes.ts";
import { promisedIn } from "../../crash/matrix/promise.ts";
import { judge } from "../../crash/play/judge.ts";
import { CrashProvider } from "../../crash/play/provider.ts";
import { orderOf } from "./messages.ts";
import { soakLedger } from "./operations.ts";
import { Slot } from "./process.ts";
import { traitsOf } from "./traits.ts";

export interface LedgerSoakOptions {
  readonly operations: number;
  readonly seed: number;
  /** Told at once: a run of an hour may be cut off. */
  readonly onViolation: (violation: string) => void;
  readonly onProgress: (progress: LedgerSoakProgress) => void;
}

interface LedgerSoakProgress {
  readonly done: number;
  readonly of: number;
  readonly perSecond: number;
  readonly violations: number;
}

export interface LedgerSoakReport {
  readonly operations: number;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<"kills" | "pauses" | "cuts", number>>;
  /** Operations that a person settled, as the promise of their definition has it. */
  readonly withPerson: number;
  readonly violations: readonly string[];
  readonly bounds: readonly { readonly name: string; readonly holds: boolean; readonly measured: string }[];
}

/** What is looked at after each round. */
interface Sample {
  readonly done: number;
  readonly hotRows: number;
  readonly seconds: number;
  /** Of the processes that are never killed. */
  readonly heapBytes: number;
  readonly bytesPerOperation: number;
}

const processes = 4;
/** These are killed; the others live through it all, so that a leak would show. */
const killed = [2, 3];
const atOnce = 24;
/** A round ends when its last one is settled, which takes seconds however many there are. */
const ordersPerRound = (operations: number): number => Math.min(20_000, Math.max(4_000, operations / 50));
const pauseMs = 4_000;
/** How long sessions whose processes have ended may take to be gone. */
const leavingMs = 30_000;
/** What nothing may take longer than to settle, on any machine. */
const settleMs = 300_000;
/** Copies wait ten times the longest that a transaction may take (a lease of 3 s, a statement of 5 s) for their originals. */
const hotSeconds = 80;

/** Operations by four processes that are killed, stopped past their lease, and cut off from their database. */
export async function soakTheLedger(options: LedgerSoakOptions): Promise<LedgerSoakReport> {
  const { operations, seed } = options;
  const atATime = ordersPerRound(operations);
  const startedAtMs = performance.now();
  const server = await startPostgres({ onLine: () => {} });
  const pool = new pg.Pool({ connectionString: server.url, max: 4, application_name: "judge" });
  pool.on("error", () => {});
  const provider = await new CrashProvider(async () => {}).start();
  const own = postgresClient(server.url, 4);
  const { ledger } = soakLedger(own, provider.url, seed);
  await pool.query(ordersTable);
  await ledger.migrate();
  const slots = Array.from(
    { length: processes },
    (_, index) => new Slot(index, { url: server.url, provider: provider.url, seed }),
  );
  const chaos = new Chaos(slots, pool, seed);
  const violations: string[] = [];
  const samples: Sample[] = [];
  let withPerson = 0;
  try {
    for (let done = 0, round = 0; done < operations; round += 1) {
      const count = Math.min(atATime, operations - done);
      const each = Math.ceil(count / processes);
      const orders = slots.flatMap(({ index: slot }) =>
        Array.from({ length: each }, (_, index) => orderOf(round, slot, index)),
      );
      for (const order of orders) treat(provider, order, seed);
      chaos.start();
      const heaps = await Promise.all(
        slots.map((slot) => slot.play({ round, slot: slot.index, from: 0, upTo: each, atOnce })),
      );
      chaos.stop();
      await settled(ledger, provider, orders);
      const judged = await judgeAll({ ledger, provider, pool, orders, seed });
      violations.push(...judged.violations);
      for (const each of judged.violations) options.onViolation(each);
      withPerson += judged.withPerson;
      for (const order of orders) provider.forget(order);
      await pool.query("truncate orders");
      done += orders.length;
      const seconds = (performance.now() - startedAtMs) / 1_000;
      samples.push({
        done,
        seconds,
        heapBytes: Math.max(...heaps.filter((_, at) => !killed.includes(at))),
        ...(await sizes(pool, done)),
      });
      options.onProgress({ done, of: operations, perSecond: done / seconds, violations: violations.length });
    }
    const left = await leftBehind(ledger, pool, slots);
    return {
      operations: samples.at(-1)?.done ?? 0,
      seed,
      seconds: (performance.now() - startedAtMs) / 1_000,
      faults: chaos.counts,
      withPerson,
      violations,
      bounds: [
        {
          name: "no promise was broken",
          holds: violations.length === 0,
          measured: `${violations.length} violations`,
        },
        ...boundsOf(samples, atATime),
        left,
      ],
    };
  } finally {
    chaos.stop();
    await Promise.all(slots.map((slot) => slot.stop()));
    await ledger.stop();
    await own.close();
    await pool.end();
    await provider.stop();
    await server.stop();
  }
}

function treat(provider: CrashProvider, order: string, seed: number): void {
  const { definition, mode } = traitsOf(order, seed);
  const blocksLate = declaredBy(definition).cancels === "blocksLate";
  provider.treat(order, { behaviour: behaviourIn(mode), blocksLate, of: "a" });
}

/** What happens to the processes, at random, while they work. */
class Chaos {
  readonly #slots: readonly Slot[];
  readonly #pool: pg.Pool;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;
  #cuts = 0;

  constructor(slots: readonly Slot[], pool: pg.Pool, seed: number) {
    this.#slots = slots;
    this.#pool = pool;
    this.#random = seededRandom(seed);
  }

  get counts(): LedgerSoakReport["faults"] {
    const sum = (of: (slot: Slot) => number): number => this.#slots.reduce((all, slot) => all + of(slot), 0);
    return { kills: sum(({ kills }) => kills), pauses: sum(({ pauses }) => pauses), cuts: this.#cuts };
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        pick([this.#kill, this.#pause, this.#cut, this.#cut], this.#random)();
        this.start();
      },
      500 + 2_000 * this.#random(),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #kill = (): void => {
    pick(
      this.#slots.filter(({ index }) => killed.includes(index)),
      this.#random,
    ).kill();
  };

  readonly #pause = (): void => pick(this.#slots, this.#random).pause(pauseMs);

  readonly #cut = (): void => {
    this.#cuts += 1;
    this.#pool
      .query(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name <> 'judge' and random() < 0.2`,
      )
      .catch(() => {});
  };
}

async function settled(
  ledger: Ledger<PgTx>,
  provider: CrashProvider,
  orders: readonly string[],
): Promise<void> {
  const isOpen = async (): Promise<boolean> => {
    const { states } = await ledger.snapshot();
    return dueStates.some((state) => states[state] > 0) || orders.some((order) => provider.isBusy(order));
  };
  for (const untilMs = performance.now() + settleMs; performance.now() < untilMs; await sleep(100)) {
    // Twice, because what a provider does at its end may be heard of a moment later.
    if ((await isOpen()) || (await sleep(200, await isOpen()))) continue;
    return;
  }
}

interface Court {
  readonly ledger: Ledger<PgTx>;
  readonly provider: CrashProvider;
  readonly pool: pg.Pool;
  readonly orders: readonly string[];
  readonly seed: number;
}

async function judgeAll({
  ledger,
  provider,
  pool,
  orders,
  seed,
}: Court): Promise<{ readonly violations: readonly string[]; readonly withPerson: number }> {
  const { rows } = await pool.query<{ id: string; status: string }>("select id, status from orders");
  const statuses = new Map(rows.map(({ id, status }) => [id, status]));
  const waiting = new Map<string, string>();
  for (let after: string | undefined; ; ) {
    const page = await ledger.list({ states: ["MANUAL"], ...(after !== undefined && { after }) });
    for (const { id, key } of page.operations) waiting.set(key, id);
    after = page.next ?? undefined;
    if (after === undefined) break;
  }
  const violations = orders.flatMap((order) => {
    const traits = traitsOf(order, seed);
    const wrong = judge({
      promised: promisedIn({ ...traits, fault: "none" }),
      journal: provider.journal(order),
      order: statuses.get(order),
      withPerson: waiting.has(order),
      providerRefuses: false,
    });
    return wrong.map((each) => `${traits.definition}/${traits.mode} ${order}: ${each}`);
  });
  // What a person does: looks at the provider's books, and says what stands there.
  for (const [order, id] of waiting) {
    const standing = provider.journal(order).reduce((sum, { kind }) => sum + (kind === "charge" ? 1 : -1), 0);
    await ledger
      .resolve(id, {
        as:
          standing > 0 && behaviourIn(traitsOf(order, seed).mode).commitRejected !== true
            ? "committed"
            : "abandoned",
        result: { charge: order },
        reason: "seen in their books",
        by: "soak",
      })
      .catch((error: unknown) => violations.push(`${order}: a person could not settle it: ${String(error)}`));
  }
  return { violations, withPerson: waiting.size };
}

async function sizes(pool: pg.Pool, done: number): Promise<Pick<Sample, "hotRows" | "bytesPerOperation">> {
  const { rows } = await pool.query<{ hot: string; bytes: string }>(
    `select (select count(*) from outrigger.operation)::text as hot,
      (select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'outrigger' and c.relkind = 'r')::text as bytes`,
  );
  return { hotRows: Number(rows[0]?.hot), bytesPerOperation: Number(rows[0]?.bytes) / done };
}

function boundsOf(samples: readonly Sample[], atATime: number): LedgerSoakReport["bounds"] {
  const last = samples.at(-1);
  if (last === undefined) return [];
  const second = samples.slice(Math.floor(samples.length / 2));
  const first = second[0] ?? last;
  // What ended within the time for which copies wait, half as much again for the passes, and a round that is under way.
  const rowsAtMost = Math.ceil((last.done / last.seconds) * hotSeconds * 1.5) + 2 * atATime;
  const most = Math.max(...samples.map(({ hotRows }) => hotRows));
  const heapPerRound = slopeOf(second.map(({ heapBytes }) => heapBytes));
  const grownMb = (heapPerRound * second.length) / 2 ** 20;
  const ratio = last.bytesPerOperation / first.bytesPerOperation;
  return [
    {
      name: "the hot table stays small",
      holds: most <= rowsAtMost,
      measured: `${most} rows at the most, ${rowsAtMost} allowed at this rate`,
    },
    {
      name: "the history grows by the same for each operation",
      holds: ratio <= 1.1,
      measured: `${last.bytesPerOperation.toFixed(0)} bytes each, ${ratio.toFixed(2)} times that of half-way`,
    },
    {
      name: "memory stays flat in the second half",
      holds: grownMb <= 8,
      measured: `${(last.heapBytes / 2 ** 20).toFixed(1)} MB at the end, grown by ${grownMb.toFixed(1)} MB`,
    },
  ];
}

/** Of a line through the values, for each step. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  let above = 0;
  let below = 0;
  for (const [index, value] of values.entries()) {
    above += (index - middle) * (value - mean);
    below += (index - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}

/** When every process was told to stop: nothing due, nobody connected. */
async function leftBehind(
  ledger: Ledger<PgTx>,
  pool: pg.Pool,
  slots: readonly Slot[],
): Promise<LedgerSoakReport["bounds"][number]> {
  await Promise.all(slots.map((slot) => slot.stop()));
  const { states } = await ledger.snapshot();
  const open = Object.values(states).reduce((sum, count) => sum + count, 0);
  const atWork = async (): Promise<readonly string[]> => {
    const { rows } = await pool.query<{ query: string }>(
      `select left(query, 80) as query from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and state <> 'idle'
        and pid <> pg_backend_pid()`,
    );
    return rows.map(({ query }) => query);
  };
  let busy = await atWork();
  // The server notices that a process has gone when it has answered its last statement.
  for (const untilMs = performance.now() + leavingMs; busy.length > 0 && performance.now() < untilMs; ) {
    await sleep(100);
    busy = await atWork();
  }
  return {
    name: "nothing is left behind",
    holds: open === 0 && busy.length === 0,
    measured: [`${open} operations open, ${busy.length} sessions at work`, ...busy].join("; "),
  };
}
