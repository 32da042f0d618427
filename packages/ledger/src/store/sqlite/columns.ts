import type { OperationState } from "../../state/transitions.ts";

/*
 * Times are milliseconds since 1970 in whole numbers, and the clock is that of the host, which all processes on the file
 * share. SQLite reads it once for a statement. Numbers that may grow beyond 2^53 there are none.
 */

/** The database's own time. */
export const now = "cast(round(unixepoch('subsec') * 1000) as integer)";

export const inMs = (value: string): string => `(${now} + cast(round(${value}) as integer))`;
export const msSince = (column: string): string => `(${now} - ${column})`;

/** With microseconds, as other databases say it. */
export const iso = (column: string): string =>
  `strftime('%Y-%m-%dT%H:%M:%f000Z', ${column} / 1000.0, 'unixepoch')`;
/** The way back. */
export const ofIso = (text: string): string => `cast(round(unixepoch(${text}, 'subsec') * 1000) as integer)`;

const idOf = (ms: string): string => `printf('%08x-%04x', ${ms} >> 16, ${ms} & 65535)`;

/**
 * Begins with the time, so that the oldest rows are found by the primary key: a UUID of version 7. Without a subquery,
 * which SQLite would evaluate once for all rows of a statement.
 */
export const timedId: string = `lower(${idOf(now)} || '-7' || substr(hex(randomblob(2)), 2) || '-' ||
    substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`;

/** Smaller than every id that was made at this instant or later, and larger than all before. */
export const firstIdAt = (ms: string): string => idOf(`(${ms})`);

/** What a list in JSON holds. */
export const elements = (list: string): string => `(select value from json_each(${list}))`;

export const listed = (states: readonly OperationState[]): string =>
  states.map((state) => `'${state}'`).join(", ");

export const yesNo = (column: string): string => `case when ${column} then 'yes' else 'no' end`;

/** The same as `slotGroupOf` for a row of the table. */
export const slotGroupColumn =
  "case when provider = 'default' then 'operation ' || operation else provider end";

const later = (a: string, b: string): string => `max(coalesce(${a}, ${b}), coalesce(${b}, ${a}))`;

/** Of no use once nothing is left to do, and not for nothing. */
const ages = (o: string): string =>
  Object.entries({
    sent_for_ms: msSince(`${o}sent_at`),
    key_left_ms: `-${msSince(`${o}key_expires_at`)}`,
    unknown_for_ms: msSince(later(`${o}unknown_since`, `${o}retried_at`)),
    cancelling_for_ms: msSince(later(`${o}cancelling_since`, `${o}retried_at`)),
  })
    .map(([name, age]) => `case when ${o}due_at is not null then ${age} end as ${name}`)
    .join(", ");

/** What even the worker who has moved a row cannot know without reading it. `o`: "o." or nothing. */
export const moved = (o: string): string =>
  `${o}id as id, ${o}tries as tries, ${msSince(`${o}cancel_wanted_at`)} as cancel_wanted_for_ms, ${ages(o)}`;

/** What nobody else can know. */
export const moving = (o: string): string => `
  ${moved(o)}, ${o}state as state, ${o}intent as intent, ${o}fence as fence, ${o}provider as provider,
  ${o}attempt as attempt, ${yesNo(`${o}in_doubt`)} as in_doubt, ${yesNo(`${o}abandoned`)} as abandoned,
  ${yesNo(`${o}resend_refused`)} as resend_refused, ${yesNo(`${o}person_only`)} as person_only`;

export const row = (o: string): string => `${moving(o)},
  ${o}operation as operation, ${o}key as key, ${o}fingerprint as fingerprint, ${o}providers as providers,
  ${o}request as request, ${o}result as result, ${o}failure as failure`;

/** What is compared with a provider's list. */
export const compared: string = `o.id as id, o.operation as operation, o.key as key, o.state as state,
  o.provider as provider, o.providers as providers, o.request as request, o.result as result,
  ${iso("o.created_at")} as created_at`;

export const stored = (o: string): string => `${row(o)},
  ${iso(`${o}last_error_at`)} as last_error_at, ${o}last_error_code as last_error_code,
  ${o}last_error_message as last_error_message, ${o}last_error_tries as last_error_tries,
  ${iso(`${o}created_at`)} as created_at, ${iso(`${o}updated_at`)} as updated_at,
  ${iso(`${o}due_at`)} as due_at, ${iso(now)} as read_at`;
