import type { Statement } from "../store/dialect.ts";

/**
 * The statements of reconciliations by name, in the words of one database. `$1` is the reconciliation's name. Those with a
 * fence change nothing, and give no row, when another process has taken it up since.
 */
export interface ReconciliationStatements {
  /** name: the fence goes up by one; made where it is missing. Out: fence, done_day, day, after_key. */
  readonly take: Statement;
  /** name, fence, day (null for none): the day's findings are seen under this fence from here on. */
  readonly beginDay: Statement;
  /** name, fence, key (null leaves it): how far the day is stored. */
  readonly keep: Statement;
  /** name, fence, day (null leaves it): no day is under way, and this one is the last that is done. */
  readonly endDay: Statement;
  /** name, day. */
  readonly forgetTotals: Statement;
  /** name, from day, to day. Out: day, class, currency, count, remote_sum, local_sum; in this order. */
  readonly totals: Statement;
  /** name, JSON list of those: they take the place of what was there. Sums are texts, and stay exact. */
  readonly putTotals: Statement;
  /**
   * name, JSON list of findings, `details` as text. One that is known is seen again; what was done about it stays done
   * while it says the same and had not gone meanwhile.
   */
  readonly putFindings: Statement;
  /** name, day: those that were not seen under its fence have gone. */
  readonly clearUnseen: Statement;
  /** name, after this day, class and key, limit: of those that wait for an action and have not gone. In this order. */
  readonly pending: Statement;
  /** name, day, class, key, state of the action, outcome. */
  readonly acted: Statement;
  /** name, from day, to day, limit. Out: day, class, key, details, action, action_state, outcome, cleared. */
  readonly findings: Statement;
}
