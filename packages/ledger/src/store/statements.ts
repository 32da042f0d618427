import { type OperationState, openStates, settledStates } from "../state/transitions.ts";

/**
 * Every statement of the ledger. Only the schema's validated name is written into them; values are parameters.
 *
 * All times are the database's, so that leases mean the same to every process. `statement_timestamp()`, not
 * `clock_timestamp()`, because a volatile function keeps the planner from using an index. Numbers and times
 * leave as text or float8, so that a type parser the user has set for int8 or timestamptz changes nothing.
 */
export interface Statements {
  readonly insert: string;
  readonly move: string;
  readonly retry: string;
  readonly renew: string;
  readonly claim: string;
  readonly release: string;
  readonly findById: string;
  readonly findByKey: string;
  readonly history: string;
  readonly page: string;
  readonly open: string;
  readonly settled: string;
}

const iso = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const msSince = (column: string): string =>
  `(extract(epoch from statement_timestamp() - ${column}) * 1000)::float8`;
const inMs = (parameter: string): string =>
  `statement_timestamp() + ${parameter}::float8 * interval '1 millisecond'`;

/**
 * What shares a provider's slots, see {@link slotGroupOf}. A single inline provider is called "default" in every
 * operation, and is another one in each.
 */
const slotGroupColumn = `case when provider = 'default' then 'operation ' || operation else provider end`;

/** The same as {@link slotGroupColumn} for what is known here. */
export function slotGroupOf(of: { readonly operation: string; readonly provider: string }): string {
  return of.provider === "default" ? `operation ${of.operation}` : of.provider;
}

const listed = (states: readonly OperationState[]): string => states.map((state) => `'${state}'`).join(", ");

const row = `
  o.id::text as id, o.operation, o.key, o.fingerprint, o.state, o.intent, o.fence::text as fence,
  o.provider, to_json(o.providers)::text as providers, o.attempt::text as attempt, o.tries::text as tries,
  case when o.in_doubt then 'yes' else 'no' end as in_doubt, o.request, o.result, o.failure,
  ${msSince("o.sent_at")} as sent_for_ms, -${msSince("o.key_expires_at")} as key_left_ms,
  ${msSince("o.unknown_since")} as unknown_for_ms, ${msSince("o.cancelling_since")} as cancelling_for_ms,
  ${iso("o.last_error_at")} as last_error_at, o.last_error_code, o.last_error_message,
  o.last_error_tries::text as last_error_tries,
  ${iso("o.created_at")} as created_at, ${iso("o.updated_at")} as updated_at`;

export function statements(schema: string): Statements {
  const operation = `${schema}.operation`;
  const event = `${schema}.operation_event`;
  return {
    // Waits for a transaction that is inserting the same key; no row comes back when the key is taken.
    insert: `
      with o as (
        insert into ${operation} (operation, key, fingerprint, state, fence, due_at, provider, providers,
          attempt, request, sent_at, key_expires_at, created_at, updated_at)
        values ($1, $2, $3, $4::text, $5::bigint, ${inMs("$6")}, $7, $8::text[],
          case when $4::text = 'SENDING' then 1 else 0 end, $9,
          case when $4::text = 'SENDING' then statement_timestamp() end, ${inMs("$10")},
          statement_timestamp(), statement_timestamp())
        on conflict (operation, key) do nothing
        returning *
      ), noted as (
        insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why)
        select id, statement_timestamp(), fence, null, state, provider, 'created' from o
      )
      select ${row} from o`,

    // The only statement that changes a state. Fence and state must still be those the worker saw.
    move: `
      with o as (
        update ${operation} as p set
          state = $4::text,
          intent = $5,
          provider = $6::text,
          in_doubt = $7::boolean,
          due_at = ${inMs("$8")},
          result = coalesce($9, p.result),
          failure = coalesce($10, p.failure),
          attempt = p.attempt + case when $4::text = 'SENDING' then 1 else 0 end,
          -- Sending again and asking again are one effort: their tries go on.
          tries = case when p.state = $4::text or (p.in_doubt and $4::text in ('SENDING', 'UNKNOWN'))
            then p.tries else 0 end,
          sent_at = case when $4::text = 'SENDING' then statement_timestamp() else p.sent_at end,
          key_expires_at = case when p.provider = $6::text and p.state <> 'READY' then p.key_expires_at
            else ${inMs("$11")} end,
          unknown_since = case when $4::text = 'UNKNOWN'
            then coalesce(p.unknown_since, statement_timestamp()) else p.unknown_since end,
          cancelling_since = case when $4::text = 'CANCELLING'
            then coalesce(p.cancelling_since, statement_timestamp()) else p.cancelling_since end,
          last_error_at = case when $15::boolean then statement_timestamp() else p.last_error_at end,
          last_error_code = case when $15::boolean then $16::text else p.last_error_code end,
          last_error_message = case when $15::boolean then $17::text else p.last_error_message end,
          last_error_tries = case when $15::boolean then p.tries else p.last_error_tries end,
          updated_at = statement_timestamp()
        where p.id = $1 and p.fence = $2::bigint and p.state = $3::text
        returning *
      ), noted as (
        insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why, evidence)
        select id, statement_timestamp(), fence, $3::text, state, provider, $12::text, $13::text from o
        where $14::boolean
      )
      select ${row} from o`,

    // A person's move. Whoever has the row loses it, and it is due at once.
    retry: `
      with o as (
        update ${operation} as p set state = $4::text, fence = p.fence + 1, tries = 0,
          in_doubt = p.in_doubt or $4::text = 'UNKNOWN',
          due_at = statement_timestamp(),
          unknown_since = case when $4::text = 'UNKNOWN'
            then coalesce(p.unknown_since, statement_timestamp()) else p.unknown_since end,
          cancelling_since = case when $4::text = 'CANCELLING'
            then coalesce(p.cancelling_since, statement_timestamp()) else p.cancelling_since end,
          updated_at = statement_timestamp()
        where p.id = $1 and p.fence = $2::bigint and p.state = $3
        returning *
      ), noted as (
        insert into ${event} (operation_id, at, fence, from_state, to_state, provider, why, evidence)
        select id, statement_timestamp(), fence, $3, state, provider, $5::text, $6::text from o
      )
      select ${row} from o`,

    renew: `
      update ${operation} as o set due_at = ${inMs("$4")}
      where o.id = $1 and o.fence = $2::bigint and o.state = $3
      returning ${row}`,

    claim: `
      with due as (
        select id from ${operation}
        where due_at <= statement_timestamp() and operation = any($1::text[])
          and (${slotGroupColumn}) <> all($4::text[])
        order by due_at
        limit $2
        for update skip locked
      )
      update ${operation} as o set fence = o.fence + 1, tries = o.tries + 1, due_at = ${inMs("$3")}
      from due where o.id = due.id
      returning ${row}`,

    release: `
      update ${operation} as o set due_at = statement_timestamp()
      where o.id = $1 and o.fence = $2::bigint and o.due_at is not null`,

    findById: `select ${row} from ${operation} as o where o.id = $1`,
    findByKey: `select ${row} from ${operation} as o where o.operation = $1 and o.key = $2`,

    history: `
      select operation_id::text as operation_id, ${iso("at")} as at, fence::text as fence, from_state,
        to_state, provider, why, evidence
      from ${event} where operation_id = any($1::uuid[]) order by id`,

    page: `
      select ${row} from ${operation} as o
      where $1::uuid is null or o.id > $1::uuid
      order by o.id limit $2`,

    // The condition is that of the index operation_open, which is all that this reads.
    open: `
      select state, count(*)::text as count,
        max(${msSince("coalesce(cancelling_since, unknown_since, sent_at, created_at)")}) as oldest_ms
      from ${operation} where state in (${listed(openStates)}) group by state`,

    settled: `
      select state, count(*)::text as count from ${operation}
      where state in (${listed(settledStates)}) group by state`,
  };
}
