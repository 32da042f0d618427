import { dueStates, type OperationState, openStates, settledStates } from "../../state/transitions.ts";
import type { Statements } from "../dialect.ts";
import {
  compared,
  elements,
  firstIdAt,
  inMs,
  iso,
  listed,
  moving,
  msSince,
  now,
  ofIso,
  row,
  slotGroupColumn,
  stored,
} from "./columns.ts";
import { eventColumns, insertOf, moveOf } from "./moves.ts";

/*
 * The statements for SQLite. There is one writer at a time, and what is read in its transaction cannot change before it
 * ends: so a statement may look first and write after, and nothing needs SKIP LOCKED. `j` is an element of a list in JSON.
 */

/** Every column of an operation, for what moves whole rows. A migration that adds one adds it here. */
const operationColumns = `id, operation, key, fingerprint, state, intent, fence, due_at, provider, providers,
  attempt, tries, in_doubt, request, result, failure, sent_at, key_expires_at, unknown_since, cancelling_since,
  created_at, updated_at, last_error_at, last_error_code, last_error_message, last_error_tries, cancel_wanted_at,
  abandoned, resend_refused, person_only, retried_at`;

/** A field of the row `j`; undefined and null are both NULL, true is 1. */
const field = (name: string): string => `(j.value ->> '$.${name}')`;

/** What the statement `list` asks for. The operation's name is kept from choosing the index of the keys. */
const filter = `o.state in ${elements("$3")} and o.id > coalesce($1, '')
  and ($4 is null or +o.operation = $4) and ($5 is null or o.created_at < ${now} - $5)`;
const asksFor = (states: readonly OperationState[]): string =>
  `exists (select 1 from json_each($3) where value in (${listed(states)}))`;

/** Larger than every id of an entry. */
const afterAll = "9223372036854775807";

export function statements(schema: string): Statements {
  const operation = `${schema}_operation`;
  const event = `${schema}_operation_event`;
  const archive = `${schema}_operation_archive`;
  const pageOf = (columns: string): string => `
    select * from (select ${columns} from ${operation} as o where o.id > coalesce($1, '') order by o.id limit $2)
    union all
    select * from (
      select ${columns} from ${archive} as o where o.hot = 0 and o.id > coalesce($1, '') order by o.id limit $2)
    order by id limit $2`;
  // That it was created is not written down, nor that its first call was answered: its row says so. What came before the
  // answer was noted of SENDING, what came after it begins with what was noted of DONE.
  const historyOf = (o: string): string => `(
    select json_group_array(json(entry) order by seq) from (
      select 0 as seq, json_object('at', ${iso(`${o}.created_at`)},
        'fence', case when first.state = 'READY' then 0 else 1 end, 'from', null, 'to', first.state,
        'provider', ${o}.providers ->> '$[0]', 'why', 'created', 'evidence', null, 'by', null) as entry
      from (
        select case when ${o}.answered_at is not null and earliest.state = 'DONE' then 'SENDING'
          else earliest.state end as state
        from (
          select coalesce((
            select coalesce(e.from_state, '') from ${event} as e where e.operation_id = ${o}.id order by e.id limit 1
          ), iif(${o}.answered_at is null, ${o}.state, 'SENDING')) as state
        ) as earliest
      ) as first where first.state <> ''
      union all
      select coalesce((
          select min(e.id) - 0.5 from ${event} as e where e.operation_id = ${o}.id and e.from_state = 'DONE'
        ), ${afterAll}), json_object('at', ${iso(`${o}.answered_at`)}, 'fence', 1, 'from', 'SENDING', 'to', 'DONE',
        'provider', ${o}.providers ->> '$[0]', 'why', 'succeeded', 'evidence', null, 'by', null)
      where ${o}.answered_at is not null
      union all
      select e.id, json_object('at', ${iso("e.at")}, 'fence', e.fence, 'from', e.from_state,
        'to', e.to_state, 'provider', e.provider, 'why', e.why, 'evidence', e.evidence, 'by', e.actor)
      from ${event} as e where e.operation_id = ${o}.id
    ))`;
  const unchanged = `select o.id from ${archive} as a join ${operation} as o on o.id = a.id and o.fence = a.fence
    and o.state = a.state and o.updated_at = a.updated_at where a.hot = 2`;
  const findByKey = `select ${stored("o.")} from ${operation} as o where o.operation = $1 and o.key = $2`;
  return {
    insert: { statement: insertOf(operation, archive), calls: (records) => [[records]] },
    move: { statement: moveOf(operation, event), calls: (records) => [[records]] },

    // A person's move. Whoever has the row loses it, and it is due at once; a call under way is left to its worker.
    intervene: [
      `insert into ${event} (${eventColumns})
      select id, ${now}, fence + ($3 <> 'SENDING'), $3, $4, provider, $5, $6, $7
      from ${operation} where id = $1 and fence = $2 and state = $3`,
      `update ${operation} set state = $4,
        intent = case when $4 = 'CANCELLING' then 'CANCEL' else intent end,
        fence = fence + ($3 <> 'SENDING'),
        tries = 0,
        in_doubt = in_doubt or $4 = 'UNKNOWN',
        person_only = 0,
        due_at = case when $3 = 'SENDING' then due_at else ${now} end,
        cancel_wanted_at = case when $8 then coalesce(cancel_wanted_at, ${now}) else cancel_wanted_at end,
        unknown_since = case when $4 = 'UNKNOWN' then coalesce(unknown_since, ${now}) else unknown_since end,
        cancelling_since = case when $4 = 'CANCELLING' then coalesce(cancelling_since, ${now})
          else cancelling_since end,
        retried_at = ${now},
        updated_at = ${now}
      where id = $1 and fence = $2 and state = $3
      returning ${stored("")}`,
    ],

    // The row changes too, so that a copy that lacks the entry is seen to be old.
    note: [
      `insert into ${event} (${eventColumns})
      select id, ${now}, fence, state, state, $2, $3, $4, $5 from ${operation} where id = $1`,
      `update ${operation} set updated_at = max(updated_at + 1, ${now}) where id = $1`,
    ],

    renew: `
      update ${operation} set due_at = ${inMs("$4")},
        sent_at = case when state = 'SENDING' then ${now} else sent_at end
      where id = $1 and fence = $2 and state = $3
      returning ${moving("")}`,

    // In the order of the index of what is open, up to the limit; the plus keeps the index of the keys out of it.
    claim: `
      update ${operation} set fence = fence + 1, tries = tries + 1, due_at = ${inMs("$3")}
      where id in (
        select id from ${operation}
        where due_at <= ${now} and state in (${listed(openStates)}) and state in (${listed(dueStates)})
          and +operation in ${elements("$1")} and ${slotGroupColumn} not in ${elements("$4")}
        order by due_at limit $2
      )
      returning ${row("")}`,

    giveBack: `
      update ${operation} as p set due_at = ${now},
        tries = max(0, p.tries - case when ${field("begun")} then 0 else 1 end)
      from json_each($1) as j
      where p.id = ${field("id")} and p.fence = ${field("fence")} and p.due_at is not null`,

    findById: `select ${stored("o.")} from ${operation} as o where o.id = $1`,
    findByKey,
    findTaken: findByKey,
    findArchivedById: `select ${stored("o.")} from ${archive} as o where o.id = $1`,
    findArchivedByKey: `select ${stored("o.")} from ${archive} as o where o.operation = $1 and o.key = $2`,

    history: `
      select o.id as id, ${historyOf("o")} as history from ${operation} as o where o.id in ${elements("$1")}
      union all
      select a.id, a.history from ${archive} as a where a.id in ${elements("$1")} and a.hot = 0`,

    page: pageOf(stored("o.")),
    compared: pageOf(compared),

    list: `
      select * from (
        select ${stored("o.")} from ${operation} as o indexed by ${operation}_open
        where o.state in (${listed(openStates)}) and ${filter} order by o.id limit $2)
      union all
      select * from (
        select ${stored("o.")} from ${operation} as o
        where o.state in (${listed(settledStates)}) and ${asksFor(settledStates)} and ${filter} order by o.id limit $2)
      union all
      select * from (
        select ${stored("o.")} from ${archive} as o
        where o.hot = 0 and ${asksFor(settledStates)} and ${filter} order by o.id limit $2)
      order by id limit $2`,

    version: `select max(version) as version from ${schema}_migration`,

    // The condition is that of the index, which is all that this reads.
    open: `
      select state, count(*) as count,
        max(${msSince("coalesce(cancelling_since, unknown_since, sent_at, created_at)")}) as oldest_ms
      from ${operation} indexed by ${operation}_open where state in (${listed(openStates)}) group by state`,

    settled: `
      select state, count(*) as count from (
        select state from ${operation} where state in (${listed(settledStates)})
        union all select state from ${archive} where hot = 0
      ) group by state`,

    // Nobody can be called: other processes find work by polling.
    notify: undefined,

    // A copy first, and the original later: whoever reads both tables, one after the other, finds each in one of them.
    archiveCopy: `
      insert or replace into ${archive} (${operationColumns}, hot, copied_at, history)
      select ${operationColumns}, 1, ${now}, ${historyOf("o")} from ${operation} as o
      where o.id > coalesce($1, '') and o.id < ${firstIdAt(`${now} - $2`)}
        and o.state in (${listed(settledStates)}) and o.updated_at < ${now} - $2
        and not exists (select 1 from ${archive} as a where a.id = o.id and a.updated_at = o.updated_at)
      order by o.id limit $3
      returning id`,

    // 1 is a copy beside its original, 2 one that is looked at here, 3 one whose original has moved again, and 0 is all
    // that there is.
    archiveDrop: [
      `delete from ${archive} where hot = 3`,
      `update ${archive} set hot = 2 where id in (
        select id from ${archive} where hot = 1 and copied_at < ${now} - $1 order by copied_at limit $2)`,
      `delete from ${event} where operation_id in (${unchanged})`,
      `delete from ${operation} where id in (${unchanged})`,
      `update ${archive} set hot = case when id in (select id from ${operation}) then 3 else 0 end where hot = 2
      returning id`,
    ],

    archiveRestore: [
      `insert into ${operation} (${operationColumns}) select ${operationColumns} from ${archive}
      where id = $1 and hot = 0`,
      `insert into ${event} (${eventColumns})
      select a.id, ${ofIso(field("at"))}, ${field("fence")}, ${field("from")}, ${field("to")}, ${field("provider")},
        ${field("why")}, ${field("evidence")}, ${field("by")}
      from ${archive} as a, json_each(a.history) as j where a.id = $1 and a.hot = 0 order by j.key`,
      `delete from ${archive} where id = $1 and hot = 0 returning id`,
    ],

    archiveForget: `
      delete from ${archive} where id in (
        select id from ${archive}
        where hot = 0 and updated_at < ${now} - $1 and (key_expires_at is null or key_expires_at < ${now})
        order by updated_at limit $2
      )
      returning id`,
  };
}
