import type { OperationState } from "../../state/transitions.ts";
import type { StatementFunction } from "../dialect.ts";
import type { SqlRow } from "../sql-port.ts";
import { moving, stored } from "./columns.ts";
import { byId, inMs, json, now, rowsIf, whileHeld } from "./text.ts";

/** What the statement `move` gets for one row. */
interface Planned {
  readonly id: string;
  readonly from: OperationState;
  readonly to: OperationState;
  readonly provider: string;
  readonly afresh: boolean;
  readonly noted: boolean;
  readonly failed: boolean;
  readonly cancelKnown: boolean;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly [other: string]: unknown;
}

/**
 * The only statement by which workers change a state. Fence and state must still be those that were seen, and a cancel
 * that was asked for meanwhile is not overlooked: the rows for which that holds are locked first, and only they change.
 */
export function move(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  const lock = `
    select o.id, o.state, o.provider, cast(o.in_doubt as char) as in_doubt, cast(o.tries as char) as tries
    from ${byId(operation, { fence: "number", from: "word", cancelKnown: "yes" })}
    where o.fence = m.fence and o.state = m.\`from\` and (o.cancel_wanted_at is not null) = m.cancelKnown
    for update`;
  // What an expression needs of the row as it was comes from the lock: assignments may see each other's results.
  const set = `
    update ${byId(operation, {
      ...{
        to: "word",
        intent: "word",
        provider: "word",
        inDoubt: "yes",
        abandoned: "yes",
        resendRefused: "yes",
      },
      ...{
        personOnly: "yes",
        dueInMs: "ms",
        result: "text",
        failure: "text",
        keyWindowMs: "ms",
        afresh: "yes",
      },
      ...{ failed: "yes", errorCode: "text", errorMessage: "text", sends: "number", sameEffort: "yes" },
      ...{ sameKey: "yes", triesBefore: "number" },
    })}
    set
      o.last_error_tries = case when m.failed = 1 then m.triesBefore else o.last_error_tries end,
      o.last_error_at = case when m.failed = 1 then ${now} else o.last_error_at end,
      o.last_error_code = case when m.failed = 1 then m.errorCode else o.last_error_code end,
      o.last_error_message = case when m.failed = 1 then m.errorMessage else o.last_error_message end,
      o.state = m.\`to\`,
      o.intent = m.intent,
      o.provider = m.provider,
      o.in_doubt = m.inDoubt,
      o.abandoned = m.abandoned,
      o.resend_refused = m.resendRefused,
      o.person_only = m.personOnly,
      o.due_at = ${inMs("m.dueInMs")},
      o.result = coalesce(m.result, o.result),
      o.failure = coalesce(m.failure, o.failure),
      o.attempt = o.attempt + m.sends,
      o.tries = case when m.sameEffort = 1 then o.tries else 0 end,
      o.sent_at = case when m.sends = 1 then ${now} else o.sent_at end,
      o.key_expires_at = case when m.sameKey = 1 then o.key_expires_at else ${inMs("m.keyWindowMs")} end,
      o.unknown_since = case when m.\`to\` = 'UNKNOWN' then coalesce(o.unknown_since, ${now}) else o.unknown_since end,
      o.cancelling_since = case when m.\`to\` = 'CANCELLING' then coalesce(o.cancelling_since, ${now})
        else o.cancelling_since end,
      o.retried_at = case when m.afresh = 1 then ${now} else o.retried_at end,
      o.updated_at = ${now}`;
  const entry = `
    insert into ${schema}_operation_event
      (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
    select o.id, ${now}, o.fence, m.\`from\`, o.state, o.provider, m.why, m.evidence, m.\`by\`
    from ${byId(operation, { from: "word", why: "text", evidence: "text", by: "text" })}`;
  const moved = `select ${moving()} from ${byId(operation)}`;
  return async (query, [records]) => {
    const planned = records as readonly Planned[];
    const held = new Map(
      (await query(lock, [json(planned.map(numbersForYes))])).map((row) => [String(row["id"]), row]),
    );
    const ours = planned.flatMap((each) => {
      const before = held.get(each.id);
      return before === undefined ? [] : [{ ...each, ...since(each, before) }];
    });
    if (ours.length === 0) return [];
    await query(set, [json(ours.map(numbersForYes))]);
    const noted = ours.filter((each) => each.noted);
    await rowsIf(query, entry, noted);
    return await query(moved, [json(ours.map(({ id }) => ({ id })))]);
  };
}

/** What changes with regard to the row as it was. */
function since(to: Planned, before: SqlRow): Record<string, unknown> {
  const inDoubt = before["in_doubt"] === "1";
  // Sending again and asking again are one effort: their tries go on.
  const oneEffort = before["state"] === to.to || (inDoubt && (to.to === "SENDING" || to.to === "UNKNOWN"));
  return {
    sends: to.to === "SENDING" ? 1 : 0,
    triesBefore: Number(before["tries"]),
    sameEffort: !to.afresh && oneEffort,
    sameKey: before["provider"] === to.provider && before["state"] !== "READY",
  };
}

/** Servers differ in what number a JSON true is. */
function numbersForYes(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === "boolean" ? Number(value) : value]),
  );
}

/** A person's move. Whoever has the row loses it, and it is due at once; a call under way is left to its worker. */
export function intervene(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  return whileHeld(
    `select o.id from ${operation} as o where o.id = $1 and o.fence = $2 and o.state = $3`,
    `update ${operation} as o set
      o.fence = o.fence + case when $3 = 'SENDING' then 0 else 1 end,
      o.due_at = case when $3 = 'SENDING' then o.due_at else ${now} end,
      o.state = $4,
      o.intent = case when $4 = 'CANCELLING' then 'CANCEL' else o.intent end,
      o.tries = 0,
      o.in_doubt = case when $4 = 'UNKNOWN' then 1 else o.in_doubt end,
      o.person_only = 0,
      o.cancel_wanted_at = case when $8 = 1 then coalesce(o.cancel_wanted_at, ${now}) else o.cancel_wanted_at end,
      o.unknown_since = case when $4 = 'UNKNOWN' then coalesce(o.unknown_since, ${now}) else o.unknown_since end,
      o.cancelling_since = case when $4 = 'CANCELLING' then coalesce(o.cancelling_since, ${now})
        else o.cancelling_since end,
      o.retried_at = ${now},
      o.updated_at = ${now}
    where o.id = $1`,
    entryOf(schema, "$3", "o.provider", 5),
    `select ${stored} from ${operation} as o where o.id = $1`,
  );
}

/** The row changes too, so that a copy that lacks the entry is seen to be old. */
export function note(schema: string): readonly string[] {
  return [
    `update ${schema}_operation set updated_at = ${now} where id = $1`,
    entryOf(schema, "o.state", "$2", 3),
  ];
}

/** An entry about the operation `$1`; why, evidence and by are the values from this number on. */
function entryOf(schema: string, from: string, provider: string, why: number): string {
  return `insert into ${schema}_operation_event
      (operation_id, at, fence, from_state, to_state, provider, why, evidence, actor)
    select o.id, ${now}, o.fence, ${from}, o.state, ${provider}, $${why}, $${why + 1}, $${why + 2}
    from ${schema}_operation as o where o.id = $1`;
}
