import { Failure, show } from "@outrigger/core";
import { ledgerFailureCodes, migrationTimedOut } from "../../failure.ts";
import type { MigrateBounds } from "../dialect.ts";
import { bounded, type SqlPort, type SqlQuery } from "../sql-port.ts";
import { barrierTables } from "./barrier.ts";
import { errorNumberOf, isLost } from "./errors.ts";
import { inboxTables } from "./inbox.ts";
import { outboxTables } from "./outbox.ts";
import { reconciliationTables } from "./reconciliation.ts";
import { sagaTables } from "./saga.ts";
import { tableOptions, types } from "./text.ts";

const { id, word, key, text, instant } = types;

/** What an operation's own table and its archive have in common. */
const operationColumns = `
  id ${id} not null,
  operation ${key} not null,
  \`key\` ${key} not null,
  fingerprint ${word} not null,
  state ${word} not null,
  intent ${word} not null default 'EXECUTE',
  fence bigint not null,
  due_at ${instant} comment 'end of the lease of the worker that has it, else when it is tried next; UTC',
  provider ${word} not null,
  providers ${text} not null,
  attempt int not null default 0,
  tries int not null default 0,
  in_doubt tinyint not null default 0,
  request ${text} not null,
  result ${text},
  failure ${text},
  sent_at ${instant},
  key_expires_at ${instant},
  unknown_since ${instant},
  cancelling_since ${instant},
  created_at ${instant} not null,
  updated_at ${instant} not null,
  last_error_at ${instant},
  last_error_code ${text},
  last_error_message ${text},
  last_error_tries int,
  cancel_wanted_at ${instant},
  abandoned tinyint not null default 0,
  resend_refused tinyint not null default 0,
  person_only tinyint not null default 0,
  retried_at ${instant}`;

/**
 * In the order in which they are applied; what is released is never edited, only followed by another.
 *
 * Each statement that makes or alters a table commits by itself, so a crash may leave any number of them behind: each has
 * to do nothing where it has been done.
 */
const migrations: readonly ((schema: string) => readonly string[])[] = [
  (s) => [
    `create table if not exists ${s}_operation (${operationColumns},
      primary key (id),
      unique key operation_key (operation, \`key\`),
      key operation_due (due_at),
      key operation_state (state),
      check (state in ('READY', 'SENDING', 'UNKNOWN', 'CANCELLING', 'DONE', 'FAILED', 'CANCELLED', 'MANUAL')),
      check (intent = 'EXECUTE' or (intent = 'CANCEL' and state in ('CANCELLING', 'CANCELLED', 'MANUAL'))),
      check ((due_at is null) = (state in ('DONE', 'FAILED', 'CANCELLED', 'MANUAL')))
    ) ${tableOptions}`,
    `create table if not exists ${s}_operation_event (
      id bigint not null auto_increment,
      operation_id ${id} not null,
      at ${instant} not null,
      fence bigint not null,
      from_state ${word},
      to_state ${word} not null,
      provider ${word} not null,
      why ${text} not null,
      evidence ${text},
      actor ${text},
      primary key (id),
      key operation_event_of (operation_id, id)
    ) ${tableOptions}`,
    `create table if not exists ${s}_operation_archive (${operationColumns},
      hot tinyint not null comment 'whether the original is still in the table of operations',
      copied_at ${instant} not null,
      history ${text} not null,
      primary key (id),
      unique key operation_key (operation, \`key\`),
      key operation_archive_hot (hot, copied_at),
      key operation_archive_age (updated_at)
    ) ${tableOptions}`,
    ...inboxTables(s),
    ...reconciliationTables(s),
    ...sagaTables(s),
    ...outboxTables(s),
    ...barrierTables(s),
  ],
];

export const latestVersion: number = migrations.length;

/** The longest name of a table of ours is 23 letters longer, and 64 are allowed. */
const longestPrefix = 40;
/** How much later than the database itself the ledger gives up. */
const graceMs = 5_000;
/** A lock was not free in time. */
const lockWaitTimeout = 1205;

/**
 * Brings the ledger's own tables up to date. Safe from many processes at once: one does it, the others wait.
 *
 * @returns the version reached.
 * @throws Failure `MIGRATION_TIMEOUT`; `DATABASE_TOO_OLD` with what is needed.
 */
export async function migrate<Tx>(
  sql: SqlPort<Tx>,
  schema: string,
  { clock, timeoutMs }: MigrateBounds,
): Promise<number> {
  const longestMs = timeoutMs + graceMs;
  const { session } = bounded(sql, { clock, statementMs: longestMs, transactionMs: longestMs });
  if (session === undefined) {
    throw new TypeError("this port cannot make tables on MariaDB: it has no function session");
  }
  return await session(async (query) => {
    await assertNewEnough(query);
    const seconds = Math.max(1, Math.ceil(timeoutMs / 1_000));
    try {
      return await alone(query, schema, timeoutMs / 1_000, () =>
        // A table that somebody holds would otherwise be waited for for a day, with every other query behind this one.
        withSetting(query, "lock_wait_timeout", seconds, () => applyAll(query, schema)),
      );
    } catch (error) {
      throw errorNumberOf(error) === lockWaitTimeout ? migrationTimedOut(timeoutMs, error) : error;
    }
  });
}

/** @throws RangeError for a prefix with which the names of tables would be too long. */
export function assertPrefix(schema: string): void {
  if (schema.length <= longestPrefix) return;
  throw new RangeError(
    `ledger.schema is the beginning of the tables' names on MariaDB, and has at most ${longestPrefix} characters ` +
      `there; got ${show(schema)}`,
  );
}

/** Sets a variable of the session, and puts it back: the connection is the user's. */
export async function withSetting<T>(
  query: SqlQuery,
  name: string,
  value: number,
  work: () => Promise<T>,
): Promise<T> {
  const [before] = await query(`select cast(@@session.${name} as char) as value`);
  await query(`set session ${name} = ${value}`);
  const put = async (): Promise<void> => {
    await query(`set session ${name} = ${Number(before?.["value"])}`);
  };
  let done: T;
  try {
    done = await work();
  } catch (error) {
    // On a connection that is lost there is nothing to put back, and nobody answers; what failed matters more.
    if (!isLost(error)) await put().catch(() => {});
    throw error;
  }
  await put();
  return done;
}

/** Holds a lock of the server by a name that is this schema's in this database; it is let go when the session ends. */
async function alone<T>(
  query: SqlQuery,
  schema: string,
  seconds: number,
  work: () => Promise<T>,
): Promise<T> {
  const name = `concat('outrigger.', sha1(concat(database(), '.', $1)))`;
  const [got] = await query(`select cast(get_lock(${name}, $2) as char) as got`, [schema, seconds]);
  if (got?.["got"] !== "1") throw migrationTimedOut(seconds * 1_000, undefined);
  try {
    return await work();
  } finally {
    await query(`select release_lock(${name})`, [schema]).catch(() => {});
  }
}

async function applyAll(query: SqlQuery, schema: string): Promise<number> {
  // Asked first, because making a table needs the right to, even when there is nothing to make.
  const [present] = await query(
    "select count(*) as tables from information_schema.tables where table_schema = database() and table_name = $1",
    [`${schema}_migration`],
  );
  if (Number(present?.["tables"]) === 0) {
    await query(
      `create table if not exists ${schema}_migration (version int not null primary key, applied_at ${instant} not null)
       ${tableOptions}`,
    );
  }
  const [row] = await query(
    `select cast(coalesce(max(version), 0) as char) as version from ${schema}_migration`,
  );
  const applied = Number(row?.["version"]);
  for (const [index, build] of migrations.entries()) {
    const version = index + 1;
    if (version <= applied) continue;
    for (const statement of build(schema)) await query(statement);
    await query(
      `insert into ${schema}_migration (version, applied_at) values ($1, utc_timestamp(6))
       on duplicate key update applied_at = applied_at`,
      [version],
    );
  }
  return Math.max(applied, migrations.length);
}

/**
 * The oldest that are known to do what is needed: SKIP LOCKED and JSON_TABLE; in MySQL checks that are enforced, too.
 * Source: MariaDB's and MySQL's release notes.
 */
const oldest = { mariadb: [10, 6, 0], mysql: [8, 0, 16] } as const;

async function assertNewEnough(query: SqlQuery): Promise<void> {
  const [row] = await query("select version() as version");
  const version = String(row?.["version"]);
  const isMariadb = /mariadb/i.test(version);
  // MariaDB may hide behind a version of MySQL: 5.5.5-10.6.12-MariaDB.
  const [, ...numbers] =
    (isMariadb ? /(\d+)\.(\d+)\.(\d+)-mariadb/i : /^(\d+)\.(\d+)\.(\d+)/).exec(version) ?? [];
  const needed = isMariadb ? oldest.mariadb : oldest.mysql;
  if (numbers.length === 3 && compare(numbers.map(Number), needed) >= 0) return;
  throw new Failure(
    `the ledger needs MariaDB ${oldest.mariadb.join(".")} or MySQL ${oldest.mysql.join(".")}, or newer; this server is ` +
      `${show(version)}`,
    { code: ledgerFailureCodes.databaseTooOld, effect: "none", transient: false },
  );
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) {
    const other = b[index] ?? 0;
    if (number !== other) return number - other;
  }
  return 0;
}
