import { dueStates } from "../../state/transitions.ts";
import type { StatementFunction } from "../dialect.ts";
import { moving, row } from "./columns.ts";
import { byId, idsOf, inMs, json, numbered, quoted, whileHeld } from "./text.ts";

/** The same as `slotGroupOf` for a row of the table. */
const slotGroup =
  "case when o.provider = 'default' then concat('operation ', o.operation) else o.provider end";

/** In the order of the index of what is due, up to the limit. Rows that others have locked are passed over. */
export function claim(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  const take = `update ${byId(operation)} set o.fence = o.fence + 1, o.tries = o.tries + 1`;
  return async (query, [operations, limit, leaseMs, but]) => {
    const names = operations as readonly string[];
    const full = but as readonly string[];
    const others =
      full.length === 0 ? "" : `and ${slotGroup} not in (${numbered(full.length, 2 + names.length)})`;
    // Read as they are about to be, which the lock makes certain.
    const rows = await query(
      `select ${row(true)} from ${operation} as o force index (operation_due)
       where o.due_at <= utc_timestamp(6) and o.state in (${quoted(dueStates)})
         and o.operation in (${numbered(names.length, 2)}) ${others}
       order by o.due_at limit $1 for update skip locked`,
      [limit, ...names, ...full],
    );
    if (rows.length === 0) return [];
    await query(`${take}, o.due_at = ${inMs("$2")}`, [json(idsOf(rows)), leaseMs]);
    return rows;
  };
}

/** A longer lease. Whoever renews in order to send sends later than was written down; it is in flight from now on. */
export function renew(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  return whileHeld(
    `select o.id from ${operation} as o where o.id = $1 and o.fence = $2 and o.state = $3`,
    `update ${operation} as o set o.due_at = ${inMs("$4")},
      o.sent_at = case when o.state = 'SENDING' then utc_timestamp(6) else o.sent_at end
    where o.id = $1`,
    `select ${moving()} from ${operation} as o where o.id = $1`,
  );
}

/** What is still in the worker's hands is due at once. */
export function giveBack(schema: string): string {
  return `
    update ${byId(`${schema}_operation`, { fence: "number", begun: "word" })}
    set o.due_at = utc_timestamp(6),
      o.tries = case when m.begun in ('1', 'true') then o.tries else greatest(o.tries - 1, 0) end
    where o.fence = m.fence and o.due_at is not null`;
}
