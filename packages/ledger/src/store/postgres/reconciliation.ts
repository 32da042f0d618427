import type { ReconciliationStatements } from "../../reconcile/statements.ts";

/**
 * The tables of a migration: what is released is never edited, only followed by another. Keys are compared as bytes, as
 * the merge does, whatever the database sorts text by.
 */
export const reconciliationTables = (schema: string): readonly string[] => [
  `create table ${schema}.reconciliation (
    name text primary key,
    fence bigint not null,
    done_day text,
    day text,
    day_fence bigint not null default 0,
    after_key text,
    updated_at timestamptz not null
  )`,
  `create table ${schema}.reconciliation_day (
    name text not null,
    day text not null,
    class text not null,
    currency text not null,
    count bigint not null,
    remote_sum numeric not null,
    local_sum numeric not null,
    primary key (name, day, class, currency)
  )`,
  `create table ${schema}.reconciliation_finding (
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
  `create index reconciliation_finding_pending on ${schema}.reconciliation_finding (name, day, class, key)
    where action_state = 'pending' and cleared_at is null`,
];

const shown = `day, class, key, details, action, action_state, outcome,
  case when cleared_at is null then 'no' else 'yes' end as cleared`;

export function reconciliationStatements(schema: string): ReconciliationStatements {
  const reconciliation = `${schema}.reconciliation`;
  const total = `${schema}.reconciliation_day`;
  const finding = `${schema}.reconciliation_finding`;
  const fenced = "where name = $1 and fence = $2::bigint returning name";
  return {
    take: `
      insert into ${reconciliation} as r (name, fence, updated_at) values ($1, 1, statement_timestamp())
      on conflict (name) do update set fence = r.fence + 1, updated_at = statement_timestamp()
      returning fence::text as fence, done_day, day, after_key`,

    beginDay: `
      update ${reconciliation} set day = $3::text, day_fence = fence, after_key = null,
        updated_at = statement_timestamp() ${fenced}`,

    keep: `
      update ${reconciliation} set after_key = coalesce($3::text, after_key), updated_at = statement_timestamp()
      ${fenced}`,

    endDay: `
      update ${reconciliation} set day = null, after_key = null, done_day = coalesce($3::text, done_day),
        updated_at = statement_timestamp() ${fenced}`,

    forgetTotals: `delete from ${total} where name = $1 and day = $2`,

    totals: `
      select day, class, currency, count::text as count, remote_sum::text as remote_sum, local_sum::text as local_sum
      from ${total} where name = $1 and day between $2 and $3 order by day, class, currency`,

    putTotals: `
      insert into ${total} (name, day, class, currency, count, remote_sum, local_sum)
      select $1, t.day, t.class, t.currency, t.count, t."remoteSum", t."localSum"
      from json_to_recordset($2::json) as t (day text, class text, currency text, count bigint,
        "remoteSum" numeric, "localSum" numeric)
      on conflict (name, day, class, currency) do update set count = excluded.count,
        remote_sum = excluded.remote_sum, local_sum = excluded.local_sum`,

    putFindings: `
      insert into ${finding} as f
        (name, day, class, key, details, action, action_state, outcome, seen, found_at)
      select $1, t.day, t.class, t.key, t.details, t.action, t."actionState", t.outcome, r.day_fence,
        statement_timestamp()
      from json_to_recordset($2::json) as t (day text, class text, key text, details text, action text,
        "actionState" text, outcome text)
        join ${reconciliation} as r on r.name = $1
      on conflict (name, day, class, key) do update set details = excluded.details, seen = excluded.seen,
        action = excluded.action,
        action_state = case when f.action_state = 'done' and f.cleared_at is null and f.details = excluded.details
          and f.action = excluded.action then 'done' else excluded.action_state end,
        outcome = coalesce(excluded.outcome, f.outcome), cleared_at = null`,

    clearUnseen: `
      update ${finding} as f set cleared_at = statement_timestamp() from ${reconciliation} as r
      where r.name = $1 and f.name = $1 and f.day = $2 and f.seen < r.day_fence and f.cleared_at is null`,

    pending: `
      select ${shown} from ${finding}
      where name = $1 and action_state = 'pending' and cleared_at is null and (day, class, key) > ($2, $3, $4)
      order by day, class, key limit $5`,

    acted: `
      update ${finding} set action_state = $5::text, outcome = $6::text
      where name = $1 and day = $2 and class = $3 and key = $4`,

    findings: `
      select ${shown} from ${finding} where name = $1 and day between $2 and $3 order by day, class, key limit $4`,
  };
}
