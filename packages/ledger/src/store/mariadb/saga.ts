import type { SagaStatements } from "../../saga/statements.ts";
import type { StatementFunction } from "../dialect.ts";
import { stored } from "./columns.ts";
import { newIds } from "./ids.ts";
import {
  byId,
  entriesOf,
  idsOf,
  inMs,
  iso,
  json,
  listed,
  msAgo,
  msSince,
  now,
  numbered,
  rowsIf,
  tableOptions,
  types,
  whileHeld,
} from "./text.ts";

const { id, word, key, text, instant } = types;

/** The tables of a migration: what is released is never edited, only followed by another. */
export const sagaTables = (schema: string): readonly string[] => [
  `create table if not exists ${schema}_saga (
    id ${id} not null,
    saga ${key} not null,
    version int not null,
    \`key\` ${key} not null,
    fingerprint ${word} not null,
    state ${word} not null,
    intent ${word} not null,
    fence bigint not null,
    tries int not null default 0,
    due_at ${instant} comment 'end of the lease of the worker that has it, else when it is looked at next; UTC',
    held tinyint not null,
    woken tinyint not null default 0,
    request ${text} not null,
    steps ${text} not null,
    failure ${text},
    cancel_wanted_at ${instant},
    since ${instant} not null,
    retried_at ${instant},
    last_error_at ${instant},
    last_error_code ${text},
    last_error_message ${text},
    created_at ${instant} not null,
    updated_at ${instant} not null,
    primary key (id),
    unique key saga_key (saga, \`key\`),
    key saga_due (due_at, updated_at),
    check (state in ('RUNNING', 'COMPENSATING', 'MANUAL', 'DONE', 'COMPENSATED')),
    check ((due_at is null) = (state in ('DONE', 'COMPENSATED'))),
    check ((intent = 'CANCEL' and state not in ('RUNNING', 'DONE'))
      or (intent = 'EXECUTE' and state not in ('COMPENSATING', 'COMPENSATED')))
  ) ${tableOptions}`,
  `create table if not exists ${schema}_saga_event (
    id bigint not null auto_increment,
    saga_id ${id} not null,
    at ${instant} not null,
    from_state ${word},
    to_state ${word} not null,
    why ${text} not null,
    evidence ${text},
    actor ${text},
    primary key (id),
    key saga_event_of (saga_id, id)
  ) ${tableOptions}`,
];

/** @param claimed - Whether it is being claimed, which raises its fence and its tries. */
const row = (claimed = ""): string => `
  s.id, s.saga, cast(s.version as char) as version, s.\`key\`, s.fingerprint, s.state, s.intent,
  cast(s.fence${claimed} as char) as fence, cast(s.tries${claimed} as char) as tries, s.request, s.steps, s.failure,
  ${msSince("s.since")} as stalled_for_ms, ${iso("s.since")} as progress_at,
  ${msSince("s.cancel_wanted_at")} as cancel_wanted_for_ms,
  ${iso("s.last_error_at")} as last_error_at, s.last_error_code, s.last_error_message,
  ${iso("s.retried_at")} as retried_at, ${iso("s.created_at")} as created_at, ${iso("s.updated_at")} as updated_at,
  ${iso("s.due_at")} as due_at, ${iso(now)} as read_at`;

export function sagaStatements(schema: string): SagaStatements {
  const saga = `${schema}_saga`;
  const read = `select ${row()} from ${saga} as s where s.id = $1`;
  const of = "s.saga = $1 and char_length(s.saga) = char_length($1) and s.`key` = $2";
  const wanted = (table: string): string => `
    select ${stored} from ${listed("$1", { operation: "key", key: "key" })}
      straight_join ${table} as o force index (operation_key) on o.operation = m.operation and o.\`key\` = m.\`key\``;
  return {
    insert: insert(saga),
    save: save(schema),
    claim: claim(saga),
    release: `update ${saga} set due_at = ${now}, held = 0 where id = $1 and fence = $2 and due_at is not null`,
    wake: `
      update ${saga} as s set s.due_at = case when s.held = 1 then s.due_at else ${now} end, s.woken = s.held
      where ${of} and s.due_at is not null`,
    intervene: whileHeld(
      `select s.id from ${saga} as s where s.id = $1 and s.fence = $2 and s.due_at is not null`,
      `update ${saga} as s set s.fence = s.fence + 1, s.tries = 0, s.held = 0, s.woken = 0, s.due_at = ${now},
        s.since = ${now}, s.retried_at = ${now},
        s.cancel_wanted_at = case when $3 = 'yes' then coalesce(s.cancel_wanted_at, ${now}) else s.cancel_wanted_at end,
        s.updated_at = ${now}
      where s.id = $1`,
      `insert into ${schema}_saga_event (saga_id, at, from_state, to_state, why, evidence, actor)
       select s.id, ${now}, s.state, s.state, $4, $5, $6 from ${saga} as s where s.id = $1`,
      read,
    ),
    findById: `select ${row()} from ${saga} as s where s.id = lower($1)`,
    findByKey: `select ${row()} from ${saga} as s where ${of}`,
    operations: `${wanted(`${schema}_operation`)} union all
      ${wanted(`${schema}_operation_archive`)} where o.hot = 0`,
    history: history(schema),
    list: list(saga),
    open: `
      select s.saga, cast(s.version as char) as version, s.state, cast(count(*) as char) as count,
        max(${msSince("s.created_at")}) as oldest_ms
      from ${saga} as s where s.due_at is not null group by s.saga, s.version, s.state`,
    forget: forget(schema),
  };
}

function insert(saga: string): StatementFunction {
  const text = `
    insert into ${saga} (id, saga, version, \`key\`, fingerprint, state, intent, fence, request, steps, held, due_at, since,
      created_at, updated_at)
    values ($1, $2, $3, $4, $5, 'RUNNING', 'EXECUTE', 1, $6, $7, case when $8 = 'yes' then 1 else 0 end,
      ${inMs("$9")}, ${now}, ${now}, ${now})
    on duplicate key update id = ${saga}.id`;
  const inserted = `select ${row()} from ${saga} as s where s.id = $1`;
  return async (query, values) => {
    const [fresh] = await newIds(query, 1);
    await query(text, [fresh, ...values]);
    return await query(inserted, [fresh]);
  };
}

function save(schema: string): StatementFunction {
  const saga = `${schema}_saga`;
  const lock = `
    select s.state, cast(s.woken as char) as woken from ${saga} as s where s.id = $1 and s.fence = $2 for update`;
  // The last two values are what the row was.
  const set = `
    update ${saga} as s set s.state = $3, s.intent = $4, s.steps = $5, s.failure = coalesce($6, s.failure),
      s.held = case when $7 = 'yes' then 1 else 0 end,
      s.woken = case when $7 = 'yes' then $15 else 0 end,
      s.due_at = case when $8 is null then null when $15 = 1 and $7 = 'no' then ${now} else ${inMs("$8")} end,
      s.tries = case when $9 = 'yes' then 0 else s.tries end,
      s.since = case when $9 = 'yes' then ${now} else s.since end,
      s.last_error_at = case when $11 is null then s.last_error_at else ${now} end,
      s.last_error_code = case when $11 is null then s.last_error_code else $10 end,
      s.last_error_message = coalesce($11, s.last_error_message),
      s.updated_at = ${now}
    where s.id = $1`;
  const note = `
    insert into ${schema}_saga_event (saga_id, at, from_state, to_state, why, evidence, actor)
    values ($1, ${now}, $16, $3, $12, $13, $14)`;
  const read = `select ${row()} from ${saga} as s where s.id = $1`;
  return async (query, values) => {
    const [before] = await query(lock, values);
    if (before === undefined) return [];
    const all = [...values, Number(before["woken"]), before["state"]];
    await query(set, all);
    const why = values[11];
    if (why !== null && why !== undefined) await query(note, all);
    return await query(read, values);
  };
}

function claim(saga: string): StatementFunction {
  const take = `update ${byId(saga)} set o.fence = o.fence + 1, o.tries = o.tries + 1, o.held = 1, o.woken = 0,
    o.due_at = ${inMs("$2")}`;
  return async (query, [names, limit, leaseMs]) => {
    const known = names as readonly string[];
    if (known.length === 0) return [];
    // Read as they are about to be, which the lock makes certain.
    const rows = await query(
      `select ${row(" + 1")} from ${saga} as s force index (saga_due)
       where s.due_at <= ${now} and concat(s.saga, ' ', s.version) in (${numbered(known.length, 2)})
       order by s.due_at limit $1 for update skip locked`,
      [limit, ...known],
    );
    if (rows.length > 0) await query(take, [json(idsOf(rows)), leaseMs]);
    return rows;
  };
}

function history(schema: string): StatementFunction {
  const find = `
    select e.saga_id, ${iso("e.at")} as at, e.from_state, e.to_state, e.why, e.evidence, e.actor
    from ${eventsOf(schema)} order by e.saga_id, e.id`;
  return async (query, [ids]) => {
    const wanted = (ids as readonly string[]).map((each) => ({ id: each }));
    const entries = Map.groupBy(await rowsIf(query, find, wanted), (entry) => String(entry["saga_id"]));
    return [...entries].map(([of, all]) => ({
      id: of,
      history: JSON.stringify(
        all.map(({ at, from_state: from, to_state: to, why, evidence, actor: by }) => ({
          ...{ at, from, to, why, evidence, by },
        })),
      ),
    }));
  };
}

function list(saga: string): StatementFunction {
  return async (query, [after, limit, states, name]) => {
    const asked = states as readonly string[];
    if (asked.length === 0) return [];
    return await query(
      `select ${row()} from ${saga} as s
       where ($1 is null or s.id > $1) and s.state in (${numbered(asked.length, 4)})
         and ($3 is null or (s.saga = $3 and char_length(s.saga) = char_length($3)))
       order by s.id limit $2`,
      [after, limit, name, ...asked],
    );
  };
}

function forget(schema: string): StatementFunction {
  const saga = `${schema}_saga`;
  const find = `
    select s.id from ${saga} as s where s.due_at is null and s.updated_at < ${msAgo("$1")}
    order by s.updated_at limit $2 for update skip locked`;
  return async (query, values) => {
    const rows = await query(find, values);
    await rowsIf(query, `delete o from ${byId(saga)}`, rows);
    await rowsIf(query, `delete e from ${eventsOf(schema)}`, rows);
    return rows;
  };
}

/** The entries `e` of a list of ids. */
function eventsOf(schema: string): string {
  return entriesOf(`${schema}_saga_event`, "saga_id", "saga_event_of");
}
