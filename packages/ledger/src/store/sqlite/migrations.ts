import { hasCode, ledgerFailureCodes, migrationTimedOut } from "../../failure.ts";
import { openStates } from "../../state/transitions.ts";
import type { MigrateBounds } from "../dialect.ts";
import { bounded, type SqlPort, type SqlQuery } from "../sql-port.ts";
import { barrierTables } from "./barrier.ts";
import { listed, now } from "./columns.ts";
import { inboxTables } from "./inbox.ts";
import { outboxTables } from "./outbox.ts";
import { reconciliationTables } from "./reconciliation.ts";
import { sagaTables } from "./saga.ts";

/** In the order in which they are applied; what is released is never edited, only followed by another. */
const migrations: readonly ((schema: string) => readonly string[])[] = [
  (schema) => [
    `create table ${schema}_operation (
      ${operation},
      unique (operation, key),
      constraint operation_intent_is_one_way
        check (intent = 'EXECUTE' or state in ('CANCELLING', 'CANCELLED', 'MANUAL')),
      constraint operation_is_due_while_worked_on
        check ((due_at is null) = (state in ('DONE', 'FAILED', 'CANCELLED', 'MANUAL')))
    ) strict`,
    `create index ${schema}_operation_open on ${schema}_operation (due_at) where state in (${listed(openStates)})`,
    `create table ${schema}_operation_event (
      id integer primary key,
      operation_id text not null,
      at integer not null,
      fence integer not null,
      from_state text,
      to_state text not null,
      provider text not null,
      why text not null,
      evidence text,
      actor text
    ) strict`,
    `create index ${schema}_operation_event_of on ${schema}_operation_event (operation_id, id)`,
    `create table ${schema}_operation_archive (
      ${operation},
      -- Whether the original is still in the table operation: see the statement archiveDrop.
      hot integer not null,
      copied_at integer not null,
      history text not null,
      unique (operation, key)
    ) strict`,
    `create index ${schema}_operation_archive_hot on ${schema}_operation_archive (copied_at) where hot = 1`,
    `create index ${schema}_operation_archive_moving on ${schema}_operation_archive (hot) where hot > 1`,
    `create index ${schema}_operation_archive_age on ${schema}_operation_archive (updated_at)`,
    ...inboxTables(schema),
    ...reconciliationTables(schema),
    ...sagaTables(schema),
    ...outboxTables(schema),
    ...barrierTables(schema),
  ],
  // Of an operation that was sent when it was stored, and answered by its first call: the entry that is not written.
  (schema) => [`alter table ${schema}_operation add column answered_at integer`],
];

/** Times are milliseconds since 1970, yes is 1. JSON is text. */
const operation = `id text not null primary key,
      operation text not null,
      key text not null,
      fingerprint text not null,
      state text not null check (state in
        ('READY', 'SENDING', 'UNKNOWN', 'CANCELLING', 'DONE', 'FAILED', 'CANCELLED', 'MANUAL')),
      intent text not null default 'EXECUTE' check (intent in ('EXECUTE', 'CANCEL')),
      fence integer not null,
      -- While a worker has the row: the end of its lease. Otherwise: when it is to be tried next.
      due_at integer,
      provider text not null,
      providers text not null,
      attempt integer not null default 0,
      tries integer not null default 0,
      in_doubt integer not null default 0,
      request text not null,
      result text,
      failure text,
      sent_at integer,
      key_expires_at integer,
      unknown_since integer,
      cancelling_since integer,
      created_at integer not null,
      updated_at integer not null,
      last_error_at integer,
      last_error_code text,
      last_error_message text,
      last_error_tries integer,
      cancel_wanted_at integer,
      abandoned integer not null default 0,
      resend_refused integer not null default 0,
      person_only integer not null default 0,
      retried_at integer`;

export const latestVersion: number = migrations.length;

/**
 * Brings the ledger's own tables up to date. Safe from many processes at once: one has the file for writing, the others
 * wait. It is one transaction, as everything in SQLite may be.
 *
 * @returns the version reached.
 * @throws Failure `MIGRATION_TIMEOUT` with nothing changed.
 */
export async function migrate<Tx>(
  sql: SqlPort<Tx>,
  schema: string,
  { timeoutMs, clock }: MigrateBounds,
): Promise<number> {
  const within = bounded(sql, { clock, statementMs: timeoutMs, transactionMs: timeoutMs });
  try {
    return await within.transaction((_, query) => migrateIn(query, schema));
  } catch (error) {
    if (!hasCode(error, ledgerFailureCodes.databaseUnavailable)) throw error;
    throw migrationTimedOut(timeoutMs, error);
  }
}

async function migrateIn(query: SqlQuery, schema: string): Promise<number> {
  await query(
    `create table if not exists ${schema}_migration (version integer primary key, applied_at integer not null) strict`,
  );
  const [row] = await query(`select coalesce(max(version), 0) as version from ${schema}_migration`);
  const applied = Number(row?.["version"]);
  for (const [index, build] of migrations.entries()) {
    const version = index + 1;
    if (version <= applied) continue;
    for (const statement of build(schema)) await query(statement);
    await query(`insert into ${schema}_migration (version, applied_at) values ($1, ${now})`, [version]);
  }
  return Math.max(applied, migrations.length);
}
