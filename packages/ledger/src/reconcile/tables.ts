import { Failure } from "@outrigger/core";
import { ledgerFailureCodes, notMigrated } from "../failure.ts";
import type { SqlQuery, SqlRow } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { FindingClass, ItemClass } from "./classify.ts";
import type { DayTotal } from "./days.ts";

/** A disagreement, as it is stored. */
export interface Finding {
  /** The day of the provider's time, or of ours where the provider has nothing. */
  readonly day: string;
  readonly class: FindingClass;
  /** The key that the provider was sent; of a broken line `line 17`. */
  readonly key: string;
  /** What each side says. Plain JSON. */
  readonly details: unknown;
  /** What is done about it: `report`, `apply`, or `custom`. */
  readonly action: string;
  readonly actionState: "none" | "pending" | "done";
  /** What the action came to, or last failed with. */
  readonly outcome: string | null;
  /** Whether the day was read again, and it was gone. */
  readonly cleared: boolean;
}

export type NewFinding = Omit<Finding, "cleared">;

/** How far a reconciliation has come. */
export interface Progress {
  /** Counts the processes that took it up. */
  readonly fence: number;
  /** The last day that is done; null before the first. */
  readonly doneDay: string | null;
  /** The day under way, and the last key of it that is stored. */
  readonly day: string | null;
  readonly afterKey: string | null;
}

/** The statements of one reconciliation, for PostgreSQL. Decides nothing. */
export class ReconciliationTables<Tx> {
  readonly #store: Store<Tx>;
  readonly #schema: string;
  readonly #name: string;

  constructor(store: Store<Tx>, schema: string, name: string) {
    this.#store = store;
    this.#schema = schema;
    this.#name = name;
  }

  /** Safe from many processes at once. */
  async migrate(): Promise<void> {
    const s = this.#schema;
    await this.#store.sql.transaction(async (_, query) => {
      await query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`outrigger.ledger:${s}`]);
      const [present] = await query("select to_regclass($1) is not null as yes", [
        `${s}.reconciliation_finding`,
      ]);
      if (present?.["yes"] === true) return;
      for (const statement of tables(s)) await query(statement);
    });
  }

  /** Takes it up; whoever had it before can store nothing more. */
  async take(): Promise<Progress> {
    const [row] = await this.#send(
      `insert into ${this.#schema}.reconciliation as r (name, fence, updated_at) values ($1, 1, statement_timestamp())
       on conflict (name) do update set fence = r.fence + 1, updated_at = statement_timestamp()
       returning fence::text as fence, done_day, day, after_key`,
      [this.#name],
    );
    return {
      fence: Number(row?.["fence"]),
      doneDay: text(row?.["done_day"]),
      day: text(row?.["day"]),
      afterKey: text(row?.["after_key"]),
    };
  }

  /** Begins a day from its start. What was counted of it before is dropped; its findings stay until they are seen again. */
  async beginDay(fence: number, day: string, again: boolean): Promise<void> {
    // A day that is read again may come from another source, so nobody goes on with it half way.
    await this.#fenced(
      fence,
      { day: again ? null : day, day_fence: "fence", after_key: null },
      async (query) => {
        await query(`delete from ${this.#schema}.reconciliation_day where name = $1 and day = $2`, [
          this.#name,
          day,
        ]);
      },
    );
  }

  /** Stores what was found up to a key, and that it was. */
  async keep(
    fence: number,
    afterKey: string | null,
    totals: readonly DayTotal[],
    findings: readonly NewFinding[],
  ): Promise<void> {
    await this.#fenced(fence, afterKey === null ? {} : { after_key: afterKey }, (query) =>
      this.#insert(query, totals, findings),
    );
  }

  /** @param advances - Whether the cursor moves to this day: it does not for one that is read again. */
  async endDay(fence: number, day: string, advances: boolean): Promise<void> {
    const done = advances ? { done_day: day } : {};
    await this.#fenced(fence, { day: null, after_key: null, ...done }, async (query) => {
      await query(
        `update ${this.#schema}.reconciliation_finding as f set cleared_at = statement_timestamp()
         from ${this.#schema}.reconciliation as r
         where r.name = $1 and f.name = $1 and f.day = $2 and f.seen < r.day_fence and f.cleared_at is null`,
        [this.#name, day],
      );
    });
  }

  async pending(
    afterKey: { day: string; class: string; key: string } | undefined,
    limit: number,
  ): Promise<readonly Finding[]> {
    const { day = "", class: of = "", key = "" } = afterKey ?? {};
    const rows = await this.#send(
      `select ${findingColumns} from ${this.#schema}.reconciliation_finding
       where name = $1 and action_state = 'pending' and cleared_at is null and (day, class, key) > ($2, $3, $4)
       order by day, class, key limit $5`,
      [this.#name, day, of, key, limit],
    );
    return rows.map(findingOf);
  }

  async acted(finding: Finding, state: "pending" | "done", outcome: string): Promise<void> {
    await this.#send(
      `update ${this.#schema}.reconciliation_finding set action_state = $5::text, outcome = $6::text
       where name = $1 and day = $2 and class = $3 and key = $4`,
      [this.#name, finding.day, finding.class, finding.key, state, outcome],
    );
  }

  async totals(fromDay: string, toDay: string): Promise<readonly DayTotal[]> {
    const rows = await this.#send(
      `select day, class, currency, count::text as count, remote_sum::text as remote_sum, local_sum::text as local_sum
       from ${this.#schema}.reconciliation_day
       where name = $1 and day between $2 and $3 order by day, class, currency`,
      [this.#name, fromDay, toDay],
    );
    return rows.map((row) => ({
      day: String(row["day"]),
      class: row["class"] as ItemClass,
      currency: String(row["currency"]),
      count: Number(row["count"]),
      remoteSum: String(row["remote_sum"]),
      localSum: String(row["local_sum"]),
    }));
  }

  async findings(fromDay: string, toDay: string, limit: number): Promise<readonly Finding[]> {
    const rows = await this.#send(
      `select ${findingColumns} from ${this.#schema}.reconciliation_finding
       where name = $1 and day between $2 and $3 order by day, class, key limit $4`,
      [this.#name, fromDay, toDay, limit],
    );
    return rows.map(findingOf);
  }

  async #insert(
    query: SqlQuery,
    totals: readonly DayTotal[],
    findings: readonly NewFinding[],
  ): Promise<void> {
    if (totals.length > 0) {
      await query(
        `insert into ${this.#schema}.reconciliation_day as d (name, day, class, currency, count, remote_sum, local_sum)
         select $1, t.day, t.class, t.currency, t.count, t."remoteSum", t."localSum"
         from json_to_recordset($2::json) as t (day text, class text, currency text, count bigint,
           "remoteSum" numeric, "localSum" numeric)
         on conflict (name, day, class, currency) do update set count = d.count + excluded.count,
           remote_sum = d.remote_sum + excluded.remote_sum, local_sum = d.local_sum + excluded.local_sum`,
        [this.#name, JSON.stringify(totals)],
      );
    }
    if (findings.length === 0) return;
    const rows = findings.map((finding) => ({ ...finding, details: JSON.stringify(finding.details) }));
    // What was acted upon already is not acted upon again, unless it had gone meanwhile.
    await query(
      `insert into ${this.#schema}.reconciliation_finding as f
         (name, day, class, key, details, action, action_state, outcome, seen, found_at)
       select $1, t.day, t.class, t.key, t.details, t.action, t."actionState", t.outcome, r.day_fence, statement_timestamp()
       from json_to_recordset($2::json) as t (day text, class text, key text, details text, action text,
         "actionState" text, outcome text)
         join ${this.#schema}.reconciliation as r on r.name = $1
       on conflict (name, day, class, key) do update set details = excluded.details, seen = excluded.seen,
         action = excluded.action,
         action_state = case when f.action_state = 'done' and f.cleared_at is null and f.details = excluded.details
           and f.action = excluded.action then 'done' else excluded.action_state end,
         outcome = coalesce(excluded.outcome, f.outcome), cleared_at = null`,
      [this.#name, JSON.stringify(rows)],
    );
  }

  /** @param set - Columns; the value "fence" is the fence itself. */
  async #fenced(
    fence: number,
    set: Readonly<Record<string, string | null>>,
    work: (query: SqlQuery) => Promise<void>,
  ): Promise<void> {
    await this.#store.sql.transaction(async (_, query) => {
      const columns = Object.entries(set).filter(([, value]) => value !== "fence");
      const own = Object.entries(set).flatMap(([column, value]) =>
        value === "fence" ? [`${column} = fence`] : [],
      );
      const assigned = [...columns.map(([column], index) => `${column} = $${index + 3}::text`), ...own];
      const rows = await query(
        `update ${this.#schema}.reconciliation set ${[...assigned, "updated_at = statement_timestamp()"].join(", ")}
         where name = $1 and fence = $2::bigint returning name`,
        [this.#name, fence, ...columns.map(([, value]) => value)],
      );
      if (rows.length === 0) throw takenOver(this.#name);
      await work(query);
    });
  }

  async #send(statement: string, values: readonly unknown[]): Promise<readonly SqlRow[]> {
    try {
      return await this.#store.sql.query(statement, values);
    } catch (error) {
      throw this.#store.dialect.isNotMigrated(error) ? notMigrated(error) : error;
    }
  }
}

const findingColumns = `day, class, key, details, action, action_state, outcome,
  case when cleared_at is null then 'no' else 'yes' end as cleared`;

function findingOf(row: SqlRow): Finding {
  return {
    day: String(row["day"]),
    class: row["class"] as FindingClass,
    key: String(row["key"]),
    details: JSON.parse(String(row["details"])),
    action: String(row["action"]),
    actionState: row["action_state"] as Finding["actionState"],
    outcome: text(row["outcome"]),
    cleared: row["cleared"] === "yes",
  };
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

function takenOver(name: string): Failure {
  return new Failure(
    `another process has taken up the reconciliation ${JSON.stringify(name)}; this one stored nothing since`,
    { code: ledgerFailureCodes.takenOver, effect: "none", transient: false },
  );
}

/** Keys are compared as bytes, as the merge does, whatever the database sorts text by. */
const tables = (s: string): readonly string[] => [
  `create table ${s}.reconciliation (
    name text primary key,
    fence bigint not null,
    done_day text,
    day text,
    day_fence bigint not null default 0,
    after_key text,
    updated_at timestamptz not null
  )`,
  `create table ${s}.reconciliation_day (
    name text not null,
    day text not null,
    class text not null,
    currency text not null,
    count bigint not null,
    remote_sum numeric not null,
    local_sum numeric not null,
    primary key (name, day, class, currency)
  )`,
  `create table ${s}.reconciliation_finding (
    name text not null,
    day text not null,
    class text not null,
    key text collate "C" not null,
    -- JSON as text: jsonb refuses NUL and lone surrogates, and changes what it stores.
    details text not null,
    action text not null,
    action_state text not null check (action_state in ('none', 'pending', 'done')),
    outcome text,
    -- The fence under which the day was read when it was seen last.
    seen bigint not null,
    found_at timestamptz not null,
    cleared_at timestamptz,
    primary key (name, day, class, key)
  )`,
  `create index reconciliation_finding_pending on ${s}.reconciliation_finding (name, day, class, key)
    where action_state = 'pending' and cleared_at is null`,
];
