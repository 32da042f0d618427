import { migrationTimedOut } from "../../failure.ts";
import type { MigrateBounds } from "../dialect.ts";
import { bounded, type SqlPort, type SqlQuery } from "../sql-port.ts";
import { barrierTables } from "./barrier.ts";
import { functions4 } from "./functions-4.ts";
import { functions8 } from "./functions-8.ts";
import { functions9 } from "./functions-9.ts";
import { inboxTables } from "./inbox.ts";
import { outboxTables } from "./outbox.ts";
import { reconciliationTables } from "./reconciliation.ts";
import { sagaTables } from "./saga.ts";

/** In the order in which they are applied; what is released is never edited, only followed by another. */
const migrations: readonly ((schema: string) => string | readonly string[])[] = [
  (schema) => `
    create table ${schema}.operation (
      id uuid primary key default gen_random_uuid(),
      operation text not null,
      key text not null,
      fingerprint text not null,
      state text not null check (state in
        ('READY', 'SENDING', 'UNKNOWN', 'CANCELLING', 'DONE', 'FAILED', 'CANCELLED', 'MANUAL')),
      intent text not null default 'EXECUTE' check (intent in ('EXECUTE', 'CANCEL')),
      fence bigint not null,
      -- While a worker has the row: the end of its lease. Otherwise: when it is to be tried next.
      due_at timestamptz,
      provider text not null,
      providers text[] not null,
      attempt integer not null default 0,
      tries integer not null default 0,
      in_doubt boolean not null default false,
      -- JSON as text: jsonb refuses NUL and lone surrogates, and changes what it stores.
      request text not null,
      result text,
      failure text,
      sent_at timestamptz,
      key_expires_at timestamptz,
      unknown_since timestamptz,
      cancelling_since timestamptz,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      unique (operation, key),
      constraint operation_intent_is_one_way
        check (intent = 'EXECUTE' or state in ('CANCELLING', 'CANCELLED', 'MANUAL')),
      constraint operation_unsettled_is_due
        check ((due_at is null) = (state in ('DONE', 'FAILED', 'CANCELLED', 'MANUAL')))
    );
    create index operation_due on ${schema}.operation (due_at) where due_at is not null;
    create table ${schema}.operation_event (
      id bigint generated always as identity primary key,
      operation_id uuid not null references ${schema}.operation (id) on delete cascade,
      at timestamptz not null,
      fence bigint not null,
      from_state text,
      to_state text not null,
      provider text not null,
      why text not null,
      evidence text
    );
    create index operation_event_of on ${schema}.operation_event (operation_id, id);
  `,
  // For the snapshot, which is polled: what is settled stays for years, what is open is a handful.
  (schema) => `
    create index operation_open on ${schema}.operation (state)
      where state in ('READY', 'SENDING', 'UNKNOWN', 'CANCELLING', 'MANUAL');
    alter table ${schema}.operation rename constraint operation_unsettled_is_due to operation_is_due_while_worked_on;
  `,
  // What the last inquiry or cancel failed with: the history has moves only, and a failure is mostly none.
  (schema) => `
    alter table ${schema}.operation
      add column last_error_at timestamptz,
      add column last_error_code text,
      add column last_error_message text,
      add column last_error_tries integer;
  `,
  // Cancels that people ask for, outcomes that arrive late, and a place for what has ended. Ids follow the clock from
  // here on, so that the oldest rows are found by the primary key.
  (schema) => [
    ...split(`
    alter table ${schema}.operation
      add column cancel_wanted_at timestamptz,
      add column abandoned boolean not null default false,
      add column resend_refused boolean not null default false,
      add column person_only boolean not null default false,
      add column retried_at timestamptz;
    alter table ${schema}.operation alter column id set default
      encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1), 'hex')::uuid;
    alter table ${schema}.operation_event add column actor text;
    -- Every write of an operation pays for these. Entries are read by operation, and go with it when it moves.
    alter table ${schema}.operation_event
      drop constraint operation_event_operation_id_fkey,
      drop constraint operation_event_pkey;
    drop index ${schema}.operation_due;
    drop index ${schema}.operation_open;
    create index operation_open on ${schema}.operation (due_at)
      where state in ('READY', 'SENDING', 'UNKNOWN', 'CANCELLING', 'MANUAL');
    create table ${schema}.operation_archive (
      like ${schema}.operation,
      -- Whether the original is still in the table operation.
      hot boolean not null,
      copied_at timestamptz not null,
      history text not null,
      primary key (id),
      unique (operation, key)
    );
    create index operation_archive_hot on ${schema}.operation_archive (copied_at) where hot;
    create index operation_archive_age on ${schema}.operation_archive (updated_at);
  `),
    ...functions4(schema),
  ],
  // Sagas: several operations of which either all stand in the end, or none.
  sagaTables,
  // Inboxes and reconciliations, which had made their tables themselves.
  (schema) => [...inboxTables(schema), ...reconciliationTables(schema)],
  // Ordered outboxes, and barriers for one's own services.
  (schema) => [...outboxTables(schema), ...barrierTables(schema)],
  // Statements for many rows whose plan is kept, as that for one row is.
  functions8,
  // Cheaper statements for many rows, and no entry of its own for the end that nearly all operations come to.
  functions9,
];

/** What {@link migrate} brings the tables to. */
export const latestVersion: number = migrations.length;

const split = (script: string): readonly string[] =>
  script.split(/;\s*$/m).filter((statement) => statement.trim() !== "");

/** How much later than the database itself the ledger gives up. */
const graceMs = 5_000;

/** Raised by `lock_timeout`. Source: PostgreSQL manual, appendix A. */
const lockNotAvailable = "55P03";
/** Raised by `statement_timeout`. */
const queryCanceled = "57014";

/**
 * Brings the ledger's own schema up to date. Safe from many processes at once: one does it, the others wait.
 *
 * @returns the version reached.
 * @throws Failure `MIGRATION_TIMEOUT` with nothing changed.
 */
export async function migrate<Tx>(
  sql: SqlPort<Tx>,
  schema: string,
  { clock, timeoutMs }: MigrateBounds,
): Promise<number> {
  const longestMs = timeoutMs + graceMs;
  const within = bounded(sql, { clock, statementMs: longestMs, transactionMs: longestMs });
  try {
    return await within.transaction((_, query) => migrateIn(query, schema, timeoutMs));
  } catch (error) {
    const code: unknown =
      typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
    if (code !== lockNotAvailable && code !== queryCanceled) throw error;
    throw migrationTimedOut(timeoutMs, error);
  }
}

async function migrateIn(query: SqlQuery, schema: string, timeoutMs: number): Promise<number> {
  const bound = `${Math.ceil(timeoutMs)}ms`;
  // A table that somebody holds would otherwise be waited for without end, with every other query behind this one.
  await query("select set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true)", [
    bound,
  ]);
  await query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`outrigger.ledger:${schema}`]);
  // Asked first, because "if not exists" needs the right to create even when there is nothing to do.
  const [present] = await query("select to_regclass($1) is not null as yes", [`${schema}.migration`]);
  if (present?.["yes"] !== true) {
    await query(`create schema if not exists ${schema}`);
    await query(
      `create table ${schema}.migration (version integer primary key, applied_at timestamptz not null)`,
    );
  }
  const [row] = await query(`select coalesce(max(version), 0)::text as version from ${schema}.migration`);
  const applied = Number(row?.["version"]);
  for (const [index, build] of migrations.entries()) {
    const version = index + 1;
    if (version <= applied) continue;
    const built = build(schema);
    for (const statement of typeof built === "string" ? split(built) : built) await query(statement);
    await query(`insert into ${schema}.migration (version, applied_at) values ($1, statement_timestamp())`, [
      version,
    ]);
  }
  return Math.max(applied, migrations.length);
}
