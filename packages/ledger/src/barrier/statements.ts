import type { Statement } from "../store/dialect.ts";

/** The statements of barriers by name, in the words of one database. All but `forget` run in the user's transaction. */
export interface BarrierStatements {
  /**
   * scope, key, state, "yes" when nothing had been tried: a row with its `state` when the key was free. Waits for a
   * transaction that is inserting the same one.
   */
  readonly insert: Statement;
  /** scope, key, from state, to state: its `state`; no row when it was in another one. Waits for its lock. */
  readonly move: Statement;
  /** scope, key: `state`, and `empty` ("yes" or "no"), whatever the transaction's isolation shows of others' commits. */
  readonly find: Statement;
  /** age in ms, limit: deletes. A row for each. */
  readonly forget: Statement;
}
