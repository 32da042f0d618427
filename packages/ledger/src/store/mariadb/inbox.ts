import type { InboxStatements } from "../../inbox/statements.ts";
import type { StatementFunction } from "../dialect.ts";
import { errorNumberOf } from "./errors.ts";
import { inMs, iso, json, listed, msAgo, msSince, now, tableOptions, types, whileHeld } from "./text.ts";

const { name, word, key, text, instant } = types;

/** The tables of a migration: what is released is never edited, only followed by another. */
export const inboxTables = (schema: string): readonly string[] => [
  `create table if not exists ${schema}_inbox (
    inbox ${name} not null,
    id ${name} not null,
    event ${text} not null,
    operation ${text},
    \`key\` ${key},
    occurred_at_ms double,
    state ${word} not null,
    tries int not null default 0,
    due_at ${instant},
    outcome ${text},
    received_at ${instant} not null,
    settled_at ${instant},
    primary key (inbox, id),
    key inbox_due (inbox(255), due_at),
    key inbox_of (operation(255), \`key\`),
    key inbox_state (inbox(255), state, received_at),
    check (state in ('pending', 'applied', 'superseded', 'stuck')),
    check ((due_at is null) = (state <> 'pending'))
  ) ${tableOptions}`,
];

const id = "convert(i.id using utf8mb4) as id";
const shown = `${id}, i.state, i.operation, i.\`key\`, cast(i.tries as char) as tries, i.outcome,
  ${iso("i.received_at")} as received_at`;
/** The rows of a list of ids of one inbox. */
const byId = (inbox: string): string =>
  `${listed("$2", { id: "text" })} straight_join ${inbox} as i force index (primary)
   on i.inbox = cast($1 as binary) and i.id = cast(m.id as binary)`;

export function inboxStatements(schema: string): InboxStatements {
  const inbox = `${schema}_inbox`;
  const one = "i.inbox = cast($1 as binary) and i.id = cast($2 as binary)";
  const held = `${one} and i.tries = $3 and i.state = 'pending'`;
  return {
    store: store(inbox),
    claim: claim(inbox),
    hasLater: `
      select ${id} from ${inbox} as i where i.inbox = cast($1 as binary) and i.id <> cast($2 as binary)
        and i.operation = $3 and i.\`key\` = $4 and i.occurred_at_ms > $5 and i.state in ('pending', 'applied') limit 1`,
    settle: whileHeld(
      `select ${id} from ${inbox} as i where ${held}`,
      `update ${inbox} as i set i.state = $4, i.outcome = $5, i.due_at = null, i.settled_at = ${now} where ${one}`,
      `select ${id} from ${inbox} as i where ${one}`,
    ),
    retryLater: `update ${inbox} as i set i.due_at = ${inMs("$4")}, i.outcome = $5 where ${held}`,
    retryNow: whileHeld(
      `select ${id} from ${inbox} as i where ${one} and i.state in ('pending', 'stuck')`,
      `update ${inbox} as i set i.state = 'pending', i.due_at = ${now}, i.received_at = ${now} where ${one}`,
      `select ${id} from ${inbox} as i where ${one}`,
    ),
    forget: forget(inbox),
    find: `select ${shown} from ${inbox} as i where ${one}`,
    open: `
      select ${shown} from ${inbox} as i where i.inbox = cast($1 as binary) and i.state in ('pending', 'stuck')
      order by i.received_at, i.id limit $2`,
  };
}

/** There is one already. */
const duplicate = 1062;

function store(inbox: string): StatementFunction {
  const insert = `
    insert into ${inbox} (inbox, id, event, operation, \`key\`, occurred_at_ms, state, due_at, received_at)
    values ($1, $2, $3, $4, $5, $6, 'pending', ${now}, ${now})`;
  return async (query, values) => {
    try {
      await query(insert, values);
    } catch (error) {
      // It undoes this statement alone.
      if (errorNumberOf(error) === duplicate) return [];
      throw error;
    }
    return [{ id: values[1] }];
  };
}

function claim(inbox: string): StatementFunction {
  const find = `
    select ${id}, i.event, cast(i.tries + 1 as char) as tries, ${msSince("i.received_at")} as age_ms
    from ${inbox} as i force index (inbox_due)
    where i.inbox = cast($1 as binary) and i.due_at <= ${now}
    order by i.due_at limit $2 for update skip locked`;
  const take = `update ${byId(inbox)} set i.tries = i.tries + 1, i.due_at = ${inMs("$3")}`;
  return async (query, [name, limit, leaseMs]) => {
    const rows = await query(find, [name, limit]);
    if (rows.length > 0) await query(take, [name, json(rows.map((row) => ({ id: row["id"] }))), leaseMs]);
    return rows;
  };
}

function forget(inbox: string): StatementFunction {
  const find = `
    select ${id} from ${inbox} as i where i.inbox = cast($1 as binary) and i.state in ('applied', 'superseded')
      and i.settled_at < ${msAgo("$2")}
    limit $3 for update skip locked`;
  const drop = `delete i from ${byId(inbox)}`;
  return async (query, values) => {
    const rows = await query(find, values);
    if (rows.length > 0) await query(drop, [values[0], json(rows)]);
    return rows;
  };
}
