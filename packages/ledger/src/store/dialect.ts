import type { SqlPort, SqlQuery } from "./sql-port.ts";

/**
 * Every statement of the ledger by name, in the words of one database. What goes in and comes out is the same for all:
 * {@link Store} is written once. `$1` is a list in JSON where the statement works on many rows.
 */
export interface Statements {
  /** JSON list of `NewOperation` in, one row for each whose key was free. */
  readonly insert: string;
  /** JSON list of moves in, one row for each whose fence, state and knowledge of a cancel still held. */
  readonly move: string;
  /** id, fence, state, new state, why, evidence, by, whether a cancel is wanted from now on. */
  readonly intervene: string;
  /** id, provider, why, evidence, by: an entry in the history without a move. */
  readonly note: string;
  /** id, fence, state, lease in ms. */
  readonly renew: string;
  /** operations, limit, lease in ms, slot groups to leave alone. */
  readonly claim: string;
  /** id, fence. */
  readonly release: string;
  readonly findById: string;
  readonly findByKey: string;
  readonly findArchivedById: string;
  readonly findArchivedByKey: string;
  /** ids in; id and its history as a JSON list out. */
  readonly history: string;
  /** after this id, limit. */
  readonly page: string;
  readonly open: string;
  readonly settled: string;
  /** channel. Undefined where a database cannot wake others. */
  readonly notify: string | undefined;
  /** after this id, age in ms, limit. */
  readonly archiveCopy: string;
  /** age of the copy in ms, limit. */
  readonly archiveDrop: string;
  /** id. */
  readonly archiveRestore: string;
  /** age in ms, limit. */
  readonly archiveForget: string;
}

export interface MigrateBounds {
  /** For everything, the wait for another process that migrates included. */
  readonly timeoutMs: number;
}

/** What is different from database to database, beside the driver. */
export interface Dialect {
  statements(schema: string): Statements;
  /** Makes the current transaction give up when a lock is not free in time, with a transient error. */
  boundLockWait(query: SqlQuery, ms: number): Promise<void>;
  /** Whether a table, column or schema is missing. */
  isNotMigrated(error: unknown): boolean;
  /** A value for an array parameter. */
  list(values: readonly string[]): unknown;
  migrate<Tx>(sql: SqlPort<Tx>, schema: string, bounds: MigrateBounds): Promise<number>;
}

/**
 * What shares a provider's slots. A single inline provider is called "default" in every operation, and is another one
 * in each.
 */
export function slotGroupOf(of: { readonly operation: string; readonly provider: string }): string {
  return of.provider === "default" ? `operation ${of.operation}` : of.provider;
}
