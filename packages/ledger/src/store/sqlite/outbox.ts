import type { OutboxStatements } from "../../outbox/statements.ts";
import { elements, inMs, iso, msSince, now } from "./columns.ts";

/** The tables of a migration: what is released is never edited, only followed by another. */
export const outboxTables = (schema: string): readonly string[] => [
  `create table ${schema}_outbox_lane (
    outbox text not null,
    key text not null,
    last_sequence integer not null,
    done_sequence integer not null,
    fence integer not null default 0,
    -- While a worker has it: the end of its lease. Otherwise: when it is to be tried. Null when nothing is to be done.
    due_at integer,
    parked_at integer,
    tries integer not null default 0,
    failing_since integer,
    last_error_at integer,
    last_error_code text,
    last_error_message text,
    updated_at integer not null,
    primary key (outbox, key),
    constraint outbox_lane_is_due
      check ((due_at is null) = (parked_at is not null or last_sequence = done_sequence))
  ) strict`,
  `create index ${schema}_outbox_lane_due on ${schema}_outbox_lane (due_at) where due_at is not null`,
  `create index ${schema}_outbox_lane_parked on ${schema}_outbox_lane (parked_at) where parked_at is not null`,
  `create index ${schema}_outbox_lane_idle on ${schema}_outbox_lane (updated_at) where last_sequence = done_sequence`,
  `create table ${schema}_outbox_message (
    outbox text not null,
    key text not null,
    sequence integer not null,
    payload text not null,
    sent_at integer not null,
    ended_at integer,
    skipped_reason text,
    skipped_by text,
    primary key (outbox, key, sequence)
  ) strict`,
  `create index ${schema}_outbox_message_ended on ${schema}_outbox_message (ended_at) where ended_at is not null`,
];

export function outboxStatements(schema: string): OutboxStatements {
  const lane = `${schema}_outbox_lane`;
  const message = `${schema}_outbox_message`;
  const held = "outbox = $1 and key = $2 and fence = $3 and parked_at is null";
  /** The lane `l` has this message next. */
  const isNext = `l.outbox = $1 and l.key = $2 and l.done_sequence < $3 and l.last_sequence >= $3
    and not exists (select 1 from ${message} as e
      where e.outbox = $1 and e.key = $2 and e.sequence > l.done_sequence and e.sequence < $3)
    and exists (select 1 from ${message} as e where e.outbox = $1 and e.key = $2 and e.sequence = $3)`;
  const withNext = `${lane} as l cross join ${message} as m on m.outbox = l.outbox and m.key = l.key
    and m.sequence = (select min(e.sequence) from ${message} as e
      where e.outbox = l.outbox and e.key = l.key and e.sequence > l.done_sequence)`;
  return {
    send: [
      `insert into ${lane} (outbox, key, last_sequence, done_sequence, due_at, updated_at)
      values ($1, $2, ${now} * 1000, 0, ${now}, ${now})
      on conflict (outbox, key) do update set last_sequence = last_sequence + 1,
        due_at = case when parked_at is null then coalesce(due_at, ${now}) end,
        updated_at = ${now}`,
      `insert into ${message} (outbox, key, sequence, payload, sent_at)
      select $1, $2, last_sequence, $3, ${now} from ${lane} where outbox = $1 and key = $2
      returning cast(sequence as text) as sequence`,
    ],

    claim: `
      update ${lane} set fence = fence + 1, due_at = ${inMs("$3")}
      where (outbox, key) in (
        select outbox, key from ${lane} where due_at <= ${now} and +outbox in ${elements("$1")}
        order by due_at limit $2
      )
      returning outbox, key, cast(done_sequence as text) as done, cast(fence as text) as fence, tries,
        ${msSince("failing_since")} as failing_for_ms`,

    read: `
      select cast(sequence as text) as sequence, payload, ${iso("sent_at")} as sent_at from ${message}
      where outbox = $1 and key = $2 and sequence > cast($3 as integer) order by sequence limit $4`,

    done: [
      `update ${message} set ended_at = ${now} where outbox = $1 and key = $2 and sequence = cast($4 as integer)
        and exists (select 1 from ${lane} where ${held})`,
      `update ${lane} set done_sequence = cast($4 as integer), tries = 0, failing_since = null,
        due_at = case when last_sequence > cast($4 as integer) then ${inMs("$5")} end,
        updated_at = ${now}
      where ${held}
      returning case when last_sequence > done_sequence then 'yes' else 'no' end as more`,
    ],

    failed: `
      update ${lane} set tries = tries + 1, failing_since = coalesce(failing_since, ${now}),
        due_at = ${inMs("$4")},
        parked_at = case when $4 is null then ${now} end,
        last_error_at = ${now}, last_error_code = $5, last_error_message = $6,
        updated_at = ${now}
      where ${held} and last_sequence > done_sequence
      returning key`,

    giveBack: `update ${lane} set due_at = ${now} where outbox = $1 and key = $2 and fence = $3 and due_at is not null`,

    resume: [
      `update ${message} set ended_at = ${now}, skipped_reason = $5, skipped_by = $6
      where outbox = $1 and key = $2 and sequence = cast($3 as integer) and $4 = 'yes'
        and exists (select 1 from ${lane} as l where ${isNext})`,
      `update ${lane} as l set fence = fence + 1, tries = 0, failing_since = null, parked_at = null,
        done_sequence = case when $4 = 'yes' then cast($3 as integer) else done_sequence end,
        due_at = case when $4 = 'no' or last_sequence > cast($3 as integer) then ${now} end,
        updated_at = ${now}
      where ${isNext}
      returning key`,
    ],

    lanes: `
      select l.outbox, l.key, ${iso("l.parked_at")} as parked_at, l.tries, cast(m.sequence as text) as next,
        ${iso("m.sent_at")} as next_sent_at,
        (select count(*) from ${message} as e
          where e.outbox = l.outbox and e.key = l.key and e.sequence > l.done_sequence) as waiting,
        ${iso("l.last_error_at")} as last_error_at, l.last_error_code, l.last_error_message
      from ${withNext}
      where ($1 is null or l.outbox = $1) and ($2 is null or l.key = $2)
        and (l.parked_at is not null or (l.due_at is not null and $3 = 'no'))
      order by l.parked_at is null, l.parked_at, m.sent_at
      limit $4`,

    open: `
      select l.outbox, count(*) as waiting, count(l.parked_at) as parked, max(${msSince("m.sent_at")}) as oldest_ms
      from ${withNext}
      where l.due_at is not null or l.parked_at is not null
      group by l.outbox`,

    forget: [
      `delete from ${lane} where (outbox, key) in (
        select outbox, key from ${lane} where last_sequence = done_sequence and updated_at < ${now} - $1
        order by updated_at limit $2)`,
      `delete from ${message} where rowid in (
        select rowid from ${message} where ended_at < ${now} - $1 order by ended_at limit $2)
      returning cast(sequence as text) as sequence`,
    ],
  };
}
