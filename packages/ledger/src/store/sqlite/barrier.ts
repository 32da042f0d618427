import type { BarrierStatements } from "../../barrier/statements.ts";
import { now, yesNo } from "./columns.ts";

/** The table of a migration: what is released is never edited, only followed by another. */
export const barrierTables = (schema: string): readonly string[] => [
  `create table ${schema}_barrier (
    scope text not null,
    key text not null,
    state text not null check (state in ('tried', 'confirmed', 'cancelled')),
    -- Whether it was cancelled before it had been tried.
    empty integer not null,
    updated_at integer not null,
    primary key (scope, key)
  ) strict`,
  `create index ${schema}_barrier_age on ${schema}_barrier (updated_at)`,
];

export function barrierStatements(schema: string): BarrierStatements {
  const barrier = `${schema}_barrier`;
  return {
    insert: `
      insert into ${barrier} (scope, key, state, empty, updated_at) values ($1, $2, $3, $4 = 'yes', ${now})
      on conflict (scope, key) do nothing
      returning state`,
    move: `
      update ${barrier} set state = $4, updated_at = ${now} where scope = $1 and key = $2 and state = $3
      returning state`,
    find: `select state, ${yesNo("empty")} as empty from ${barrier} where scope = $1 and key = $2`,
    forget: `
      delete from ${barrier} where (scope, key) in (
        select scope, key from ${barrier} where updated_at < ${now} - $1 order by updated_at limit $2)
      returning key`,
  };
}
