import { claim } from "./claim-8.ts";
import { inMs, leftToKnow, leftToKnowTypes, movingTypes } from "./columns.ts";

/*
 * What every operation passes through, as functions of the database. A statement of this size costs more to be parsed and
 * planned than to be run: a function keeps its plan, for every driver and pooler. A plan that is kept was made when the
 * tables were small, and would read them whole when they have grown (measured: 3,300 operations a second became 600 within
 * 50,000). So each statement is worded such that there is only one way to run it, whatever the planner believes of the
 * tables: rows are looked up one by one, by an index.
 *
 * - A table is never read whole: the function says so.
 * - `id = any(array[m.id])`, and not `id = m.id`, which may be joined from either side.
 * - A subquery for one value, and not `not exists`, which may become a join.
 *
 * Records come in groups, what its rows have in common once, and are put in one order: two batches with rows in common must
 * not wait for each other.
 *
 * They belong to the migration that makes them: what is released is never edited, only followed by another.
 */

const functionOf = (name: string, parameters: string, columns: string, statement: string): string => `
  create function ${name} (${parameters}) returns table (${columns})
  language plpgsql
  set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
  as $function$
  #variable_conflict use_column
  begin
    return query ${statement};
  end
  $function$`;

const insert = (schema: string): string => `
  insert into ${schema}.operation (operation, key, fingerprint, state, fence, due_at, provider, providers,
    attempt, request, sent_at, key_expires_at, created_at, updated_at)
  select m.operation, m.key, m.fingerprint, m.state, case when m.state = 'SENDING' then 1 else 0 end,
    ${inMs('m."dueInMs"')}, m.providers[1], m.providers, case when m.state = 'SENDING' then 1 else 0 end, m.request,
    case when m.state = 'SENDING' then statement_timestamp() end, ${inMs('m."keyWindowMs"')},
    statement_timestamp(), statement_timestamp()
  from (
    select * from json_to_recordset(batch) as g (operation text, state text, "dueInMs" float8, providers text[],
        "keyWindowMs" float8, rows json),
      json_to_recordset(g.rows) as r (key text, fingerprint text, request text)
    order by g.operation collate "C", r.key collate "C"
  ) as m
  where (
    select a.id from ${schema}.operation_archive as a where a.operation = m.operation and a.key = m.key
  ) is null
  on conflict (operation, key) do nothing
  returning id::text, operation, key`;

/** What is false is left out. Fence and state must still be those that were seen, and a cancel that was asked for meanwhile is not overlooked. */
const move = (schema: string): string => `
  with o as (
    update ${schema}.operation as p set
      state = m."to",
      intent = m.intent,
      provider = m.provider,
      in_doubt = coalesce(m."inDoubt", false),
      abandoned = coalesce(m.abandoned, false),
      resend_refused = coalesce(m."resendRefused", false),
      person_only = coalesce(m."personOnly", false),
      due_at = ${inMs('m."dueInMs"')},
      result = coalesce(m.result, p.result),
      failure = coalesce(m.failure, p.failure),
      attempt = p.attempt + case when m."to" = 'SENDING' then 1 else 0 end,
      -- Sending again and asking again are one effort: their tries go on.
      tries = case when m.afresh is not true and (p.state = m."to" or (p.in_doubt and m."to" in ('SENDING', 'UNKNOWN')))
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
    from (
      select * from json_to_recordset(batch) as g ("from" text, "cancelKnown" boolean, "to" text, intent text,
          provider text, "inDoubt" boolean, "dueInMs" float8, failure text, "keyWindowMs" float8, why text,
          evidence text, "by" text, noted boolean, failed boolean, "errorCode" text, "errorMessage" text,
          abandoned boolean, "resendRefused" boolean, "personOnly" boolean, afresh boolean, rows json),
        json_to_recordset(g.rows) as r (id uuid, fence bigint, result text)
      order by r.id
    ) as m
    where p.id = any(array[m.id]) and p.fence = m.fence and p.state = m."from"
      and (p.cancel_wanted_at is not null) = coalesce(m."cancelKnown", false)
    returning p.id, p.fence, p.state, p.provider, p.tries, p.due_at, p.cancel_wanted_at, p.sent_at, p.key_expires_at,
      p.unknown_since, p.cancelling_since, p.retried_at, m."from", m.why, m.evidence, m."by", m.noted
  ), noted as (
    insert into ${schema}.operation_event
      (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
    select o.id, statement_timestamp(), o.fence, o."from", o.state, o.provider, o.why, o.evidence, o."by"
    from o where o.noted
  )
  select ${leftToKnow} from o`;

/** The functions of migration 8. */
export function functions8(schema: string): readonly string[] {
  return [
    // Waits for a transaction that is inserting the same key; no row comes back when the key is taken.
    functionOf(
      `${schema}.insert_operations_8`,
      "batch json",
      "id text, operation text, key text",
      insert(schema),
    ),
    // The only statement by which workers change a state.
    functionOf(`${schema}.move_operations_8`, "batch json", leftToKnowTypes, move(schema)),
    functionOf(
      `${schema}.claim_operations_8`,
      "operations text[], at_most integer, lease_ms float8, but text[]",
      `${movingTypes}, operation text, key text, fingerprint text, providers text, request text, result text,
        failure text`,
      claim(schema),
    ),
  ];
}
