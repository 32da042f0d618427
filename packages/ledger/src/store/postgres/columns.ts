import type { OperationState } from "../../state/transitions.ts";

/*
 * All times are the database's, so that leases mean the same to every process. `statement_timestamp()`, not
 * `clock_timestamp()`, because a volatile function keeps the planner from using an index. Numbers and times
 * leave as text or float8, so that a type parser the user has set for int8 or timestamptz changes nothing.
 */

export const iso = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
export const msSince = (column: string): string =>
  `(date_part('epoch', statement_timestamp() - ${column}) * 1000)`;
export const inMs = (value: string): string =>
  `statement_timestamp() + ${value}::float8 * interval '1 millisecond'`;

/** The same as `slotGroupOf` for a row of the table. */
export const slotGroupColumn = `case when provider = 'default' then 'operation ' || operation else provider end`;

export const listed = (states: readonly OperationState[]): string =>
  states.map((state) => `'${state}'`).join(", ");

/** Of no use once nothing is left to do, and not for nothing. */
const ages = Object.entries({
  sent_for_ms: msSince("o.sent_at"),
  key_left_ms: `-${msSince("o.key_expires_at")}`,
  unknown_for_ms: msSince("greatest(o.unknown_since, o.retried_at)"),
  cancelling_for_ms: msSince("greatest(o.cancelling_since, o.retried_at)"),
})
  .map(([name, age]) => `case when o.due_at is not null then ${age} end as ${name}`)
  .join(", ");

/** What of a row does not follow from the move that was made. */
export const leftToKnow: string = `o.id::text as id, o.tries::text as tries,
  ${msSince("o.cancel_wanted_at")} as cancel_wanted_for_ms, ${ages}`;

/** The columns of {@link leftToKnow}, with their types. */
export const leftToKnowTypes = `id text, tries text, cancel_wanted_for_ms float8, sent_for_ms float8, key_left_ms float8,
  unknown_for_ms float8, cancelling_for_ms float8`;

/** What a worker has to know of a row, and cannot know without reading it. */
export const moving: string = `
  o.id::text as id, o.state, o.intent, o.fence::text as fence, o.provider, o.attempt::text as attempt,
  o.tries::text as tries, case when o.in_doubt then 'yes' else 'no' end as in_doubt,
  case when o.abandoned then 'yes' else 'no' end as abandoned,
  case when o.resend_refused then 'yes' else 'no' end as resend_refused,
  case when o.person_only then 'yes' else 'no' end as person_only,
  ${msSince("o.cancel_wanted_at")} as cancel_wanted_for_ms, ${ages}`;

export const row: string = `${moving},
  o.operation, o.key, o.fingerprint, to_json(o.providers)::text as providers, o.request, o.result, o.failure`;

export const stored: string = `${row},
  ${iso("o.last_error_at")} as last_error_at, o.last_error_code, o.last_error_message,
  o.last_error_tries::text as last_error_tries,
  ${iso("o.created_at")} as created_at, ${iso("o.updated_at")} as updated_at,
  ${iso("o.due_at")} as due_at, ${iso("statement_timestamp()")} as read_at`;

/** What is compared with a provider's list. Millions are read, and the rest of a row costs several times as much. */
export const compared: string = `o.id::text as id, o.operation, o.key, o.state, o.provider,
  to_json(o.providers)::text as providers, o.request, o.result, ${iso("o.created_at")} as created_at`;

/** The columns of {@link moving}, with their types. */
export const movingTypes = `id text, state text, intent text, fence text, provider text, attempt text, tries text,
  in_doubt text, abandoned text, resend_refused text, person_only text, cancel_wanted_for_ms float8,
  sent_for_ms float8, key_left_ms float8, unknown_for_ms float8, cancelling_for_ms float8`;
