import { iso, msSince, now, yesNo } from "./text.ts";

/** What the rows of an operation say, read as `o`. */

/** Of no use once nothing is left to do, and not for nothing. */
const ages = Object.entries({
  sent_for_ms: msSince("o.sent_at"),
  key_left_ms: `-(${msSince("o.key_expires_at")})`,
  unknown_for_ms: msSince(
    "greatest(coalesce(o.unknown_since, o.retried_at), coalesce(o.retried_at, o.unknown_since))",
  ),
  cancelling_for_ms: msSince(
    "greatest(coalesce(o.cancelling_since, o.retried_at), coalesce(o.retried_at, o.cancelling_since))",
  ),
})
  .map(([name, age]) => `case when o.due_at is not null then ${age} end as ${name}`)
  .join(", ");

/** @param claimed - Whether it is being claimed, which raises its fence and its tries. */
export const moving = (claimed = false): string => {
  const raised = (column: string): string =>
    `cast(${column}${claimed ? " + 1" : ""} as char) as ${column.slice(2)}`;
  return `o.id, o.state, o.intent, ${raised("o.fence")}, o.provider, cast(o.attempt as char) as attempt,
  ${raised("o.tries")}, ${yesNo("o.in_doubt")} as in_doubt, ${yesNo("o.abandoned")} as abandoned,
  ${yesNo("o.resend_refused")} as resend_refused, ${yesNo("o.person_only")} as person_only,
  ${msSince("o.cancel_wanted_at")} as cancel_wanted_for_ms, ${ages}`;
};

/** All that a worker has to know of it. */
export const row = (claimed = false): string => `${moving(claimed)},
  o.operation, o.\`key\`, o.fingerprint, o.providers, o.request,
  o.result, o.failure`;

/** And people. */
export const stored: string = `${row()},
  ${iso("o.last_error_at")} as last_error_at, o.last_error_code,
  o.last_error_message, cast(o.last_error_tries as char) as last_error_tries,
  ${iso("o.created_at")} as created_at, ${iso("o.updated_at")} as updated_at, ${iso("o.due_at")} as due_at,
  ${iso(now)} as read_at`;

/** What is compared with a provider's list. */
export const compared: string = `o.id, o.operation, o.\`key\`, o.state, o.provider, o.providers, o.request, o.result,
  ${iso("o.created_at")} as created_at`;

/** Every column, for what moves whole rows. A migration that adds one adds it here. */
export const every: readonly string[] = [
  ...[
    "id",
    "operation",
    "`key`",
    "fingerprint",
    "state",
    "intent",
    "fence",
    "due_at",
    "provider",
    "providers",
  ],
  ...["attempt", "tries", "in_doubt", "request", "result", "failure", "sent_at", "key_expires_at"],
  ...["unknown_since", "cancelling_since", "created_at", "updated_at", "last_error_at", "last_error_code"],
  ...["last_error_message", "last_error_tries", "cancel_wanted_at", "abandoned", "resend_refused"],
  ...["person_only", "retried_at"],
];
