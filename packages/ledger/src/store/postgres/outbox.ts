import type { OutboxStatements } from "../../outbox/statements.ts";
import { inMs, iso, msSince } from "./columns.ts";

/** The tables of a migration: what is released is never edited, only followed by another. */
export const outboxTables = (schema: string): readonly string[] => [
  `create table ${schema}.outbox_lane (
    outbox text not null,
    key text not null,
    last_sequence bigint not null,
    done_sequence bigint not null,
    fence bigint not null default 0,
    -- While a worker has it: the end of its lease. Otherwise: when it is to be tried. Null when nothing is to be done.
    due_at timestamptz,
    parked_at timestamptz,
    tries integer not null default 0,
    failing_since timestamptz,
    last_error_at timestamptz,
    last_error_code text,
    last_error_message text,
    updated_at timestamptz not null,
    primary key (outbox, key),
    constraint outbox_lane_is_due
      check ((due_at is null) = (parked_at is not null or last_sequence = done_sequence))
  )`,
  `create index outbox_lane_due on ${schema}.outbox_lane (due_at) where due_at is not null`,
  `create index outbox_lane_parked on ${schema}.outbox_lane (parked_at) where parked_at is not null`,
  `create index outbox_lane_idle on ${schema}.outbox_lane (updated_at) where last_sequence = done_sequence`,
  `create table ${schema}.outbox_message (
    outbox text not null,
    key text not null,
    sequence bigint not null,
    -- JSON as text: jsonb refuses NUL and lone surrogates, and changes what it stores.
    payload text not null,
    sent_at timestamptz not null,
    ended_at timestamptz,
    skipped_reason text,
    skipped_by text,
    primary key (outbox, key, sequence)
  )`,
  `create index outbox_message_ended on ${schema}.outbox_message (ended_at) where ended_at is not null`,
];

export function outboxStatements(schema: string): OutboxStatements {
  const lane = `${schema}.outbox_lane`;
  const message = `${schema}.outbox_message`;
  return {
    send: `
      with l as (
        insert into ${lane} as p (outbox, key, last_sequence, done_sequence, due_at, updated_at)
        select $1, $2, now.base, now.base - 1, statement_timestamp(), statement_timestamp()
        from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as base) as now
        on conflict (outbox, key) do update set last_sequence = p.last_sequence + 1,
          due_at = case when p.parked_at is null then coalesce(p.due_at, statement_timestamp()) end,
          updated_at = statement_timestamp()
        returning last_sequence
      )
      insert into ${message} (outbox, key, sequence, payload, sent_at)
      select $1, $2, last_sequence, $3, statement_timestamp() from l
      returning sequence::text as sequence`,

    claim: `
      with due as (
        select outbox, key from ${lane} where due_at <= statement_timestamp() and outbox || '' = any($1::text[])
        order by due_at
        limit $2
        for update skip locked
      )
      update ${lane} as p set fence = p.fence + 1, due_at = ${inMs("$3")}
      from due where p.outbox = due.outbox and p.key = due.key
      returning p.outbox, p.key, p.done_sequence::text as done, p.fence::text as fence, p.tries,
        ${msSince("p.failing_since")} as failing_for_ms`,

    read: `
      select sequence::text as sequence, payload, ${iso("sent_at")} as sent_at from ${message}
      where outbox = $1 and key = $2 and sequence > $3::bigint order by sequence limit $4`,

    // Whether there is more is a column of the lane's own row: what a statement has waited for it sees of that row only.
    done: `
      with l as (
        update ${lane} set done_sequence = $4::bigint, tries = 0, failing_since = null,
          due_at = case when last_sequence > $4::bigint then ${inMs("$5")} end,
          updated_at = statement_timestamp()
        where outbox = $1 and key = $2 and fence = $3::bigint and parked_at is null
        returning last_sequence
      ), m as (
        update ${message} set ended_at = statement_timestamp()
        from l where outbox = $1 and key = $2 and sequence = $4::bigint
      )
      select case when last_sequence > $4::bigint then 'yes' else 'no' end as more from l`,

    failed: `
      update ${lane} set tries = tries + 1, failing_since = coalesce(failing_since, statement_timestamp()),
        due_at = ${inMs("$4")},
        parked_at = case when $4::float8 is null then statement_timestamp() end,
        last_error_at = statement_timestamp(), last_error_code = $5, last_error_message = $6,
        updated_at = statement_timestamp()
      where outbox = $1 and key = $2 and fence = $3::bigint and parked_at is null and last_sequence > done_sequence
      returning key`,

    giveBack: `
      update ${lane} set due_at = statement_timestamp()
      where outbox = $1 and key = $2 and fence = $3::bigint and due_at is not null`,

    resume: `
      with l as (
        update ${lane} as p set fence = p.fence + 1, tries = 0, failing_since = null, parked_at = null,
          done_sequence = case when $4::text = 'yes' then $3::bigint else p.done_sequence end,
          due_at = case when $4::text = 'no' or p.last_sequence > $3::bigint then statement_timestamp() end,
          updated_at = statement_timestamp()
        where p.outbox = $1 and p.key = $2 and p.done_sequence < $3::bigint and p.last_sequence >= $3::bigint
          and not exists (
            select from ${message} as e
            where e.outbox = $1 and e.key = $2 and e.sequence > p.done_sequence and e.sequence < $3::bigint
          )
          and exists (select from ${message} as e where e.outbox = $1 and e.key = $2 and e.sequence = $3::bigint)
        returning p.key
      ), m as (
        update ${message} set ended_at = statement_timestamp(), skipped_reason = $5, skipped_by = $6
        from l where outbox = $1 and ${message}.key = $2 and sequence = $3::bigint and $4::text = 'yes'
      )
      select key from l`,

    lanes: `
      select l.outbox, l.key, ${iso("l.parked_at")} as parked_at, l.tries, m.sequence::text as next,
        ${iso("m.sent_at")} as next_sent_at, w.waiting, ${iso("l.last_error_at")} as last_error_at, l.last_error_code,
        l.last_error_message
      from ${lane} as l
      cross join lateral (
        select sequence, sent_at from ${message} as e
        where e.outbox = l.outbox and e.key = l.key and e.sequence > l.done_sequence order by e.sequence limit 1
      ) as m
      cross join lateral (
        select count(*)::text as waiting from ${message} as e
        where e.outbox = l.outbox and e.key = l.key and e.sequence > l.done_sequence
      ) as w
      where ($1::text is null or l.outbox = $1) and ($2::text is null or l.key = $2)
        and (l.parked_at is not null or (l.due_at is not null and $3::text = 'no'))
      order by l.parked_at nulls last, m.sent_at
      limit $4`,

    open: `
      select l.outbox, count(*)::text as waiting, count(l.parked_at)::text as parked,
        max(${msSince("m.sent_at")}) as oldest_ms
      from ${lane} as l
      cross join lateral (
        select sent_at from ${message} as e
        where e.outbox = l.outbox and e.key = l.key and e.sequence > l.done_sequence order by e.sequence limit 1
      ) as m
      where l.due_at is not null or l.parked_at is not null
      group by l.outbox`,

    forget: `
      with m as (
        delete from ${message} as e using (
          select outbox, key, sequence from ${message}
          where ended_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
          order by ended_at limit $2
          for update skip locked
        ) as old
        where e.outbox = old.outbox and e.key = old.key and e.sequence = old.sequence
        returning e.sequence
      ), l as (
        delete from ${lane} as p using (
          select outbox, key from ${lane}
          where last_sequence = done_sequence and updated_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
          order by updated_at limit $2
          for update skip locked
        ) as idle
        where p.outbox = idle.outbox and p.key = idle.key
      )
      select sequence::text as sequence from m`,
  };
}
