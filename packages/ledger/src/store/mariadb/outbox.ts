import type { OutboxStatements } from "../../outbox/statements.ts";
import type { StatementFunction } from "../dialect.ts";
import type { SqlRow } from "../sql-port.ts";
import {
  inMs,
  iso,
  json,
  listed,
  msAgo,
  msSince,
  now,
  numbered,
  tableOptions,
  types,
  whileHeld,
} from "./text.ts";

const { name, word, text, instant } = types;

/** The tables of a migration: what is released is never edited, only followed by another. */
export const outboxTables = (schema: string): readonly string[] => [
  `create table if not exists ${schema}_outbox_lane (
    outbox ${word} not null,
    \`key\` ${name} not null,
    last_sequence bigint not null,
    done_sequence bigint not null,
    fence bigint not null default 0,
    due_at ${instant} comment 'end of the lease of the worker that has it, else when it is tried next; UTC',
    parked_at ${instant},
    tries int not null default 0,
    failing_since ${instant},
    last_error_at ${instant},
    last_error_code ${text},
    last_error_message ${text},
    updated_at ${instant} not null,
    primary key (outbox, \`key\`),
    key outbox_lane_due (due_at, updated_at),
    key outbox_lane_parked (parked_at),
    check ((due_at is null) = (parked_at is not null or last_sequence = done_sequence))
  ) ${tableOptions}`,
  `create table if not exists ${schema}_outbox_message (
    outbox ${word} not null,
    \`key\` ${name} not null,
    sequence bigint not null,
    payload ${text} not null,
    sent_at ${instant} not null,
    ended_at ${instant},
    skipped_reason ${text},
    skipped_by ${text},
    primary key (outbox, \`key\`, sequence),
    key outbox_message_ended (ended_at)
  ) ${tableOptions}`,
];

const key = "convert(l.`key` using utf8mb4) as `key`";
/** The time in microseconds: more than the number of any message that was sent before. */
const base = `timestampdiff(microsecond, '1970-01-01', ${now})`;

export function outboxStatements(schema: string): OutboxStatements {
  const lane = `${schema}_outbox_lane`;
  const message = `${schema}_outbox_message`;
  const one = "l.outbox = $1 and l.`key` = cast($2 as binary)";
  const held = `${one} and l.fence = $3 and l.parked_at is null`;
  const ofOne = "e.outbox = $1 and e.`key` = cast($2 as binary)";
  const waiting = "e.outbox = l.outbox and e.`key` = l.`key` and e.sequence > l.done_sequence";
  const next = `${message} as m on m.outbox = l.outbox and m.\`key\` = l.\`key\`
    and m.sequence = (select min(e.sequence) from ${message} as e where ${waiting})`;
  return {
    // The row of the lane stays locked until the transaction ends, so its number is nobody else's.
    send: [
      `insert into ${lane} (outbox, \`key\`, last_sequence, done_sequence, due_at, updated_at)
       values ($1, $2, ${base}, ${base} - 1, ${now}, ${now})
       on duplicate key update last_sequence = last_sequence + 1,
         due_at = case when parked_at is null then coalesce(due_at, ${now}) end, updated_at = ${now}`,
      `insert into ${message} (outbox, \`key\`, sequence, payload, sent_at)
       select $1, $2, l.last_sequence, $3, ${now} from ${lane} as l where ${one}`,
      `select cast(l.last_sequence as char) as sequence from ${lane} as l where ${one}`,
    ],
    claim: claim(lane),
    read: `
      select cast(e.sequence as char) as sequence, e.payload, ${iso("e.sent_at")} as sent_at from ${message} as e
      where ${ofOne} and e.sequence > $3 order by e.sequence limit $4`,
    done: whileHeld(
      `select ${key} from ${lane} as l where ${held}`,
      `update ${lane} as l set l.done_sequence = $4, l.tries = 0, l.failing_since = null,
         l.due_at = case when l.last_sequence > $4 then ${inMs("$5")} end, l.updated_at = ${now}
       where ${one}`,
      `update ${message} as e set e.ended_at = ${now} where ${ofOne} and e.sequence = $4`,
      `select case when l.last_sequence > $4 then 'yes' else 'no' end as more from ${lane} as l where ${one}`,
    ),
    failed: whileHeld(
      `select ${key} from ${lane} as l where ${held} and l.last_sequence > l.done_sequence`,
      `update ${lane} as l set l.tries = l.tries + 1, l.failing_since = coalesce(l.failing_since, ${now}),
         l.due_at = ${inMs("$4")}, l.parked_at = case when $4 is null then ${now} end,
         l.last_error_at = ${now}, l.last_error_code = $5, l.last_error_message = $6, l.updated_at = ${now}
       where ${one}`,
      `select ${key} from ${lane} as l where ${one}`,
    ),
    giveBack: `update ${lane} as l set l.due_at = ${now} where ${one} and l.fence = $3 and l.due_at is not null`,
    resume: whileHeld(
      `select ${key} from ${lane} as l where ${one} and l.done_sequence < $3 and l.last_sequence >= $3
         and $3 = (select min(e.sequence) from ${message} as e where ${waiting})`,
      `update ${lane} as l set l.fence = l.fence + 1, l.tries = 0, l.failing_since = null, l.parked_at = null,
         l.done_sequence = case when $4 = 'yes' then $3 else l.done_sequence end,
         l.due_at = case when $4 = 'no' or l.last_sequence > $3 then ${now} end, l.updated_at = ${now}
       where ${one}`,
      `update ${message} as e set e.ended_at = ${now}, e.skipped_reason = $5, e.skipped_by = $6
       where ${ofOne} and e.sequence = $3 and $4 = 'yes'`,
      `select ${key} from ${lane} as l where ${one}`,
    ),
    lanes: `
      select l.outbox, ${key}, ${iso("l.parked_at")} as parked_at, cast(l.tries as char) as tries,
        cast(m.sequence as char) as next, ${iso("m.sent_at")} as next_sent_at,
        cast((select count(*) from ${message} as e where ${waiting}) as char) as waiting,
        ${iso("l.last_error_at")} as last_error_at, l.last_error_code, l.last_error_message
      from ${lane} as l join ${next}
      where ($1 is null or l.outbox = $1) and ($2 is null or l.\`key\` = cast($2 as binary))
        and (l.parked_at is not null or (l.due_at is not null and $3 = 'no'))
      order by l.parked_at is null, l.parked_at, m.sent_at
      limit $4`,
    open: `
      select l.outbox, cast(count(*) as char) as waiting, cast(count(l.parked_at) as char) as parked,
        max(${msSince("m.sent_at")}) as oldest_ms
      from ${lane} as l join ${next}
      where l.due_at is not null or l.parked_at is not null
      group by l.outbox`,
    forget: forget(lane, message),
  };
}

/** The rows of a list of lanes, `$1`. */
const byKey = (table: string): string =>
  `${listed("$1", { outbox: "word", key: "text", sequence: "number" })} straight_join ${table} as l
   force index (primary) on l.outbox = m.outbox and l.\`key\` = cast(m.\`key\` as binary)`;

const keysOf = (rows: readonly SqlRow[]): string =>
  json(rows.map(({ outbox, key: of, sequence }) => ({ outbox, key: of, sequence })));

function claim(lane: string): StatementFunction {
  const take = `update ${byKey(lane)} set l.fence = l.fence + 1, l.due_at = ${inMs("$2")}`;
  return async (query, [outboxes, limit, leaseMs]) => {
    const names = outboxes as readonly string[];
    if (names.length === 0) return [];
    // Read as they are about to be, which the lock makes certain.
    const rows = await query(
      `select l.outbox, ${key}, cast(l.done_sequence as char) as done, cast(l.fence + 1 as char) as fence,
         cast(l.tries as char) as tries, ${msSince("l.failing_since")} as failing_for_ms
       from ${lane} as l force index (outbox_lane_due)
       where l.due_at <= ${now} and l.outbox in (${numbered(names.length, 2)})
       order by l.due_at limit $1 for update skip locked`,
      [limit, ...names],
    );
    if (rows.length > 0) await query(take, [keysOf(rows), leaseMs]);
    return rows;
  };
}

function forget(lane: string, message: string): StatementFunction {
  const ended = `
    select l.outbox, ${key}, cast(l.sequence as char) as sequence from ${message} as l
    where l.ended_at < ${msAgo("$1")} order by l.ended_at limit $2 for update skip locked`;
  const idle = `
    select l.outbox, ${key} from ${lane} as l
    where l.due_at is null and l.parked_at is null and l.updated_at < ${msAgo("$1")}
    order by l.updated_at limit $2 for update skip locked`;
  return async (query, values) => {
    const messages = await query(ended, values);
    if (messages.length > 0) {
      await query(`delete l from ${byKey(message)} and l.sequence = m.sequence`, [keysOf(messages)]);
    }
    const lanes = await query(idle, values);
    if (lanes.length > 0) await query(`delete l from ${byKey(lane)}`, [keysOf(lanes)]);
    return messages;
  };
}
