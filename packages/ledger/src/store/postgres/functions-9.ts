import { sqlStateOf } from "../../drivers/shared/postgres-errors.ts";
import type { StatementForMany } from "../dialect.ts";
import type { SqlRow } from "../sql-port.ts";
import { inMs, msSince } from "./columns.ts";
import { type Fields, inGroups, type Parameter } from "./groups.ts";

/*
 * Insert and move as procedures. A plan that is kept asks for the same wording as in migration 8, see there. CALL with plain
 * values is what costs the database least: nothing is planned, values are not looked up in JSON by their names, and the
 * answer is one row. (Measured for 64 records: four fifths of the time of a function of JSON; for one record, three
 * quarters.)
 *
 * The end that nearly every operation comes to has no entry of its own in the history: its time stands in the row.
 *
 * They belong to the migration that makes them: what is released is never edited, only followed by another.
 */

const insertParameters: readonly Parameter[] = [
  { field: "operation", name: "p_operation", type: "text" },
  { field: "state", name: "p_state", type: "text" },
  { field: "dueInMs", name: "p_due_in_ms", type: "float8" },
  { field: "providers", name: "p_providers", type: "text[]" },
  { field: "keyWindowMs", name: "p_key_window_ms", type: "float8" },
  { field: "key", name: "p_keys", type: "text[]", each: true },
  { field: "fingerprint", name: "p_fingerprints", type: "text[]", each: true },
  { field: "request", name: "p_requests", type: "text[]", each: true },
];

/** Waits for a transaction that is inserting the same key; nothing is answered of a key that is archived. */
const insert = (schema: string, ofTaken: string): string => `
  with o as (
    insert into ${schema}.operation (operation, key, fingerprint, state, fence, due_at, provider, providers,
      attempt, request, sent_at, key_expires_at, created_at, updated_at)
    select p_operation, m.key, m.fingerprint, p_state, case when p_state = 'SENDING' then 1 else 0 end,
      ${inMs("p_due_in_ms")}, p_providers[1], p_providers, case when p_state = 'SENDING' then 1 else 0 end, m.request,
      case when p_state = 'SENDING' then statement_timestamp() end, ${inMs("p_key_window_ms")},
      statement_timestamp(), statement_timestamp()
    from unnest(p_keys, p_fingerprints, p_requests) as m (key, fingerprint, request)
    where (
      select a.id from ${schema}.operation_archive as a where a.operation = p_operation and a.key = m.key
    ) is null
    ${ofTaken}
    returning id, operation, key
  )
  select string_agg(concat_ws(' ', o.id, o.operation, o.key), E'\\n'), count(*) < cardinality(p_keys) from o`;

/** Neither ids nor keys have spaces. */
function insertedFrom(line: string): SqlRow {
  const [first, last] = [line.indexOf(" "), line.lastIndexOf(" ")];
  return { id: line.slice(0, first), operation: line.slice(first + 1, last), key: line.slice(last + 1) };
}

const moveParameters: readonly Parameter[] = [
  { field: "from", name: "p_from", type: "text" },
  { field: "cancelKnown", name: "p_cancel_known", type: "boolean" },
  { field: "to", name: "p_to", type: "text" },
  { field: "intent", name: "p_intent", type: "text" },
  { field: "provider", name: "p_provider", type: "text" },
  { field: "inDoubt", name: "p_in_doubt", type: "boolean" },
  { field: "abandoned", name: "p_abandoned", type: "boolean" },
  { field: "resendRefused", name: "p_resend_refused", type: "boolean" },
  { field: "personOnly", name: "p_person_only", type: "boolean" },
  { field: "afresh", name: "p_afresh", type: "boolean" },
  { field: "keyWindowMs", name: "p_key_window_ms", type: "float8" },
  { field: "why", name: "p_why", type: "text" },
  { field: "by", name: "p_by", type: "text" },
  { field: "noted", name: "p_noted", type: "boolean" },
  { field: "answered", name: "p_answered", type: "boolean" },
  { field: "failed", name: "p_failed", type: "boolean" },
  { field: "id", name: "p_ids", type: "uuid[]", each: true },
  { field: "fence", name: "p_fences", type: "bigint[]", each: true },
  { field: "result", name: "p_results", type: "text[]", each: true },
  { field: "failure", name: "p_failures", type: "text[]", each: true },
  { field: "dueInMs", name: "p_due_in_ms", type: "float8[]", each: true },
  { field: "evidence", name: "p_evidence", type: "text[]", each: true },
  { field: "errorCode", name: "p_error_codes", type: "text[]", each: true },
  { field: "errorMessage", name: "p_error_messages", type: "text[]", each: true },
];

/** Fence and state must still be those that were seen, and a cancel that was asked for meanwhile is not overlooked. */
const move = (schema: string): string => `
  with o as (
    update ${schema}.operation as p set
      state = p_to,
      intent = p_intent,
      provider = p_provider,
      in_doubt = p_in_doubt,
      abandoned = p_abandoned,
      resend_refused = p_resend_refused,
      person_only = p_person_only,
      due_at = ${inMs("m.due_in_ms")},
      result = coalesce(m.result, p.result),
      failure = coalesce(m.failure, p.failure),
      attempt = p.attempt + case when p_to = 'SENDING' then 1 else 0 end,
      -- Sending again and asking again are one effort: their tries go on.
      tries = case when not p_afresh and (p.state = p_to or (p.in_doubt and p_to in ('SENDING', 'UNKNOWN')))
        then p.tries else 0 end,
      sent_at = case when p_to = 'SENDING' then statement_timestamp() else p.sent_at end,
      key_expires_at = case when p.provider = p_provider and p.state <> 'READY' then p.key_expires_at
        else ${inMs("p_key_window_ms")} end,
      unknown_since = case when p_to = 'UNKNOWN'
        then coalesce(p.unknown_since, statement_timestamp()) else p.unknown_since end,
      cancelling_since = case when p_to = 'CANCELLING'
        then coalesce(p.cancelling_since, statement_timestamp()) else p.cancelling_since end,
      retried_at = case when p_afresh then statement_timestamp() else p.retried_at end,
      last_error_at = case when p_failed then statement_timestamp() else p.last_error_at end,
      last_error_code = case when p_failed then m.error_code else p.last_error_code end,
      last_error_message = case when p_failed then m.error_message else p.last_error_message end,
      last_error_tries = case when p_failed then p.tries else p.last_error_tries end,
      -- Answered to whoever began it, by its first call: all of that entry is known.
      answered_at = case when p_answered and p.fence = 1 and p.attempt = 1 and p.sent_at = p.created_at
        then statement_timestamp() else p.answered_at end,
      updated_at = statement_timestamp()
    from unnest(p_ids, p_fences, p_results, p_failures, p_due_in_ms, p_evidence, p_error_codes,
      p_error_messages) as m (id, fence, result, failure, due_in_ms, evidence, error_code, error_message)
    where p.id = any(array[m.id]) and p.fence = m.fence and p.state = p_from
      and (p.cancel_wanted_at is not null) = p_cancel_known
    returning p.id, p.fence, p.tries, p.due_at, p.cancel_wanted_at, p.sent_at, p.key_expires_at, p.unknown_since,
      p.cancelling_since, p.retried_at, m.evidence,
      p_noted and p.answered_at is distinct from statement_timestamp() as noted
  ), noted as (
    insert into ${schema}.operation_event
      (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
    select o.id, statement_timestamp(), o.fence, p_from, p_to, p_provider, p_why, o.evidence, p_by
    from o where o.noted
  )
  select string_agg(o.id || ' ' || o.tries || case when o.due_at is not null or o.cancel_wanted_at is not null
    then ' ' || ${ages()} else '' end, E'\\n'), count(*) < cardinality(p_ids) from o`;

const ageNames = [
  "cancel_wanted_for_ms",
  "sent_for_ms",
  "key_left_ms",
  "unknown_for_ms",
  "cancelling_for_ms",
] as const;

/** In the order of {@link ageNames}. All but the first are of no use once nothing is left to do, and not for nothing. */
function ages(): string {
  const whileDue = (age: string): string => `case when o.due_at is not null then ${age} end`;
  const values = [
    msSince("o.cancel_wanted_at"),
    whileDue(msSince("o.sent_at")),
    whileDue(`-${msSince("o.key_expires_at")}`),
    whileDue(msSince("greatest(o.unknown_since, o.retried_at)")),
    whileDue(msSince("greatest(o.cancelling_since, o.retried_at)")),
  ];
  return `concat_ws(' ', ${values.map((value) => `coalesce((${value})::text, '')`).join(", ")})`;
}

function movedFrom(line: string): SqlRow {
  const [id, tries, ...given] = line.split(" ");
  if (given.length === 0) return { id, tries };
  return { id, tries, ...Object.fromEntries(ageNames.map((name, at) => [name, given[at] || undefined])) };
}

/** What is answered where all or nothing was asked for. Of a class that is nobody's. */
const refused = "OR001";
const uniqueViolation = "23505";

/**
 * @param statement - Of what answers with a line for each record, and whether it has left out one of them.
 * @param wholeStatement - The same where it may leave out none.
 * @returns the procedure's definition.
 */
function procedure(
  name: string,
  parameters: readonly Parameter[],
  statement: string,
  wholeStatement: string,
): string {
  const given = parameters.map(({ name: parameter, type }) => `${parameter} ${type}`).join(", ");
  return `
  create procedure ${name} (${given}, p_whole boolean, inout "transaction" text default null,
    inout answer text default null)
  language plpgsql
  set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
  as $procedure$
  #variable_conflict use_column
  declare
    missed boolean;
  begin
    if p_whole then
      ${wholeStatement} into answer, missed;
      if missed then
        raise exception using errcode = '${refused}',
          message = 'outrigger: a key is taken, or a row has moved on; the ledger looks at each by itself';
      end if;
    else
      ${statement} into answer, missed;
    end if;
    "transaction" = txid_current();
  end
  $procedure$`;
}

/** @returns what calls it for records, and reads what it answers. */
function calling(
  name: string,
  parameters: readonly Parameter[],
  rowFrom: (line: string) => SqlRow,
): StatementForMany {
  const places = [...parameters.map(({ type }) => type), "boolean"]
    .map((type, index) => `$${index + 1}::${type}`)
    .join(", ");
  const calls = (records: readonly object[], whole: boolean): readonly (readonly unknown[])[] =>
    inGroups(records as readonly Fields[], parameters).map((values) => [...values, whole]);
  return {
    statement: `call ${name}(${places})`,
    calls: (records) => calls(records, false),
    whole: {
      calls: (records) => calls(records, true),
      isRefused: (error) => [refused, uniqueViolation].includes(sqlStateOf(error) ?? ""),
    },
    read: (rows) => rows.flatMap(({ answer }) => (answer ? String(answer).split("\n").map(rowFrom) : [])),
  };
}

export const insertOf = (schema: string): StatementForMany =>
  calling(`${schema}.insert_operations_9`, insertParameters, insertedFrom);

export const moveOf = (schema: string): StatementForMany =>
  calling(`${schema}.move_operations_9`, moveParameters, movedFrom);

/**
 * One constraint that says what four have said, the most frequent states first: each write pays for all that is looked at.
 * Not validated, which would read the table whole: what stands there was held to the four.
 */
const possible = (schema: string): string => `
  alter table ${schema}.operation
    drop constraint operation_state_check,
    drop constraint operation_intent_check,
    drop constraint operation_intent_is_one_way,
    drop constraint operation_is_due_while_worked_on,
    add constraint operation_is_possible check (case state
      when 'SENDING' then due_at is not null and intent = 'EXECUTE'
      when 'DONE' then due_at is null and intent = 'EXECUTE'
      when 'READY' then due_at is not null and intent = 'EXECUTE'
      when 'UNKNOWN' then due_at is not null and intent = 'EXECUTE'
      when 'CANCELLING' then due_at is not null and intent in ('EXECUTE', 'CANCEL')
      when 'CANCELLED' then due_at is null and intent in ('EXECUTE', 'CANCEL')
      when 'FAILED' then due_at is null and intent = 'EXECUTE'
      when 'MANUAL' then due_at is null and intent in ('EXECUTE', 'CANCEL')
      else false end) not valid`;

/** Migration 9. */
export function functions9(schema: string): readonly string[] {
  return [
    // Of an operation that was sent when it was stored, and answered by its first call: the entry that is not written.
    `alter table ${schema}.operation add column answered_at timestamptz`,
    possible(schema),
    procedure(
      `${schema}.insert_operations_9`,
      insertParameters,
      insert(schema, "on conflict (operation, key) do nothing"),
      // A key that is taken is an error, which costs a tenth less than to look for it first.
      insert(schema, ""),
    ),
    // The only statement by which workers change a state.
    procedure(`${schema}.move_operations_9`, moveParameters, move(schema), move(schema)),
  ];
}
