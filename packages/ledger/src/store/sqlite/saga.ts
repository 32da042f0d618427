import type { SagaStatements } from "../../saga/statements.ts";
import { elements, inMs, iso, msSince, now, stored, timedId } from "./columns.ts";

/** The tables of a migration: what is released is never edited, only followed by another. */
export const sagaTables = (schema: string): readonly string[] => [
  `create table ${schema}_saga (
    id text not null primary key,
    saga text not null,
    version integer not null,
    key text not null,
    fingerprint text not null,
    state text not null check (state in ('RUNNING', 'COMPENSATING', 'MANUAL', 'DONE', 'COMPENSATED')),
    intent text not null check (intent in ('EXECUTE', 'CANCEL')),
    fence integer not null,
    tries integer not null default 0,
    -- While a worker has it: the end of its lease. Otherwise: when it is to be looked at next.
    due_at integer,
    held integer not null,
    woken integer not null default 0,
    request text not null,
    steps text not null,
    failure text,
    cancel_wanted_at integer,
    since integer not null,
    retried_at integer,
    last_error_at integer,
    last_error_code text,
    last_error_message text,
    created_at integer not null,
    updated_at integer not null,
    unique (saga, key),
    constraint saga_open_is_due check ((due_at is null) = (state in ('DONE', 'COMPENSATED'))),
    constraint saga_intent_is_one_way check (
      (intent = 'CANCEL' and state <> 'RUNNING' and state <> 'DONE')
      or (intent = 'EXECUTE' and state <> 'COMPENSATING' and state <> 'COMPENSATED'))
  ) strict`,
  `create index ${schema}_saga_due on ${schema}_saga (due_at) where due_at is not null`,
  `create index ${schema}_saga_ended on ${schema}_saga (updated_at) where due_at is null`,
  `create table ${schema}_saga_event (
    id integer primary key,
    saga_id text not null,
    at integer not null,
    from_state text,
    to_state text not null,
    why text not null,
    evidence text,
    actor text
  ) strict`,
  `create index ${schema}_saga_event_of on ${schema}_saga_event (saga_id, id)`,
];

const row = `
  id, saga, version, key, fingerprint, state, intent, fence, tries, request, steps, failure,
  ${msSince("since")} as stalled_for_ms, ${iso("since")} as progress_at,
  ${msSince("cancel_wanted_at")} as cancel_wanted_for_ms,
  ${iso("last_error_at")} as last_error_at, last_error_code, last_error_message, ${iso("retried_at")} as retried_at,
  ${iso("created_at")} as created_at, ${iso("updated_at")} as updated_at, ${iso("due_at")} as due_at,
  ${iso(now)} as read_at`;

export function sagaStatements(schema: string): SagaStatements {
  const saga = `${schema}_saga`;
  const event = `${schema}_saga_event`;
  const note = `insert into ${event} (saga_id, at, from_state, to_state, why, evidence, actor)`;
  return {
    insert: `
      insert into ${saga} (id, saga, version, key, fingerprint, state, intent, fence, request, steps, held, due_at,
        since, created_at, updated_at)
      values (${timedId}, $1, $2, $3, $4, 'RUNNING', 'EXECUTE', 1, $5, $6, $7 = 'yes', ${inMs("$8")}, ${now}, ${now},
        ${now})
      on conflict (saga, key) do nothing
      returning ${row}`,

    // What it says of it in the history comes first, while the state that it leaves is still there.
    save: [
      `${note} select id, ${now}, state, $3, $12, $13, $14 from ${saga}
      where id = $1 and fence = $2 and $12 is not null`,
      `update ${saga} set state = $3, intent = $4, steps = $5, failure = coalesce($6, failure),
        held = $7 = 'yes',
        woken = woken and $7 = 'yes',
        due_at = case when $8 is null then null when woken and $7 = 'no' then ${now} else ${inMs("$8")} end,
        tries = case when $9 = 'yes' then 0 else tries end,
        since = case when $9 = 'yes' then ${now} else since end,
        last_error_at = case when $11 is null then last_error_at else ${now} end,
        last_error_code = case when $11 is null then last_error_code else $10 end,
        last_error_message = coalesce($11, last_error_message),
        updated_at = ${now}
      where id = $1 and fence = $2
      returning ${row}`,
    ],

    // The plus keeps the index of the keys out of it, by which every ended one would be read.
    claim: `
      update ${saga} set fence = fence + 1, tries = tries + 1, held = 1, woken = 0, due_at = ${inMs("$3")}
      where id in (
        select id from ${saga} where due_at <= ${now} and +saga || ' ' || version in ${elements("$1")}
        order by due_at limit $2
      )
      returning ${row}`,

    release: `update ${saga} set due_at = ${now}, held = 0 where id = $1 and fence = $2 and due_at is not null`,

    wake: `
      update ${saga} set woken = held, due_at = case when held then due_at else ${now} end
      where saga = $1 and key = $2 and due_at is not null`,

    intervene: [
      `${note} select id, ${now}, state, state, $4, $5, $6 from ${saga}
      where id = $1 and fence = $2 and due_at is not null`,
      `update ${saga} set fence = fence + 1, tries = 0, held = 0, woken = 0, due_at = ${now}, since = ${now},
        retried_at = ${now},
        cancel_wanted_at = case when $3 = 'yes' then coalesce(cancel_wanted_at, ${now}) else cancel_wanted_at end,
        updated_at = ${now}
      where id = $1 and fence = $2 and due_at is not null
      returning ${row}`,
    ],

    findById: `select ${row} from ${saga} where id = $1`,
    findByKey: `select ${row} from ${saga} where saga = $1 and key = $2`,

    operations: `
      select ${stored("o.")} from json_each($1) as j cross join ${schema}_operation as o
      where o.operation = j.value ->> '$.operation' and o.key = j.value ->> '$.key'
      union all
      select ${stored("o.")} from json_each($1) as j cross join ${schema}_operation_archive as o
      where o.operation = j.value ->> '$.operation' and o.key = j.value ->> '$.key' and o.hot = 0`,

    history: `
      select saga_id as id, json_group_array(json_object('at', ${iso("at")}, 'from', from_state, 'to', to_state,
        'why', why, 'evidence', evidence, 'by', actor) order by id) as history
      from ${event} where saga_id in ${elements("$1")} group by saga_id`,

    list: `
      select ${row} from ${saga}
      where id > coalesce($1, '') and state in ${elements("$3")} and ($4 is null or saga = $4) order by id limit $2`,

    open: `
      select saga, version, state, count(*) as count, max(${msSince("created_at")}) as oldest_ms
      from ${saga} where due_at is not null group by saga, version, state`,

    async forget(query, values) {
      const gone = await query(
        `delete from ${saga} where id in (
          select id from ${saga} where due_at is null and updated_at < ${now} - $1 order by updated_at limit $2)
        returning id`,
        values,
      );
      const ids = JSON.stringify(gone.map((each) => each["id"]));
      await query(`delete from ${event} where saga_id in ${elements("$1")}`, [ids]);
      return gone;
    },
  };
}
