import type { BarrierStatements } from "../../barrier/statements.ts";
import type { StatementFunction } from "../dialect.ts";
import { errorNumberOf } from "./errors.ts";
import { json, listed, msAgo, now, tableOptions, types, whileHeld, yesNo } from "./text.ts";

const { name, word, instant } = types;

/** The table of a migration: what is released is never edited, only followed by another. */
export const barrierTables = (schema: string): readonly string[] => [
  `create table if not exists ${schema}_barrier (
    scope ${name} not null,
    \`key\` ${name} not null,
    state ${word} not null,
    empty tinyint not null comment 'whether it was cancelled before it had been tried',
    updated_at ${instant} not null,
    primary key (scope, \`key\`),
    key barrier_age (updated_at),
    check (state in ('tried', 'confirmed', 'cancelled'))
  ) ${tableOptions}`,
];

/** There is one already. */
const duplicate = 1062;

export function barrierStatements(schema: string): BarrierStatements {
  const barrier = `${schema}_barrier`;
  const one = "b.scope = cast($1 as binary) and b.`key` = cast($2 as binary)";
  return {
    insert: insert(barrier),
    move: whileHeld(
      `select b.state from ${barrier} as b where ${one} and b.state = $3`,
      `update ${barrier} as b set b.state = $4, b.updated_at = ${now} where ${one}`,
      `select b.state from ${barrier} as b where ${one}`,
    ),
    find: `select b.state, ${yesNo("b.empty")} as empty from ${barrier} as b where ${one} lock in share mode`,
    forget: forget(barrier),
  };
}

function insert(barrier: string): StatementFunction {
  const text = `
    insert into ${barrier} (scope, \`key\`, state, empty, updated_at)
    values ($1, $2, $3, case when $4 = 'yes' then 1 else 0 end, ${now})`;
  return async (query, values) => {
    try {
      await query(text, values);
    } catch (error) {
      // It undoes this statement alone.
      if (errorNumberOf(error) === duplicate) return [];
      throw error;
    }
    return [{ state: values[2] }];
  };
}

function forget(barrier: string): StatementFunction {
  const find = `
    select convert(b.scope using utf8mb4) as scope, convert(b.\`key\` using utf8mb4) as \`key\` from ${barrier} as b
    where b.updated_at < ${msAgo("$1")} order by b.updated_at limit $2 for update skip locked`;
  const drop = `
    delete b from ${listed("$1", { scope: "text", key: "text" })} straight_join ${barrier} as b force index (primary)
      on b.scope = cast(m.scope as binary) and b.\`key\` = cast(m.\`key\` as binary)`;
  return async (query, values) => {
    const rows = await query(find, values);
    if (rows.length > 0) await query(drop, [json(rows)]);
    return rows;
  };
}
