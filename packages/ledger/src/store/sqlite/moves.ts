import type { StatementFunction } from "../dialect.ts";
import type { SqlRow } from "../sql-port.ts";
import { inMs, moved, now, timedId } from "./columns.ts";

/*
 * What every operation passes through. SQLite is asked without a round trip, so a batch is one statement after the other,
 * each with the fields of one element: taking them out of the JSON in SQL cost three times as much as the write itself.
 */

export const eventColumns = "operation_id, at, fence, from_state, to_state, provider, why, evidence, actor";

type Fields = Readonly<Record<string, unknown>>;

/** @returns a statement's text, and what it gets of an element. */
function of<Name extends string>(
  names: readonly Name[],
  text: (field: Readonly<Record<Name, string>>) => string,
): { readonly text: string; readonly values: (element: Fields) => readonly unknown[] } {
  const places = names.map((name, index) => [name, `$${index + 1}`]);
  return {
    text: text(Object.fromEntries(places) as Record<Name, string>),
    values: (element) => names.map((name) => element[name]),
  };
}

export function insertOf(operation: string, archive: string): StatementFunction {
  const insert = of(
    [
      "operation",
      "key",
      "fingerprint",
      "state",
      "sent",
      "dueInMs",
      "provider",
      "providers",
      "request",
      "keyWindowMs",
    ],
    (m) => `
      insert into ${operation} (id, operation, key, fingerprint, state, fence, due_at, provider, providers,
        attempt, request, sent_at, key_expires_at, created_at, updated_at)
      select ${timedId}, ${m.operation}, ${m.key}, ${m.fingerprint}, ${m.state}, ${m.sent}, ${inMs(m.dueInMs)},
        ${m.provider}, ${m.providers}, ${m.sent}, ${m.request}, case when ${m.sent} then ${now} end,
        ${inMs(m.keyWindowMs)}, ${now}, ${now}
      where not exists (select 1 from ${archive} as a where a.operation = ${m.operation} and a.key = ${m.key})
      on conflict (operation, key) do nothing
      returning id, operation, key`,
  );
  return async (query, [list]) => {
    const rows: SqlRow[] = [];
    for (const element of list as readonly Fields[]) {
      const providers = element["providers"] as readonly string[];
      const more = {
        sent: element["state"] === "SENDING",
        provider: providers[0],
        providers: JSON.stringify(providers),
      };
      rows.push(...(await query(insert.text, insert.values({ ...element, ...more }))));
    }
    return rows;
  };
}

/**
 * Answered to whoever began it, by its first call: all of that entry is known, and its time stands in the row. It is the end
 * that nearly every operation comes to, and saves it two pages of the log.
 */
function isFirstAnswer({ answered }: Readonly<Record<string, string>>): string {
  return `(${answered} and fence = 1 and attempt = 1 and sent_at = created_at)`;
}

/** The only statement by which workers change a state. */
export function moveOf(operation: string, event: string): StatementFunction {
  // Fence and state must still be those that were seen, and a cancel that was asked for meanwhile is not overlooked.
  const move = of(
    [
      ...["id", "fence", "from", "cancelKnown", "to", "intent", "provider", "inDoubt", "abandoned"],
      ...["resendRefused", "personOnly", "dueInMs", "result", "failure", "afresh", "keyWindowMs"],
      ...["failed", "errorCode", "errorMessage", "answered"],
    ],
    (m) => `
      update ${operation} set
        state = ${m["to"]},
        intent = ${m["intent"]},
        provider = ${m["provider"]},
        in_doubt = ${m["inDoubt"]},
        abandoned = ${m["abandoned"]},
        resend_refused = ${m["resendRefused"]},
        person_only = ${m["personOnly"]},
        due_at = ${inMs(`${m["dueInMs"]}`)},
        result = coalesce(${m["result"]}, result),
        failure = coalesce(${m["failure"]}, failure),
        attempt = attempt + (${m["to"]} = 'SENDING'),
        -- Sending again and asking again are one effort: their tries go on.
        tries = case when not ${m["afresh"]}
          and (state = ${m["to"]} or (in_doubt and ${m["to"]} in ('SENDING', 'UNKNOWN'))) then tries else 0 end,
        sent_at = case when ${m["to"]} = 'SENDING' then ${now} else sent_at end,
        key_expires_at = case when provider = ${m["provider"]} and state <> 'READY' then key_expires_at
          else ${inMs(`${m["keyWindowMs"]}`)} end,
        unknown_since = case when ${m["to"]} = 'UNKNOWN' then coalesce(unknown_since, ${now}) else unknown_since end,
        cancelling_since = case when ${m["to"]} = 'CANCELLING' then coalesce(cancelling_since, ${now})
          else cancelling_since end,
        retried_at = case when ${m["afresh"]} then ${now} else retried_at end,
        last_error_at = case when ${m["failed"]} then ${now} else last_error_at end,
        last_error_code = case when ${m["failed"]} then ${m["errorCode"]} else last_error_code end,
        last_error_message = case when ${m["failed"]} then ${m["errorMessage"]} else last_error_message end,
        last_error_tries = case when ${m["failed"]} then tries else last_error_tries end,
        answered_at = case when ${isFirstAnswer(m)} then ${now} else answered_at end,
        updated_at = ${now}
      where id = ${m["id"]} and fence = ${m["fence"]} and state = ${m["from"]}
        and (cancel_wanted_at is not null) = ${m["cancelKnown"]}
      returning ${moved("")}, ${isFirstAnswer(m)} as answered`,
  );
  const note = of(
    ["id", "fence", "from", "to", "provider", "why", "evidence", "by"],
    (m) => `
      insert into ${event} (${eventColumns})
      values (${m.id}, ${now}, ${m.fence}, ${m.from}, ${m.to}, ${m.provider}, ${m.why}, ${m.evidence}, ${m.by})`,
  );
  return async (query, [list]) => {
    const rows: SqlRow[] = [];
    for (const element of list as readonly Fields[]) {
      const [row] = await query(move.text, move.values(element));
      if (row === undefined) continue;
      rows.push(row);
      if (element["noted"] === true && row["answered"] !== 1) await query(note.text, note.values(element));
    }
    return rows;
  };
}
