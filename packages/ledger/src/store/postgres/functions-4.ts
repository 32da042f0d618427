import { dueStates } from "../../state/transitions.ts";
import { inMs, listed, moving, movingTypes, row, slotGroupColumn } from "./columns.ts";

/* What migration 4 makes; nodes of that version call them still while others have migrated further. */

const functionOf = (name: string, parameters: string, columns: string, body: string): string => `
  create function ${name} (${parameters}) returns table (${columns})
  language plpgsql set enable_seqscan = off set enable_bitmapscan = off
  as $function$
  #variable_conflict use_column
  declare m record;
  begin
    ${body}
  end
  $function$`;

/** A statement that is planned each time. */
const anew = (statement: string, values: string): string =>
  `return query execute $statement$${statement}$statement$ using ${values};`;

/** What `insert` gets. */
const fresh = (batch: string): string => `
  select * from json_to_recordset(${batch}) as m (operation text, key text, fingerprint text, state text,
    "dueInMs" float8, providers text[], request text, "keyWindowMs" float8)`;

const insert = (schema: string, from: string): string => `
  insert into ${schema}.operation (operation, key, fingerprint, state, fence, due_at, provider, providers,
    attempt, request, sent_at, key_expires_at, created_at, updated_at)
  select m.operation, m.key, m.fingerprint, m.state, case when m.state = 'SENDING' then 1 else 0 end,
    ${inMs('m."dueInMs"')}, m.providers[1], m.providers, case when m.state = 'SENDING' then 1 else 0 end, m.request,
    case when m.state = 'SENDING' then statement_timestamp() end, ${inMs('m."keyWindowMs"')},
    statement_timestamp(), statement_timestamp()
  ${from}
  where not exists (
    select from ${schema}.operation_archive as a where a.operation = m.operation and a.key = m.key
  )
  on conflict (operation, key) do nothing
  returning id, operation, key`;

/** What `move` gets. */
const moves = (batch: string): string => `
  select * from json_to_recordset(${batch}) as m (id uuid, fence bigint, "from" text, "cancelKnown" boolean,
    "to" text, intent text, provider text, "inDoubt" boolean, "dueInMs" float8, result text, failure text,
    "keyWindowMs" float8, why text, evidence text, "by" text, noted boolean, failed boolean,
    "errorCode" text, "errorMessage" text, abandoned boolean, "resendRefused" boolean, "personOnly" boolean,
    afresh boolean)`;

/** Fence and state must still be those that were seen, and a cancel that was asked for meanwhile is not overlooked. */
const move = (schema: string, from: string): string => `
  update ${schema}.operation as p set
    state = m."to",
    intent = m.intent,
    provider = m.provider,
    in_doubt = m."inDoubt",
    abandoned = m.abandoned,
    resend_refused = m."resendRefused",
    person_only = m."personOnly",
    due_at = ${inMs('m."dueInMs"')},
    result = coalesce(m.result, p.result),
    failure = coalesce(m.failure, p.failure),
    attempt = p.attempt + case when m."to" = 'SENDING' then 1 else 0 end,
    -- Sending again and asking again are one effort: their tries go on.
    tries = case when not m.afresh and (p.state = m."to" or (p.in_doubt and m."to" in ('SENDING', 'UNKNOWN')))
      then p.tries else 0 end,
    sent_at = case when m."to" = 'SENDING' then statement_timestamp() else p.sent_at end,
    key_expires_at = case when p.provider = m.provider and p.state <> 'READY' then p.key_expires_at
      else ${inMs('m."keyWindowMs"')} end,
    unknown_since = case when m."to" = 'UNKNOWN'
      then coalesce(p.unknown_since, statement_timestamp()) else p.unknown_since end,
    cancelling_since = case when m."to" = 'CANCELLING'
      then coalesce(p.cancelling_since, statement_timestamp()) else p.cancelling_since end,
    retried_at = case when m.afresh then statement_timestamp() else p.retried_at end,
    last_error_at = case when m.failed then statement_timestamp() else p.last_error_at end,
    last_error_code = case when m.failed then m."errorCode" else p.last_error_code end,
    last_error_message = case when m.failed then m."errorMessage" else p.last_error_message end,
    last_error_tries = case when m.failed then p.tries else p.last_error_tries end,
    updated_at = statement_timestamp()
  ${from}
  where p.id = m.id and p.fence = m.fence and p.state = m."from"
    and (p.cancel_wanted_at is not null) = m."cancelKnown"
  returning p.*`;

const note = (schema: string, from: string): string => `
  insert into ${schema}.operation_event (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
  select o.id, statement_timestamp(), o.fence, m."from", o.state, o.provider, m.why, m.evidence, m."by"
  ${from} where m.noted`;

/**
 * In the order of the index of what is open, up to the limit. The operation's name is hidden from the planner, which would
 * else read every ended one by the index of the keys (measured: 3 times slower beside a million of them).
 */
const claim = (schema: string): string => `
  with due as (
    select id from ${schema}.operation
    where due_at <= statement_timestamp() and state in (${listed(dueStates)}) and operation || '' = any($1)
      and (${slotGroupColumn}) <> all($4)
    order by due_at
    limit $2
    for update skip locked
  )
  update ${schema}.operation as o set fence = o.fence + 1, tries = o.tries + 1, due_at = ${inMs("$3")}
  from due where o.id = due.id
  returning ${row}`;

/** The record `m` is no row of a table, so that each of its fields is known to the plan as a value. */
const record = "from (values (1)) as one (n)";

/** The functions of migration 4. */
export function functions4(schema: string): readonly string[] {
  return [
    // Waits for a transaction that is inserting the same key; no row comes back when the key is taken.
    functionOf(
      `${schema}.insert_operations_4`,
      "batch json",
      "id text, operation text, key text",
      `if json_array_length(batch) = 1 then
        ${fresh("batch").replace("select *", "select * into m")};
        return query with o as (${insert(schema, record)}) select o.id::text, o.operation, o.key from o;
      else
        ${anew(
          `with m as (${fresh("$1")}), o as (${insert(schema, "from m")}) select id::text, operation, key from o`,
          "batch",
        )}
      end if;`,
    ),
    // The only statement by which workers change a state.
    functionOf(
      `${schema}.move_operations_4`,
      "batch json",
      movingTypes,
      `if json_array_length(batch) = 1 then
        ${moves("batch").replace("select *", "select * into m")};
        return query with o as (${move(schema, "")}), noted as (${note(schema, "from o")}) select ${moving} from o;
      else
        ${anew(
          `with m as (${moves("$1")}), o as (${move(schema, "from m")}),
            noted as (${note(schema, "from o join m on m.id = o.id")})
          select ${moving} from o`,
          "batch",
        )}
      end if;`,
    ),
    functionOf(
      `${schema}.claim_operations_4`,
      "operations text[], at_most integer, lease_ms float8, but text[]",
      `${movingTypes}, operation text, key text, fingerprint text, providers text, request text, result text,
        failure text`,
      anew(claim(schema), "operations, at_most, lease_ms, but"),
    ),
  ];
}
