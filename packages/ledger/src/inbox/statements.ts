import type { Statement } from "../store/dialect.ts";

/**
 * The statements of inboxes by name, in the words of one database. `$1` is the inbox's name, `$2` the event's id where
 * there is one. Times are the database's; a number that the database would give as 64 bits may leave as text.
 */
export interface InboxStatements {
  /** ..., event, operation, key, when it happened in ms: a row when it is new. */
  readonly store: Statement;
  /** inbox, limit, lease in ms. The longest due first; `tries` goes up by one. Out: id, event, tries, age_ms. */
  readonly claim: Statement;
  /** ..., operation, key, when in ms: a row when another event of the same, pending or applied, happened later. */
  readonly hasLater: Statement;
  /** ..., tries, state, outcome: a row when it is pending, and nobody has claimed it since. */
  readonly settle: Statement;
  /** ..., tries, delay in ms, outcome; under the same condition. */
  readonly retryLater: Statement;
  /** inbox, id: due now and as if it had just come. A row when there is one that is not done. */
  readonly retryNow: Statement;
  /** inbox, age in ms, limit: a row for each that was done longer ago, and is deleted. */
  readonly forget: Statement;
  /** inbox, id. Out: id, state, operation, key, tries, outcome, received_at as ISO 8601. */
  readonly find: Statement;
  /** inbox, limit: the same of those that are not done, the oldest first. */
  readonly open: Statement;
}
