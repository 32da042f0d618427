import type { SagaStatements } from "../../saga/statements.ts";
import { inMs, iso, msSince, stored } from "./columns.ts";

/** Ids follow the clock, so that a list of them is in the order in which they were made. */
const timedId = `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
  substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
  52, 1), 53, 1), 'hex')::uuid`;

/** The tables of a migration: what is released is never edited, only followed by another. */
export const sagaTables = (schema: string): readonly string[] => [
  `create table ${schema}.saga (
    id uuid primary key default ${timedId},
    saga text not null,
    version integer not null,
    key text not null,
    fingerprint text not null,
    state text not null check (state in ('RUNNING', 'COMPENSATING', 'MANUAL', 'DONE', 'COMPENSATED')),
    intent text not null check (intent in ('EXECUTE', 'CANCEL')),
    fence bigint not null,
    tries integer not null default 0,
    -- While a worker has it: the end of its lease. Otherwise: when it is to be looked at next.
    due_at timestamptz,
    held boolean not null,
    woken boolean not null default false,
    -- JSON as text: jsonb refuses NUL and lone surrogates, and changes what it stores.
    request text not null,
    steps text not null,
    failure text,
    cancel_wanted_at timestamptz,
    since timestamptz not null,
    retried_at timestamptz,
    last_error_at timestamptz,
    last_error_code text,
    last_error_message text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (saga, key),
    constraint saga_open_is_due check ((due_at is null) = (state in ('DONE', 'COMPENSATED'))),
    constraint saga_intent_is_one_way check (
      (intent = 'CANCEL' and state <> 'RUNNING' and state <> 'DONE')
      or (intent = 'EXECUTE' and state <> 'COMPENSATING' and state <> 'COMPENSATED'))
  )`,
  `create index saga_due on ${schema}.saga (due_at) where due_at is not null`,
  `create index saga_ended on ${schema}.saga (updated_at) where due_at is null`,
  `create table ${schema}.saga_event (
    id bigint generated always as identity,
    saga_id uuid not null,
    at timestamptz not null,
    from_state text,
    to_state text not null,
    why text not null,
    evidence text,
    actor text
  )`,
  `create index saga_event_of on ${schema}.saga_event (saga_id, id)`,
];

const row = `
  s.id::text as id, s.saga, s.version, s.key, s.fingerprint, s.state, s.intent, s.fence::text as fence,
  s.tries::text as tries, s.request, s.steps, s.failure, ${msSince("s.since")} as stalled_for_ms,
  ${iso("s.since")} as progress_at,
  ${msSince("s.cancel_wanted_at")} as cancel_wanted_for_ms, ${iso("s.last_error_at")} as last_error_at,
  s.last_error_code, s.last_error_message, ${iso("s.retried_at")} as retried_at, ${iso("s.created_at")} as created_at,
  ${iso("s.updated_at")} as updated_at, ${iso("s.due_at")} as due_at, ${iso("statement_timestamp()")} as read_at`;

export function sagaStatements(schema: string): SagaStatements {
  const saga = `${schema}.saga`;
  const event = `${schema}.saga_event`;
  return {
    insert: `
      with s as (
        insert into ${saga} (saga, version, key, fingerprint, state, intent, fence, request, steps, held, due_at, since,
          created_at, updated_at)
        values ($1, $2::integer, $3, $4, 'RUNNING', 'EXECUTE', 1, $5, $6, $7::text = 'yes', ${inMs("$8")},
          statement_timestamp(), statement_timestamp(), statement_timestamp())
        on conflict (saga, key) do nothing
        returning *
      )
      select ${row} from s`,

    save: `
      with o as (select id, state from ${saga} where id = $1 and fence = $2::bigint for update),
      s as (
        update ${saga} as p set state = $3, intent = $4, steps = $5, failure = coalesce($6, p.failure),
          held = $7::text = 'yes',
          woken = p.woken and $7::text = 'yes',
          due_at = case when $8::float8 is null then null when p.woken and $7::text = 'no' then statement_timestamp()
            else ${inMs("$8")} end,
          tries = case when $9::text = 'yes' then 0 else p.tries end,
          since = case when $9::text = 'yes' then statement_timestamp() else p.since end,
          last_error_at = case when $11::text is null then p.last_error_at else statement_timestamp() end,
          last_error_code = case when $11::text is null then p.last_error_code else $10 end,
          last_error_message = coalesce($11, p.last_error_message),
          updated_at = statement_timestamp()
        from o where p.id = o.id
        returning p.*
      ), noted as (
        insert into ${event} (saga_id, at, from_state, to_state, why, evidence, actor)
        select o.id, statement_timestamp(), o.state, $3, $12::text, $13::text, $14::text from o
        where $12::text is not null
      )
      select ${row} from s`,

    // The names are hidden from the planner, which would else read every ended one by the index of the keys.
    claim: `
      with due as (
        select id from ${saga}
        where due_at <= statement_timestamp() and saga || ' ' || version = any($1::text[])
        order by due_at
        limit $2
        for update skip locked
      ), s as (
        update ${saga} as p set fence = p.fence + 1, tries = p.tries + 1, held = true, woken = false,
          due_at = ${inMs("$3")}
        from due where p.id = due.id
        returning p.*
      )
      select ${row} from s`,

    release: `
      update ${saga} set due_at = statement_timestamp(), held = false
      where id = $1 and fence = $2::bigint and due_at is not null`,

    wake: `
      update ${saga} set woken = held, due_at = case when held then due_at else statement_timestamp() end
      where saga = $1 and key = $2 and due_at is not null`,

    intervene: `
      with s as (
        update ${saga} as p set fence = p.fence + 1, tries = 0, held = false, woken = false,
          due_at = statement_timestamp(), since = statement_timestamp(), retried_at = statement_timestamp(),
          cancel_wanted_at = case when $3::text = 'yes' then coalesce(p.cancel_wanted_at, statement_timestamp())
            else p.cancel_wanted_at end,
          updated_at = statement_timestamp()
        where p.id = $1 and p.fence = $2::bigint and p.due_at is not null
        returning *
      ), noted as (
        insert into ${event} (saga_id, at, from_state, to_state, why, evidence, actor)
        select id, statement_timestamp(), state, state, $4::text, $5::text, $6::text from s
      )
      select ${row} from s`,

    findById: `select ${row} from ${saga} as s where s.id = $1`,
    findByKey: `select ${row} from ${saga} as s where s.saga = $1 and s.key = $2`,

    operations: `
      with wanted as (select * from json_to_recordset($1::json) as w (operation text, key text))
      select ${stored} from wanted as w join ${schema}.operation as o on o.operation = w.operation and o.key = w.key
      union all
      select ${stored} from wanted as w
        join ${schema}.operation_archive as o on o.operation = w.operation and o.key = w.key and not o.hot`,

    history: `
      select e.saga_id::text as id, json_agg(json_build_object('at', ${iso("e.at")}, 'from', e.from_state,
        'to', e.to_state, 'why', e.why, 'evidence', e.evidence, 'by', e.actor) order by e.id)::text as history
      from ${event} as e where e.saga_id = any($1::uuid[]) group by e.saga_id`,

    list: `
      select ${row} from ${saga} as s
      where ($1::uuid is null or s.id > $1::uuid) and s.state = any($3::text[]) and ($4::text is null or s.saga = $4)
      order by s.id limit $2`,

    open: `
      select saga, version, state, count(*)::text as count, max(${msSince("created_at")}) as oldest_ms
      from ${saga} where due_at is not null group by saga, version, state`,

    forget: `
      with s as (
        delete from ${saga} where id in (
          select id from ${saga}
          where due_at is null and updated_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
          order by updated_at limit $2
          for update skip locked
        )
        returning id
      ), forgotten as (
        delete from ${event} as e using s where e.saga_id = s.id
      )
      select id::text as id from s`,
  };
}
