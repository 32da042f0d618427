import { notMigrated } from "../failure.ts";
import type { SqlQuery, SqlRow } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { WebhookEvent } from "./options.ts";

/** How an event ended: `stuck` is a person's. */
export type SettledAs = "applied" | "superseded" | "stuck";

/** An event in this process's hands, as long as `tries` in the database is still the same. */
export interface ClaimedEvent {
  readonly id: string;
  readonly event: WebhookEvent;
  readonly tries: number;
  readonly ageMs: number;
}

/** An event for people: plain JSON. */
export interface InboxRecord {
  readonly id: string;
  readonly state: "pending" | SettledAs;
  readonly operation: string | null;
  readonly key: string | null;
  readonly tries: number;
  /** What it came to, or what it waits for. */
  readonly outcome: string | null;
  readonly receivedAt: string;
}

/** The statements of one inbox, for PostgreSQL. Decides nothing. */
export class InboxTables<Tx> {
  readonly #store: Store<Tx>;
  readonly #table: string;
  readonly #schema: string;
  readonly #name: string;

  constructor(store: Store<Tx>, schema: string, name: string) {
    this.#store = store;
    this.#schema = schema;
    this.#table = `${schema}.inbox`;
    this.#name = name;
  }

  /** Safe from many processes at once. */
  async migrate(): Promise<void> {
    await this.#store.sql.transaction(async (_, query) => {
      await query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [
        `outrigger.ledger:${this.#schema}`,
      ]);
      const [present] = await query("select to_regclass($1) is not null as yes", [this.#table]);
      if (present?.["yes"] === true) return;
      for (const statement of tables(this.#table)) await query(statement);
    });
  }

  /** @returns whether it is new. */
  async store(event: WebhookEvent): Promise<boolean> {
    const { id, evidence, atMs } = event;
    const rows = await this.#send(
      `insert into ${this.#table} (inbox, id, event, operation, key, occurred_at_ms, state, due_at, received_at)
       values ($1, $2, $3, $4, $5, $6::float8, 'pending', statement_timestamp(), statement_timestamp())
       on conflict (inbox, id) do nothing returning id`,
      [
        this.#name,
        id,
        JSON.stringify(event),
        evidence?.operation ?? null,
        evidence?.key ?? null,
        atMs ?? null,
      ],
    );
    return rows.length > 0;
  }

  async claim(limit: number, leaseMs: number): Promise<readonly ClaimedEvent[]> {
    const rows = await this.#send(
      `with due as (
         select inbox, id from ${this.#table}
         where inbox = $1 and due_at <= statement_timestamp()
         order by due_at limit $2 for update skip locked
       )
       update ${this.#table} as i set tries = i.tries + 1,
         due_at = statement_timestamp() + $3::float8 * interval '1 millisecond'
       from due where i.inbox = due.inbox and i.id = due.id
       returning i.id, i.event, i.tries::text as tries,
         (extract(epoch from statement_timestamp() - i.received_at) * 1000)::float8 as age_ms`,
      [this.#name, limit, leaseMs],
    );
    return rows.map((row) => ({
      id: String(row["id"]),
      event: JSON.parse(String(row["event"])) as WebhookEvent,
      tries: Number(row["tries"]),
      ageMs: Number(row["age_ms"]),
    }));
  }

  /** Whether later news of the same operation is known. */
  async hasLater({ id, evidence, atMs }: WebhookEvent): Promise<boolean> {
    if (evidence === undefined || atMs === undefined) return false;
    const rows = await this.#send(
      `select id from ${this.#table} where inbox = $1 and operation = $2 and key = $3 and id <> $4
         and occurred_at_ms > $5::float8 and state in ('pending', 'applied') limit 1`,
      [this.#name, evidence.operation, evidence.key, id, atMs],
    );
    return rows.length > 0;
  }

  /**
   * Marks it as done, with what `work` changes in the same transaction.
   *
   * @returns false, with nothing changed, when another process has it.
   */
  async settle(
    { id, tries }: ClaimedEvent,
    as: SettledAs,
    outcome: string,
    work?: (tx: Tx) => Promise<unknown> | unknown,
  ): Promise<boolean> {
    const text = `update ${this.#table} set state = $4, outcome = $5, due_at = null, settled_at = statement_timestamp()
      where inbox = $1 and id = $2 and tries = $3::integer and state = 'pending' returning id`;
    const values = [this.#name, id, tries, as, outcome];
    if (work === undefined) return (await this.#send(text, values)).length > 0;
    return await this.#store.sql.transaction(async (tx, query: SqlQuery) => {
      // The mark first: it locks the row, so that no other process does the work meanwhile.
      if ((await query(text, values)).length === 0) return false;
      await work(tx);
      return true;
    });
  }

  async retryLater({ id, tries }: ClaimedEvent, delayMs: number, outcome: string): Promise<void> {
    await this.#send(
      `update ${this.#table} set due_at = statement_timestamp() + $4::float8 * interval '1 millisecond', outcome = $5
       where inbox = $1 and id = $2 and tries = $3::integer and state = 'pending'`,
      [this.#name, id, tries, delayMs, outcome],
    );
  }

  /** @returns whether there was such an event that is not done. */
  async retryNow(id: string): Promise<boolean> {
    const rows = await this.#send(
      `update ${this.#table} set state = 'pending', due_at = statement_timestamp(), received_at = statement_timestamp()
       where inbox = $1 and id = $2 and state in ('pending', 'stuck') returning id`,
      [this.#name, id],
    );
    return rows.length > 0;
  }

  async forget(olderThanMs: number, limit: number): Promise<number> {
    const rows = await this.#send(
      `delete from ${this.#table} where inbox = $1 and id in (
         select id from ${this.#table} where inbox = $1 and state in ('applied', 'superseded')
           and settled_at < statement_timestamp() - $2::float8 * interval '1 millisecond'
         limit $3 for update skip locked
       ) returning id`,
      [this.#name, olderThanMs, limit],
    );
    return rows.length;
  }

  async find(id: string): Promise<InboxRecord | undefined> {
    return (await this.#records("id = $2", [id], 1))[0];
  }

  /** What is not done, the oldest first. */
  open(limit: number): Promise<readonly InboxRecord[]> {
    return this.#records("state in ('pending', 'stuck')", [], limit);
  }

  async #records(where: string, values: readonly unknown[], limit: number): Promise<readonly InboxRecord[]> {
    const rows = await this.#send(
      `select id, state, operation, key, tries::text as tries, outcome,
         to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as received_at
       from ${this.#table} where inbox = $1 and ${where} order by received_at, id limit ${limit}`,
      [this.#name, ...values],
    );
    return rows.map((row) => ({
      id: String(row["id"]),
      state: row["state"] as InboxRecord["state"],
      operation: textOf(row["operation"]),
      key: textOf(row["key"]),
      tries: Number(row["tries"]),
      outcome: textOf(row["outcome"]),
      receivedAt: String(row["received_at"]),
    }));
  }

  async #send(text: string, values: readonly unknown[]): Promise<readonly SqlRow[]> {
    try {
      return await this.#store.sql.query(text, values);
    } catch (error) {
      throw this.#store.dialect.isNotMigrated(error) ? notMigrated(error) : error;
    }
  }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

const tables = (table: string): readonly string[] => [
  `create table ${table} (
    inbox text not null,
    id text not null,
    -- JSON as text: jsonb refuses NUL and lone surrogates, and changes what it stores.
    event text not null,
    operation text,
    key text,
    occurred_at_ms float8,
    state text not null check (state in ('pending', 'applied', 'superseded', 'stuck')),
    tries integer not null default 0,
    due_at timestamptz,
    outcome text,
    received_at timestamptz not null,
    settled_at timestamptz,
    primary key (inbox, id),
    constraint inbox_pending_is_due check ((due_at is null) = (state <> 'pending'))
  )`,
  `create index inbox_due on ${table} (inbox, due_at) where due_at is not null`,
  `create index inbox_of on ${table} (operation, key) where operation is not null`,
  `create index inbox_open on ${table} (inbox, received_at) where state in ('pending', 'stuck')`,
  `create index inbox_settled on ${table} (inbox, settled_at) where state in ('applied', 'superseded')`,
];
