import { dueStates, type OperationState, openStates, settledStates } from "../state/transitions.ts";
import type { Statements } from "./dialect.ts";

/*
 * The statements for PostgreSQL. Only the schema's validated name is written into them; values are parameters.
 *
 * All times are the database's, so that leases mean the same to every process. `statement_timestamp()`, not
 * `clock_timestamp()`, because a volatile function keeps the planner from using an index. Numbers and times
 * leave as text or float8, so that a type parser the user has set for int8 or timestamptz changes nothing.
 */

const iso = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const msSince = (column: string): string =>
  `(extract(epoch from statement_timestamp() - ${column}) * 1000)::float8`;
const inMs = (value: string): string => `statement_timestamp() + ${value}::float8 * interval '1 millisecond'`;

/** The same as `slotGroupOf` for a row of the table. */
const slotGroupColumn = `case when provider = 'default' then 'operation ' || operation else provider end`;

const listed = (states: readonly OperationState[]): string => states.map((state) => `'${state}'`).join(", ");

/** Of no use once nothing is left to do, and not for nothing. */
const ages = Object.entries({
  sent_for_ms: msSince("o.sent_at"),
  key_left_ms: `-${msSince("o.key_expires_at")}`,
  unknown_for_ms: msSince("greatest(o.unknown_since, o.retried_at)"),
  cancelling_for_ms: msSince("greatest(o.cancelling_since, o.retried_at)"),
})
  .map(([name, age]) => `case when o.due_at is not null then ${age} end as ${name}`)
  .join(", ");

/** What a worker has to know of a row, and cannot know without reading it. */
const moving = `
  o.id::text as id, o.state, o.intent, o.fence::text as fence, o.provider, o.attempt::text as attempt,
  o.tries::text as tries, case when o.in_doubt then 'yes' else 'no' end as in_doubt,
  case when o.abandoned then 'yes' else 'no' end as abandoned,
  case when o.resend_refused then 'yes' else 'no' end as resend_refused,
  case when o.person_only then 'yes' else 'no' end as person_only,
  ${msSince("o.cancel_wanted_at")} as cancel_wanted_for_ms, ${ages}`;

const row = `${moving},
  o.operation, o.key, o.fingerprint, to_json(o.providers)::text as providers, o.request, o.result, o.failure`;

const stored = `${row},
  ${iso("o.last_error_at")} as last_error_at, o.last_error_code, o.last_error_message,
  o.last_error_tries::text as last_error_tries,
  ${iso("o.created_at")} as created_at, ${iso("o.updated_at")} as updated_at`;

/** Every column of an operation, for what moves whole rows. A migration that adds one adds it here. */
export const operationColumns = `id, operation, key, fingerprint, state, intent, fence, due_at, provider, providers,
  attempt, tries, in_doubt, request, result, failure, sent_at, key_expires_at, unknown_since, cancelling_since,
  created_at, updated_at, last_error_at, last_error_code, last_error_message, last_error_tries, cancel_wanted_at,
  abandoned, resend_refused, person_only, retried_at`;

export function statements(schema: string): Statements {
  const operation = `${schema}.operation`;
  const event = `${schema}.operation_event`;
  const archive = `${schema}.operation_archive`;
  // That it was created is not written down: its row says so.
  const historyOf = (o: string): string => `(
    select json_agg(entry order by seq)::text from (
      select 0 as seq, json_build_object('at', ${iso(`${o}.created_at`)},
        'fence', case when first.state = 'READY' then 0 else 1 end, 'from', null, 'to', first.state,
        'provider', ${o}.providers[1], 'why', 'created', 'evidence', null, 'by', null) as entry
      from (
        select coalesce((
          select coalesce(e.from_state, '') from ${event} as e where e.operation_id = ${o}.id order by e.id limit 1
        ), ${o}.state) as state
      ) as first where first.state <> ''
      union all
      select e.id, json_build_object('at', ${iso("e.at")}, 'fence', e.fence, 'from', e.from_state,
        'to', e.to_state, 'provider', e.provider, 'why', e.why, 'evidence', e.evidence, 'by', e.actor)
      from ${event} as e where e.operation_id = ${o}.id
    ) as entries)`;
  return {
    // Waits for a transaction that is inserting the same key; no row comes back when the key is taken.
    insert: `
      with m as (
        select * from json_to_recordset($1::json) as m (operation text, key text, fingerprint text, state text,
          "dueInMs" float8, providers text[], request text, "keyWindowMs" float8)
      ), o as (
        insert into ${operation} (operation, key, fingerprint, state, fence, due_at, provider, providers,
          attempt, request, sent_at, key_expires_at, created_at, updated_at)
        select operation, key, fingerprint, state, case when state = 'SENDING' then 1 else 0 end,
          ${inMs('"dueInMs"')}, providers[1], providers, case when state = 'SENDING' then 1 else 0 end, request,
          case when state = 'SENDING' then statement_timestamp() end, ${inMs('"keyWindowMs"')},
          statement_timestamp(), statement_timestamp()
        from m
        where not exists (select from ${archive} as a where a.operation = m.operation and a.key = m.key offset 0)
        on conflict (operation, key) do nothing
        returning id, operation, key
      )
      select id::text as id, operation, key from o`,

    // The only statement by which workers change a state. Fence and state must still be those that were seen, and a
    // cancel that was asked for meanwhile must not be overlooked.
    move: `
      with m as (
        select * from json_to_recordset($1::json) as m (id uuid, fence bigint, "from" text, "cancelKnown" boolean,
          "to" text, intent text, provider text, "inDoubt" boolean, "dueInMs" float8, result text, failure text,
          "keyWindowMs" float8, why text, evidence text, "by" text, noted boolean, failed boolean,
          "errorCode" text, "errorMessage" text, abandoned boolean, "resendRefused" boolean, "personOnly" boolean,
          afresh boolean)
      ), o as (
        update ${operation} as p set
          state = m."to",
          intent = m.intent,
          provider = m.provider,
          in_doubt = m."inDoubt",
          abandoned = m.abandoned,
          resend_refused = m."resendRefused",
          person_only = m."personOnly",
          due_at = ${inMs('m."dueInMs"')},
          result = coalesce(m.result, p.result),
          failure = coalesce(m.failure, p.failure),
          attempt = p.attempt + case when m."to" = 'SENDING' then 1 else 0 end,
          -- Sending again and asking again are one effort: their tries go on.
          tries = case when not m.afresh and (p.state = m."to" or (p.in_doubt and m."to" in ('SENDING', 'UNKNOWN')))
            then p.tries else 0 end,
          sent_at = case when m."to" = 'SENDING' then statement_timestamp() else p.sent_at end,
          key_expires_at = case when p.provider = m.provider and p.state <> 'READY' then p.key_expires_at
            else ${inMs('m."keyWindowMs"')} end,
          unknown_since = case when m."to" = 'UNKNOWN'
            then coalesce(p.unknown_since, statement_timestamp()) else p.unknown_since end,
          cancelling_since = case when m."to" = 'CANCELLING'
            then coalesce(p.cancelling_since, statement_timestamp()) else p.cancelling_since end,
          retried_at = case when m.afresh then statement_timestamp() else p.retried_at end,
          last_error_at = case when m.failed then statement_timestamp() else p.last_error_at end,
          last_error_code = case when m.failed then m."errorCode" else p.last_error_code end,
          last_error_message = case when m.failed then m."errorMessage" else p.last_error_message end,
          last_error_tries = case when m.failed then p.tries else p.last_error_tries end,
          updated_at = statement_timestamp()
        from m
        where p.id = m.id and p.fence = m.fence and p.state = m."from"
          and (p.cancel_wanted_at is not null) = m."cancelKnown"
        returning p.*
      ), noted as (
        insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
        select o.id, statement_timestamp(), o.fence, m."from", o.state, o.provider, m.why, m.evidence, m."by"
        from o join m on m.id = o.id where m.noted
      )
      select ${moving} from o`,

    // A person's move. Whoever has the row loses it, and it is due at once; a call under way is left to its worker.
    intervene: `
      with o as (
        update ${operation} as p set state = $4::text,
          fence = p.fence + case when $3::text = 'SENDING' then 0 else 1 end,
          tries = 0,
          in_doubt = p.in_doubt or $4::text = 'UNKNOWN',
          person_only = false,
          due_at = case when $3::text = 'SENDING' then p.due_at else statement_timestamp() end,
          cancel_wanted_at = case when $8::boolean then coalesce(p.cancel_wanted_at, statement_timestamp())
            else p.cancel_wanted_at end,
          unknown_since = case when $4::text = 'UNKNOWN'
            then coalesce(p.unknown_since, statement_timestamp()) else p.unknown_since end,
          cancelling_since = case when $4::text = 'CANCELLING'
            then coalesce(p.cancelling_since, statement_timestamp()) else p.cancelling_since end,
          retried_at = statement_timestamp(),
          updated_at = statement_timestamp()
        where p.id = $1 and p.fence = $2::bigint and p.state = $3::text
        returning *
      ), noted as (
        insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
        select id, statement_timestamp(), fence, $3::text, state, provider, $5::text, $6::text, $7::text from o
      )
      select ${stored} from o`,

    // The row changes too, so that a copy that lacks the entry is seen to be old.
    note: `
      with o as (
        update ${operation} set updated_at = statement_timestamp() where id = $1 returning id, fence, state
      )
      insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
      select id, statement_timestamp(), fence, state, state, $2::text, $3::text, $4::text, $5::text from o`,

    renew: `
      update ${operation} as o set due_at = ${inMs("$4")}
      where o.id = $1 and o.fence = $2::bigint and o.state = $3
      returning ${moving}`,

    claim: `
      with due as (
        select id from ${operation}
        where due_at <= statement_timestamp() and state in (${listed(dueStates)}) and operation = any($1::text[])
          and (${slotGroupColumn}) <> all($4::text[])
        order by due_at
        limit $2
        for update skip locked
      )
      update ${operation} as o set fence = o.fence + 1, tries = o.tries + 1, due_at = ${inMs("$3")}
      from due where o.id = due.id
      returning ${row}`,

    release: `
      update ${operation} as o set due_at = statement_timestamp()
      where o.id = $1 and o.fence = $2::bigint and o.due_at is not null`,

    findById: `select ${stored} from ${operation} as o where o.id = $1`,
    findByKey: `select ${stored} from ${operation} as o where o.operation = $1 and o.key = $2`,
    findArchivedById: `select ${stored} from ${archive} as o where o.id = $1`,
    findArchivedByKey: `select ${stored} from ${archive} as o where o.operation = $1 and o.key = $2`,

    history: `
      select o.id::text as id, ${historyOf("o")} as history from ${operation} as o where o.id = any($1::uuid[])
      union all
      select a.id::text, a.history from ${archive} as a where a.id = any($1::uuid[]) and not a.hot`,

    page: `
      (select ${stored} from ${operation} as o where $1::uuid is null or o.id > $1::uuid order by o.id limit $2)
      union all
      (select ${stored} from ${archive} as o
        where not o.hot and ($1::uuid is null or o.id > $1::uuid) order by o.id limit $2)
      order by id limit $2`,

    // The condition is that of the index operation_open, which is all that this reads.
    open: `
      select state, count(*)::text as count,
        max(${msSince("coalesce(cancelling_since, unknown_since, sent_at, created_at)")}) as oldest_ms
      from ${operation} where state in (${listed(openStates)}) group by state`,

    settled: `
      select state, count(*)::text as count from (
        select state from ${operation} where state in (${listed(settledStates)})
        union all select state from ${archive} where not hot
      ) as every group by state`,

    notify: `select pg_notify($1, '')`,

    // A copy first, and the original only when no statement can be running any more that saw neither: a key that was
    // used is found at every moment.
    archiveCopy: `
      with c as (
        select o.* from ${operation} as o
        where ($1::uuid is null or o.id > $1::uuid)
          and o.state in (${listed(settledStates)})
          and o.created_at < statement_timestamp() - $2::float8 * interval '1 millisecond'
          and o.updated_at < statement_timestamp() - $2::float8 * interval '1 millisecond'
          and not exists (select from ${archive} as a where a.id = o.id and a.updated_at = o.updated_at)
        order by o.id limit $3
      )
      insert into ${archive} (${operationColumns}, hot, copied_at, history)
      select ${operationColumns}, true, statement_timestamp(), ${historyOf("c")} from c
      on conflict (id) do update set
        (${operationColumns}, hot, copied_at, history) = (${operationColumns
          .split(",")
          .map((column) => `excluded.${column.trim()}`)
          .join(", ")}, excluded.hot, excluded.copied_at, excluded.history)
      returning id::text as id`,

    archiveDrop: `
      with a as (
        select id, fence, state, updated_at from ${archive}
        where hot and copied_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
        order by copied_at limit $2
        for update skip locked
      ), dropped as (
        delete from ${operation} as o using a
        where o.id = a.id and o.fence = a.fence and o.state = a.state and o.updated_at = a.updated_at
        returning o.id
      ), forgotten as (
        delete from ${event} as e using dropped where e.operation_id = dropped.id
      ), kept as (
        update ${archive} as c set hot = false from dropped where c.id = dropped.id
      ), stale as (
        delete from ${archive} as c using a where c.id = a.id and a.id not in (select id from dropped)
      )
      select id::text as id from a`,

    archiveRestore: `
      with a as (
        delete from ${archive} where id = $1 and not hot returning *
      ), o as (
        insert into ${operation} (${operationColumns}) select ${operationColumns} from a returning id
      ), noted as (
        insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
        select a.id, (e."at")::timestamptz, e.fence, e."from", e."to", e.provider, e.why, e.evidence, e."by"
        from a, json_to_recordset(a.history::json) as e ("at" text, fence bigint, "from" text, "to" text,
          provider text, why text, evidence text, "by" text)
      )
      select id::text as id from o`,

    archiveForget: `
      delete from ${archive} where id in (
        select id from ${archive}
        where not hot and updated_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
          and (key_expires_at is null or key_expires_at < statement_timestamp())
        order by updated_at limit $2
        for update skip locked
      )
      returning id::text as id`,
  };
}
