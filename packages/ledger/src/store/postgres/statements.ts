import { type OperationState, openStates, settledStates } from "../../state/transitions.ts";
import type { Statements } from "../dialect.ts";
import { compared, inMs, iso, listed, moving, msSince, stored } from "./columns.ts";
import { insertOf, moveOf } from "./functions-9.ts";

/* The statements for PostgreSQL. Only the schema's validated name is written into them; values are parameters. */

/** Every column of an operation, for what moves whole rows. A migration that adds one adds it here. */
const operationColumns = `id, operation, key, fingerprint, state, intent, fence, due_at, provider, providers,
  attempt, tries, in_doubt, request, result, failure, sent_at, key_expires_at, unknown_since, cancelling_since,
  created_at, updated_at, last_error_at, last_error_code, last_error_message, last_error_tries, cancel_wanted_at,
  abandoned, resend_refused, person_only, retried_at`;

/** What the statement `list` asks for. */
const filter = `o.state = any($3::text[]) and ($1::uuid is null or o.id > $1::uuid)
  and ($4::text is null or o.operation || '' = $4::text)
  and ($5::float8 is null or o.created_at < statement_timestamp() - $5::float8 * interval '1 millisecond')`;
const asksFor = (states: readonly OperationState[]): string =>
  `$3::text[] && array[${listed(states)}]::text[]`;

export function statements(schema: string): Statements {
  const operation = `${schema}.operation`;
  const event = `${schema}.operation_event`;
  const archive = `${schema}.operation_archive`;
  const pageOf = (columns: string): string => `
    (select ${columns} from ${operation} as o where $1::uuid is null or o.id > $1::uuid order by o.id limit $2)
    union all
    (select ${columns} from ${archive} as o
      where not o.hot and ($1::uuid is null or o.id > $1::uuid) order by o.id limit $2)
    order by id limit $2`;
  // That it was created is not written down, nor that its first call was answered: its row says so.
  const historyOf = (o: string): string => `(
    select json_agg(entry order by seq)::text from (
      select 0::numeric as seq, json_build_object('at', ${iso(`${o}.created_at`)},
        'fence', case when first.state = 'READY' then 0 else 1 end, 'from', null, 'to', first.state,
        'provider', ${o}.providers[1], 'why', 'created', 'evidence', null, 'by', null) as entry
      from (
        select case when ${o}.answered_at is not null then 'SENDING' else coalesce((
          select coalesce(e.from_state, '') from ${event} as e where e.operation_id = ${o}.id order by e.id limit 1
        ), ${o}.state) end as state
      ) as first where first.state <> ''
      union all
      -- What came after it begins with what was noted of DONE.
      select coalesce((
          select min(e.id) - 0.5 from ${event} as e where e.operation_id = ${o}.id and e.from_state = 'DONE'
        ), 'Infinity'), json_build_object('at', ${iso(`${o}.answered_at`)}, 'fence', 1, 'from', 'SENDING', 'to', 'DONE',
        'provider', ${o}.providers[1], 'why', 'succeeded', 'evidence', null, 'by', null)
      where ${o}.answered_at is not null
      union all
      select e.id, json_build_object('at', ${iso("e.at")}, 'fence', e.fence, 'from', e.from_state,
        'to', e.to_state, 'provider', e.provider, 'why', e.why, 'evidence', e.evidence, 'by', e.actor)
      from ${event} as e where e.operation_id = ${o}.id
    ) as entries)`;
  return {
    insert: insertOf(schema),
    move: moveOf(schema),

    // A person's move. Whoever has the row loses it, and it is due at once; a call under way is left to its worker.
    intervene: `
      with o as (
        update ${operation} as p set state = $4::text,
          intent = case when $4::text = 'CANCELLING' then 'CANCEL' else p.intent end,
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
      update ${operation} as o set due_at = ${inMs("$4")},
        -- Whoever renews in order to send sends later than was written down; what is in flight is so from now on.
        sent_at = case when o.state = 'SENDING' then statement_timestamp() else o.sent_at end
      where o.id = $1 and o.fence = $2::bigint and o.state = $3
      returning ${moving}`,

    claim: `select * from ${schema}.claim_operations_8($1::text[], $2::integer, $3::float8, $4::text[])`,

    giveBack: `
      update ${operation} as o set due_at = statement_timestamp(),
        tries = greatest(0, o.tries - case when m.begun then 0 else 1 end)
      from json_to_recordset($1::json) as m (id uuid, fence bigint, begun boolean)
      where o.id = m.id and o.fence = m.fence and o.due_at is not null`,

    findById: `select ${stored} from ${operation} as o where o.id = $1`,
    findByKey: `select ${stored} from ${operation} as o where o.operation = $1 and o.key = $2`,
    findTaken: `select ${stored} from ${operation} as o where o.operation = $1 and o.key = $2`,
    findArchivedById: `select ${stored} from ${archive} as o where o.id = $1`,
    findArchivedByKey: `select ${stored} from ${archive} as o where o.operation = $1 and o.key = $2`,

    history: `
      select o.id::text as id, ${historyOf("o")} as history from ${operation} as o where o.id = any($1::uuid[])
      union all
      select a.id::text, a.history from ${archive} as a where a.id = any($1::uuid[]) and not a.hot`,

    page: pageOf(stored),
    compared: pageOf(compared),

    // A branch that is not asked for is not run. The name is hidden from the planner, which would else read all of that
    // operation by the index of the keys.
    list: `
      (select ${stored} from ${operation} as o
        where o.state in (${listed(openStates)}) and ${filter} order by o.id limit $2)
      union all
      (select ${stored} from ${operation} as o
        where o.state in (${listed(settledStates)}) and ${asksFor(settledStates)} and ${filter} order by o.id limit $2)
      union all
      (select ${stored} from ${archive} as o
        where not o.hot and ${asksFor(settledStates)} and ${filter} order by o.id limit $2)
      order by id limit $2`,

    version: `select max(version)::text as version from ${schema}.migration`,

    // The condition is that of the index operation_open, which is all that this reads.
    open: `
      select state, count(*)::text as count,
        ${msSince("min(coalesce(cancelling_since, unknown_since, sent_at, created_at))")} as oldest_ms
      from ${operation} where state in (${listed(openStates)}) group by state`,

    settled: `
      select state, count(*)::text as count from (
        select state from ${operation} where state in (${listed(settledStates)})
        union all select state from ${archive} where not hot
      ) as every group by state`,

    notify: `select pg_notify($1, '')`,

    // A copy first, and the original only when no statement can be running any more that saw neither: a key that was
    // used is found at every moment. Two nodes that copied the same row at once would meet in the index of the keys, which
    // "on conflict" does not look at.
    archiveCopy: `
      with c as (
        select o.* from ${operation} as o
        where ($1::uuid is null or o.id > $1::uuid)
          and o.state in (${listed(settledStates)})
          and o.updated_at < statement_timestamp() - $2::float8 * interval '1 millisecond'
          and not exists (select from ${archive} as a where a.id = o.id and a.updated_at = o.updated_at)
        order by o.id limit $3
        for no key update of o skip locked
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
