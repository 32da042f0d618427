import type { Statement } from "../store/dialect.ts";

/**
 * The statements of sagas by name, in the words of one database. Times are the database's; a number that the database
 * would give as 64 bits leaves as text. A row leaves with these columns:
 *
 * `id, saga, version, key, fingerprint, state, intent, fence, tries, request, steps, failure` as text or integers;
 * `stalled_for_ms` since `since`, `cancel_wanted_for_ms` (null while nobody wants it undone); `last_error_at`,
 * `last_error_code`, `last_error_message`, `retried_at`, `created_at`, `updated_at`, `due_at` (null when it has ended) and
 * `read_at` as ISO 8601 with microseconds and a Z.
 */
export interface SagaStatements {
  /**
   * saga, version, key, fingerprint, request, steps, "yes" if a worker has it from the start, due in ms. It begins in
   * RUNNING with the intent EXECUTE. Waits for a transaction that is inserting the same key; no row when it is taken.
   */
  readonly insert: Statement;
  /**
   * id, fence; new state, intent, steps, failure (null leaves it), "yes" if the worker keeps it, due in ms (null when it
   * has ended), "yes" if it is progress; error code, error message (null leaves the last one); why (null for no entry in
   * the history), evidence, by.
   *
   * Progress sets tries to 0 and `since` to now. One that is given back and was woken meanwhile is due at once. No row
   * when the fence is another one.
   */
  readonly save: Statement;
  /**
   * list of `"name version"`, limit, lease in ms. The longest due first, without waiting for rows that are locked. Fence and
   * tries go up by one; it is held, and no longer woken.
   */
  readonly claim: Statement;
  /** id, fence: due at once, and not held. */
  readonly release: Statement;
  /** saga, key: due at once unless it is held; then it is marked as woken. One that has ended is left alone. */
  readonly wake: Statement;
  /**
   * id, fence; "yes" if it is to be undone from now on, why, evidence, by. Whoever has it loses it: the fence goes up, it is
   * due at once and not held, tries 0, `since` and `retried_at` now. With an entry in the history. No row when the fence is
   * another one, or it has ended.
   */
  readonly intervene: Statement;
  /** id. */
  readonly findById: Statement;
  /** saga, key. */
  readonly findByKey: Statement;
  /** JSON list of `{operation, key}`: the rows of `findByKey` of the operations, those moved out of the way included. */
  readonly operations: Statement;
  /** list of ids; id and its history as a JSON list of `{at, from, to, why, evidence, by}` out. */
  readonly history: Statement;
  /** after this id, limit, list of states, saga (null for any); ordered by id. */
  readonly list: Statement;
  /** saga, version, state, count, and oldest_ms by `created_at`, of those that have not ended. */
  readonly open: Statement;
  /** age in ms since it ended, limit: deletes, with the history. Its id comes out. */
  readonly forget: Statement;
}
