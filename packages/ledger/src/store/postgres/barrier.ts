import type { BarrierStatements } from "../../barrier/statements.ts";

/** The table of a migration: what is released is never edited, only followed by another. */
export const barrierTables = (schema: string): readonly string[] => [
  `create table ${schema}.barrier (
    scope text not null,
    key text not null,
    state text not null check (state in ('tried', 'confirmed', 'cancelled')),
    -- Whether it was cancelled before it had been tried.
    empty boolean not null,
    updated_at timestamptz not null,
    primary key (scope, key)
  )`,
  `create index barrier_age on ${schema}.barrier (updated_at)`,
];

export function barrierStatements(schema: string): BarrierStatements {
  const barrier = `${schema}.barrier`;
  return {
    insert: `
      insert into ${barrier} (scope, key, state, empty, updated_at)
      values ($1, $2, $3, $4::text = 'yes', statement_timestamp())
      on conflict (scope, key) do nothing
      returning state`,
    move: `
      update ${barrier} set state = $4, updated_at = statement_timestamp()
      where scope = $1 and key = $2 and state = $3
      returning state`,
    find: `
      select state, case when empty then 'yes' else 'no' end as empty from ${barrier}
      where scope = $1 and key = $2 for share`,
    forget: `
      delete from ${barrier} as b using (
        select scope, key from ${barrier}
        where updated_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
        order by updated_at limit $2
        for update skip locked
      ) as old
      where b.scope = old.scope and b.key = old.key
      returning b.key`,
  };
}
