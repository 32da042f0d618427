import type { ReconciliationStatements } from "../../reconcile/statements.ts";
import { now } from "./columns.ts";

/**
 * The tables of a migration: what is released is never edited, only followed by another. Sums are texts, because SQLite
 * has no exact decimals.
 */
export const reconciliationTables = (schema: string): readonly string[] => [
  `create table ${schema}_reconciliation (
    name text not null primary key,
    fence integer not null,
    done_day text,
    day text,
    day_fence integer not null default 0,
    after_key text,
    updated_at integer not null
  ) strict`,
  `create table ${schema}_reconciliation_day (
    name text not null,
    day text not null,
    class text not null,
    currency text not null,
    count integer not null,
    remote_sum text not null,
    local_sum text not null,
    primary key (name, day, class, currency)
  ) strict, without rowid`,
  `create table ${schema}_reconciliation_finding (
    name text not null,
    day text not null,
    class text not null,
    key text not null,
    details text not null,
    action text not null,
    action_state text not null check (action_state in ('none', 'pending', 'done')),
    outcome text,
    -- The fence under which the day was read when it was seen last.
    seen integer not null,
    found_at integer not null,
    cleared_at integer,
    primary key (name, day, class, key)
  ) strict`,
  `create index ${schema}_reconciliation_finding_pending on ${schema}_reconciliation_finding (name, day, class, key)
    where action_state = 'pending' and cleared_at is null`,
];

const shown = `day, class, key, details, action, action_state, outcome,
  case when cleared_at is null then 'no' else 'yes' end as cleared`;

const field = (name: string): string => `(j.value ->> '$.${name}')`;

export function reconciliationStatements(schema: string): ReconciliationStatements {
  const reconciliation = `${schema}_reconciliation`;
  const total = `${schema}_reconciliation_day`;
  const finding = `${schema}_reconciliation_finding`;
  const fenced = "where name = $1 and fence = $2 returning name";
  return {
    take: `
      insert into ${reconciliation} (name, fence, updated_at) values ($1, 1, ${now})
      on conflict (name) do update set fence = fence + 1, updated_at = excluded.updated_at
      returning fence, done_day, day, after_key`,

    beginDay: `
      update ${reconciliation} set day = $3, day_fence = fence, after_key = null, updated_at = ${now} ${fenced}`,

    keep: `
      update ${reconciliation} set after_key = coalesce($3, after_key), updated_at = ${now} ${fenced}`,

    endDay: `
      update ${reconciliation} set day = null, after_key = null, done_day = coalesce($3, done_day),
        updated_at = ${now} ${fenced}`,

    forgetTotals: `delete from ${total} where name = $1 and day = $2`,

    totals: `
      select day, class, currency, count, remote_sum, local_sum
      from ${total} where name = $1 and day between $2 and $3 order by day, class, currency`,

    putTotals: `
      insert or replace into ${total} (name, day, class, currency, count, remote_sum, local_sum)
      select $1, ${field("day")}, ${field("class")}, ${field("currency")}, ${field("count")}, ${field("remoteSum")},
        ${field("localSum")}
      from json_each($2) as j`,

    putFindings: `
      insert into ${finding} as f (name, day, class, key, details, action, action_state, outcome, seen, found_at)
      select $1, ${field("day")}, ${field("class")}, ${field("key")}, ${field("details")}, ${field("action")},
        ${field("actionState")}, ${field("outcome")}, r.day_fence, ${now}
      from json_each($2) as j cross join ${reconciliation} as r where r.name = $1
      on conflict (name, day, class, key) do update set details = excluded.details, seen = excluded.seen,
        action = excluded.action,
        action_state = case when f.action_state = 'done' and f.cleared_at is null and f.details = excluded.details
          and f.action = excluded.action then 'done' else excluded.action_state end,
        outcome = coalesce(excluded.outcome, f.outcome), cleared_at = null`,

    clearUnseen: `
      update ${finding} set cleared_at = ${now}
      where name = $1 and day = $2 and cleared_at is null
        and seen < (select day_fence from ${reconciliation} where name = $1)`,

    pending: `
      select ${shown} from ${finding}
      where name = $1 and action_state = 'pending' and cleared_at is null and (day, class, key) > ($2, $3, $4)
      order by day, class, key limit $5`,

    acted: `
      update ${finding} set action_state = $5, outcome = $6 where name = $1 and day = $2 and class = $3 and key = $4`,

    findings: `
      select ${shown} from ${finding} where name = $1 and day between $2 and $3 order by day, class, key limit $4`,
  };
}
