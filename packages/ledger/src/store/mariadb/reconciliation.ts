import type { ReconciliationStatements } from "../../reconcile/statements.ts";
import { listed, now, tableOptions, types, whileHeld, yesNo } from "./text.ts";

const { name, word, text, instant } = types;

/**
 * The tables of a migration: what is released is never edited, only followed by another. A finding's key is the
 * provider's, and may be of any length: it is found by its hash.
 */
export const reconciliationTables = (schema: string): readonly string[] => [
  `create table if not exists ${schema}_reconciliation (
    name ${name} not null primary key,
    fence bigint not null,
    done_day ${word},
    day ${word},
    day_fence bigint not null default 0,
    after_key ${text},
    updated_at ${instant} not null
  ) ${tableOptions}`,
  `create table if not exists ${schema}_reconciliation_day (
    name ${name} not null,
    day ${word} not null,
    class ${word} not null,
    currency ${name} not null,
    count bigint not null,
    remote_sum ${text} not null comment 'a decimal of any length',
    local_sum ${text} not null comment 'a decimal of any length',
    primary key (name, day, class, currency)
  ) ${tableOptions}`,
  `create table if not exists ${schema}_reconciliation_finding (
    name ${name} not null,
    day ${word} not null,
    class ${word} not null,
    key_hash ${word} not null,
    \`key\` ${text} not null,
    details ${text} not null,
    action ${text} not null,
    action_state ${word} not null,
    outcome ${text},
    seen bigint not null comment 'the fence under which the day was read when it was seen last',
    found_at ${instant} not null,
    cleared_at ${instant},
    primary key (name, day, class, key_hash),
    key reconciliation_finding_state (name(255), action_state, day),
    check (action_state in ('none', 'pending', 'done'))
  ) ${tableOptions}`,
];

const hash = (of: string): string => `sha2(${of}, 256)`;
const shown = `f.day, f.class, f.\`key\`, f.details, f.action, f.action_state, f.outcome,
  ${yesNo("f.cleared_at is not null")} as cleared`;
/** Keys are compared as bytes, as the merge does. */
const inOrder = "order by f.day, f.class, cast(f.`key` as binary)";

export function reconciliationStatements(schema: string): ReconciliationStatements {
  const reconciliation = `${schema}_reconciliation`;
  const total = `${schema}_reconciliation_day`;
  const finding = `${schema}_reconciliation_finding`;
  const own = "name = cast($1 as binary)";
  const fenced = (set: string): ReturnType<typeof whileHeld> =>
    whileHeld(
      `select day from ${reconciliation} where ${own} and fence = $2`,
      `update ${reconciliation} set ${set}, updated_at = ${now} where ${own}`,
      `select day from ${reconciliation} where ${own}`,
    );
  const clear = `
    update ${finding} as f join ${reconciliation} as r on r.name = f.name set f.cleared_at = ${now}
    where f.name = cast($1 as binary) and f.day = $2 and f.seen < r.day_fence and f.cleared_at is null`;
  return {
    take: [
      `insert into ${reconciliation} (name, fence, updated_at) values ($1, 1, ${now})
       on duplicate key update fence = fence + 1, updated_at = ${now}`,
      `select cast(fence as char) as fence, done_day, day, after_key from ${reconciliation} where ${own}`,
    ],
    beginDay: fenced("day = $3, day_fence = fence, after_key = null"),
    keep: fenced("after_key = coalesce($3, after_key)"),
    endDay: fenced("day = null, after_key = null, done_day = coalesce($3, done_day)"),
    forgetTotals: `delete from ${total} where ${own} and day = $2`,
    totals: `
      select day, class, convert(currency using utf8mb4) as currency, cast(count as char) as count, remote_sum, local_sum
      from ${total} as t where ${own} and day between $2 and $3 order by day, class, t.currency`,
    putTotals: `
      insert into ${total} (name, day, class, currency, count, remote_sum, local_sum)
      select $1, m.day, m.class, coalesce(m.currency, ''), m.count, m.remoteSum, m.localSum
      from ${listed("$2", {
        ...{
          day: "word",
          class: "word",
          currency: "text",
          count: "number",
          remoteSum: "text",
          localSum: "text",
        },
      })}
      on duplicate key update count = values(count), remote_sum = values(remote_sum), local_sum = values(local_sum)`,
    // What the row was is read before it changes: assignments are made one after the other.
    putFindings: `
      insert into ${finding}
        (name, day, class, key_hash, \`key\`, details, action, action_state, outcome, seen, found_at)
      select $1, m.day, m.class, ${hash("m.`key`")}, m.\`key\`, m.details, m.action, m.actionState, m.outcome,
        r.day_fence, ${now}
      from ${listed("$2", {
        ...{ day: "word", class: "word", key: "text", details: "text", action: "text", actionState: "word" },
        outcome: "text",
      })} join ${reconciliation} as r on r.name = cast($1 as binary)
      on duplicate key update
        action_state = case when ${finding}.action_state = 'done' and ${finding}.cleared_at is null
          and ${finding}.details = values(details) and ${finding}.action = values(action)
          then 'done' else values(action_state) end,
        details = values(details), seen = values(seen), action = values(action),
        outcome = coalesce(values(outcome), ${finding}.outcome), cleared_at = null`,
    clearUnseen: clear,
    pending: `
      select ${shown} from ${finding} as f
      where f.name = cast($1 as binary) and f.action_state = 'pending' and f.cleared_at is null
        and (f.day > $2 or (f.day = $2 and (f.class > $3 or (f.class = $3
          and cast(f.\`key\` as binary) > cast($4 as binary)))))
      ${inOrder} limit $5`,
    acted: `
      update ${finding} set action_state = $5, outcome = $6
      where ${own} and day = $2 and class = $3 and key_hash = ${hash("$4")}`,
    findings: `
      select ${shown} from ${finding} as f where f.name = cast($1 as binary) and f.day between $2 and $3
      ${inOrder} limit $4`,
  };
}
