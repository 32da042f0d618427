import type { InboxStatements } from "../../inbox/statements.ts";
import { inMs, iso, msSince, now } from "./columns.ts";

/** The tables of a migration: what is released is never edited, only followed by another. */
export const inboxTables = (schema: string): readonly string[] => [
  `create table ${schema}_inbox (
    inbox text not null,
    id text not null,
    event text not null,
    operation text,
    key text,
    occurred_at_ms real,
    state text not null check (state in ('pending', 'applied', 'superseded', 'stuck')),
    tries integer not null default 0,
    due_at integer,
    outcome text,
    received_at integer not null,
    settled_at integer,
    primary key (inbox, id),
    constraint inbox_pending_is_due check ((due_at is null) = (state <> 'pending'))
  ) strict`,
  `create index ${schema}_inbox_due on ${schema}_inbox (inbox, due_at) where due_at is not null`,
  `create index ${schema}_inbox_of on ${schema}_inbox (operation, key) where operation is not null`,
  `create index ${schema}_inbox_open on ${schema}_inbox (inbox, received_at) where state in ('pending', 'stuck')`,
  `create index ${schema}_inbox_settled on ${schema}_inbox (inbox, settled_at)
    where state in ('applied', 'superseded')`,
];

const shown = `id, state, operation, key, tries, outcome, ${iso("received_at")} as received_at`;

export function inboxStatements(schema: string): InboxStatements {
  const inbox = `${schema}_inbox`;
  const held = "where inbox = $1 and id = $2 and tries = $3 and state = 'pending'";
  return {
    store: `
      insert into ${inbox} (inbox, id, event, operation, key, occurred_at_ms, state, due_at, received_at)
      values ($1, $2, $3, $4, $5, $6, 'pending', ${now}, ${now})
      on conflict (inbox, id) do nothing returning id`,

    claim: `
      update ${inbox} set tries = tries + 1, due_at = ${inMs("$3")}
      where inbox = $1 and id in (
        select id from ${inbox} where inbox = $1 and due_at <= ${now} order by due_at limit $2)
      returning id, event, tries, ${msSince("received_at")} as age_ms`,

    hasLater: `
      select id from ${inbox} where inbox = $1 and id <> $2 and operation = $3 and key = $4
        and occurred_at_ms > $5 and state in ('pending', 'applied') limit 1`,

    settle: `update ${inbox} set state = $4, outcome = $5, due_at = null, settled_at = ${now} ${held} returning id`,

    retryLater: `update ${inbox} set due_at = ${inMs("$4")}, outcome = $5 ${held}`,

    retryNow: `
      update ${inbox} set state = 'pending', due_at = ${now}, received_at = ${now}
      where inbox = $1 and id = $2 and state in ('pending', 'stuck') returning id`,

    forget: `
      delete from ${inbox} where inbox = $1 and id in (
        select id from ${inbox} where inbox = $1 and state in ('applied', 'superseded')
          and settled_at < ${now} - $2 limit $3
      ) returning id`,

    find: `select ${shown} from ${inbox} where inbox = $1 and id = $2`,

    open: `
      select ${shown} from ${inbox} where inbox = $1 and state in ('pending', 'stuck')
      order by received_at, id limit $2`,
  };
}
