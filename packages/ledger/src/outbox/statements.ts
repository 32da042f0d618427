import type { Statement } from "../store/dialect.ts";

/**
 * The statements of ordered outboxes by name, in the words of one database. A lane is what is known of one key: the number
 * of the last message that was sent (`last`), up to which they are done (`done`), and who has it. Its row is locked by
 * whoever sends, until that transaction ends: so the numbers of a key are in the order in which they were committed. Numbers
 * of 64 bits leave as text, times as ISO 8601 with microseconds and a Z.
 */
export interface OutboxStatements {
  /**
   * outbox, key, payload: the message's number, as `sequence`. One more than the lane's last; in a new lane the time in
   * microseconds, with all before it done, so that a lane may be forgotten and made again. A lane in which nothing was to be done is due at once; one
   * that is parked, held, or waits stays so.
   */
  readonly send: Statement;
  /**
   * list of outboxes, limit, lease in ms: lanes that are due, the longest first, without waiting for locks. `outbox, key,
   * done, fence, tries` (the failures since the last success) and `failing_for_ms` (since the first of them, null for none).
   * The fence goes up by one.
   */
  readonly claim: Statement;
  /** outbox, key, after this number, limit: `sequence, payload, sent_at`, in order. */
  readonly read: Statement;
  /**
   * outbox, key, fence, number, lease in ms: done up to this message, which is marked as delivered; no failures. `more` is
   * "yes" if there are others, and the lease begins again; else nothing is due. What was sent meanwhile must be seen, also
   * when this had to wait for its lock. No row when the fence is another one.
   */
  readonly done: Statement;
  /**
   * outbox, key, fence, wait in ms (null parks it), error code, error message: one more failure. Its key comes out; no row
   * when the fence is another one.
   */
  readonly failed: Statement;
  /** outbox, key, fence: due at once. */
  readonly giveBack: Statement;
  /**
   * outbox, key, number, "yes" to skip that message, reason, by: a person's word about a lane whose next message has this
   * number. Whoever has it loses it: the fence goes up, it is not parked, has no failures, and is due at once if there is
   * another message. A skipped message is marked as such, with reason and by. Its key comes out; no row when the next message
   * is another one.
   */
  readonly resume: Statement;
  /**
   * outbox (null for any), key (null for any), "yes" for parked ones only, limit; the longest parked, then the oldest first:
   * `outbox, key, parked_at, tries, next` (the number of its next message), `next_sent_at, waiting` (messages that are not
   * done), `last_error_at, last_error_code, last_error_message`. Only lanes with something to do.
   */
  readonly lanes: Statement;
  /** `outbox, waiting, parked` (lanes), `oldest_ms` since the oldest message of those that are not done was sent. */
  readonly open: Statement;
  /** age in ms, limit: deletes messages that were done so long ago, and lanes without any. A row for each message. */
  readonly forget: Statement;
}
