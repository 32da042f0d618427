import type { InboxStatements } from "../../inbox/statements.ts";
import { inMs, iso, msSince } from "./columns.ts";

/** The tables of a migration: what is released is never edited, only followed by another. */
export const inboxTables = (schema: string): readonly string[] => [
  `create table ${schema}.inbox (
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
  `create index inbox_due on ${schema}.inbox (inbox, due_at) where due_at is not null`,
  `create index inbox_of on ${schema}.inbox (operation, key) where operation is not null`,
  `create index inbox_open on ${schema}.inbox (inbox, received_at) where state in ('pending', 'stuck')`,
  `create index inbox_settled on ${schema}.inbox (inbox, settled_at) where state in ('applied', 'superseded')`,
];

const shown = `id, state, operation, key, tries::text as tries, outcome, ${iso("received_at")} as received_at`;

export function inboxStatements(schema: string): InboxStatements {
  const inbox = `${schema}.inbox`;
  const held = "where inbox = $1 and id = $2 and tries = $3::integer and state = 'pending'";
  return {
    store: `
      insert into ${inbox} (inbox, id, event, operation, key, occurred_at_ms, state, due_at, received_at)
      values ($1, $2, $3, $4, $5, $6::float8, 'pending', statement_timestamp(), statement_timestamp())
      on conflict (inbox, id) do nothing returning id`,

    claim: `
      with due as (
        select inbox, id from ${inbox}
        where inbox = $1 and due_at <= statement_timestamp()
        order by due_at limit $2 for update skip locked
      )
      update ${inbox} as i set tries = i.tries + 1, due_at = ${inMs("$3")}
      from due where i.inbox = due.inbox and i.id = due.id
      returning i.id, i.event, i.tries::text as tries, ${msSince("i.received_at")} as age_ms`,

    hasLater: `
      select id from ${inbox} where inbox = $1 and id <> $2 and operation = $3 and key = $4
        and occurred_at_ms > $5::float8 and state in ('pending', 'applied') limit 1`,

    settle: `
      update ${inbox} set state = $4, outcome = $5, due_at = null, settled_at = statement_timestamp() ${held}
      returning id`,

    retryLater: `update ${inbox} set due_at = ${inMs("$4")}, outcome = $5 ${held}`,

    retryNow: `
      update ${inbox} set state = 'pending', due_at = statement_timestamp(), received_at = statement_timestamp()
      where inbox = $1 and id = $2 and state in ('pending', 'stuck') returning id`,

    forget: `
      delete from ${inbox} where inbox = $1 and id in (
        select id from ${inbox} where inbox = $1 and state in ('applied', 'superseded')
          and settled_at < statement_timestamp() - $2::float8 * interval '1 millisecond'
        limit $3 for update skip locked
      ) returning id`,

    find: `select ${shown} from ${inbox} where inbox = $1 and id = $2`,

    open: `
      select ${shown} from ${inbox} where inbox = $1 and state in ('pending', 'stuck')
      order by received_at, id limit $2`,
  };
}
