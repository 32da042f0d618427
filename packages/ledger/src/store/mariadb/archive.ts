import { settledStates } from "../../state/transitions.ts";
import type { StatementFunction } from "../dialect.ts";
import type { HistoryEntry } from "../operation-row.ts";
import { every } from "./columns.ts";
import { eventsOf, historiesOf } from "./history.ts";
import { byId, idsOf, iso, json, listed, msAgo, now, quoted, rowsIf } from "./text.ts";

/**
 * A copy first, and the original only when no statement can be running any more that saw neither: a key that was used is
 * found at every moment.
 */
export function archiveCopy(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  const archive = `${schema}_operation_archive`;
  const copied = [...every, "hot", "copied_at", "history"];
  const find = `
    select o.id, ${iso("o.updated_at")} as updatedAt, cast(o.fence as char) as fence
    from ${operation} as o left join ${archive} as a on a.id = o.id
    where ($1 is null or o.id > $1) and o.state in (${quoted(settledStates)})
      and o.updated_at < ${msAgo("$2")}
      and (a.id is null or a.updated_at <> o.updated_at)
    order by o.id limit $3`;
  // A row that has changed since its history was read waits for the next time.
  const copy = `
    insert into ${archive} (${copied.join(", ")})
    select ${every.map((column) => `o.${column}`).join(", ")}, 1, ${now}, m.history
    from ${byId(operation, { updatedAt: "word", fence: "number", history: "text" })}
    where o.fence = m.fence and ${iso("o.updated_at")} = m.updatedAt
    on duplicate key update ${copied.map((column) => `${column} = values(${column})`).join(", ")}`;
  return async (query, values) => {
    const rows = await query(find, values);
    const histories = await historiesOf(query, schema, idsOf(rows));
    const found = rows.flatMap((row) => {
      const history = histories.get(String(row["id"]));
      return history === undefined ? [] : [{ ...row, history }];
    });
    await rowsIf(query, copy, found);
    return rows;
  };
}

export function archiveDrop(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  const archive = `${schema}_operation_archive`;
  const find = `
    select a.id, cast(a.fence as char) as fence, a.state, ${iso("a.updated_at")} as updatedAt from ${archive} as a
    where a.hot = 1 and a.copied_at < ${msAgo("$1")}
    order by a.copied_at limit $2 for update skip locked`;
  const same = `
    select o.id from ${byId(operation, { fence: "number", state: "word", updatedAt: "word" })}
    where o.fence = m.fence and o.state = m.state and ${iso("o.updated_at")} = m.updatedAt
    for update skip locked`;
  return async (query, values) => {
    const copies = await query(find, values);
    const dropped = idsOf(await rowsIf(query, same, copies));
    const gone = new Set(dropped.map(({ id }) => id));
    const stale = idsOf(copies).filter(({ id }) => !gone.has(id));
    await rowsIf(query, `delete o from ${byId(operation)}`, dropped);
    await rowsIf(query, `delete e from ${eventsOf(schema)}`, dropped);
    await rowsIf(query, `update ${byId(archive)} set o.hot = 0`, dropped);
    await rowsIf(query, `delete o from ${byId(archive)}`, stale);
    return copies;
  };
}

/** The original again, with its history. */
export function archiveRestore(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  const archive = `${schema}_operation_archive`;
  const find = `select history from ${archive} where id = $1 and hot = 0 for update`;
  const restore = `insert into ${operation} (${every.join(", ")}) select ${every.join(", ")} from ${archive} where id = $1`;
  const entries = listed("$2", {
    ...{ at: "word", fence: "number", from: "word", to: "word", provider: "word", why: "text" },
    ...{ evidence: "text", by: "text" },
  });
  const note = `
    insert into ${schema}_operation_event
      (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
    select $1, str_to_date(m.at, '%Y-%m-%dT%H:%i:%s.%fZ'), m.fence, m.\`from\`, m.\`to\`, m.provider, m.why,
      m.evidence, m.\`by\`
    from ${entries}`;
  return async (query, [id]) => {
    const [found] = await query(find, [id]);
    if (found === undefined) return [];
    await query(restore, [id]);
    const history = JSON.parse(String(found["history"])) as readonly HistoryEntry[];
    await query(note, [id, json(history)]);
    await query(`delete from ${archive} where id = $1`, [id]);
    return [{ id }];
  };
}

export function archiveForget(schema: string): StatementFunction {
  const archive = `${schema}_operation_archive`;
  const find = `
    select id from ${archive} where hot = 0 and updated_at < ${msAgo("$1")}
      and (key_expires_at is null or key_expires_at < ${now})
    order by updated_at limit $2 for update skip locked`;
  return async (query, values) => {
    const rows = await query(find, values);
    await rowsIf(query, `delete o from ${byId(archive)}`, rows);
    return rows;
  };
}
