import type { Clock } from "@outrigger/core";
import type { BarrierStatements } from "../barrier/statements.ts";
import type { InboxStatements } from "../inbox/statements.ts";
import type { OutboxStatements } from "../outbox/statements.ts";
import type { ReconciliationStatements } from "../reconcile/statements.ts";
import type { SagaStatements } from "../saga/statements.ts";
import type { SqlPort, SqlQuery, SqlRow } from "./sql-port.ts";

/**
 * What is sent at once: one statement, or several that are one. Those run in one transaction, each of them gets all the
 * values and uses those that it names, and the rows are the last one's. A function sends them itself, where one has to
 * know what another found.
 */
export type Statement = string | readonly string[] | StatementFunction;
export type StatementFunction = (query: SqlQuery, values: readonly unknown[]) => Promise<readonly SqlRow[]>;

/** A statement for many records at once. */
export interface StatementForMany {
  readonly statement: Statement;
  /** The values of each time that it is sent: records that have little in common may take several, in one transaction. */
  calls(records: readonly object[]): readonly (readonly unknown[])[];
  /** What it was answered with, all times together, as rows. Absent where it is answered with them. */
  read?(answers: readonly SqlRow[]): readonly SqlRow[];
  /**
   * Its calls for all records or nothing: it fails where it would leave out one of them. Absent where it cannot say so, or there is
   * no driver that sends several statements at once.
   */
  readonly whole?: {
    calls(records: readonly object[]): readonly (readonly unknown[])[];
    /** Whether it has failed for that. */
    isRefused(error: unknown): boolean;
  };
}

/**
 * Every statement of the ledger by name, in the words of one database. What goes in and comes out is the same for all:
 * {@link Store} is written once. `$1` is a list in JSON where the statement works on many rows.
 */
export interface Statements {
  /** `NewOperation`s in; id, operation and key of each whose key was free. */
  readonly insert: StatementForMany;
  /**
   * Moves in; of each whose fence, state and knowledge of a cancel still held, its id and what the move itself does not
   * say of the row: its tries and ages.
   */
  readonly move: StatementForMany;
  /** id, fence, state, new state, why, evidence, by, whether a cancel is wanted from now on. */
  readonly intervene: Statement;
  /** id, provider, why, evidence, by: an entry in the history without a move. */
  readonly note: Statement;
  /** id, fence, state, lease in ms. */
  readonly renew: Statement;
  /** operations, limit, lease in ms, slot groups to leave alone. */
  readonly claim: Statement;
  /** JSON list of id, fence and whether it was begun: due at once, and what was not begun has not been tried. */
  readonly giveBack: Statement;
  readonly findById: Statement;
  readonly findByKey: Statement;
  /** The same for a key that this transaction has found taken, whatever its isolation shows of others' commits. */
  readonly findTaken: Statement;
  readonly findArchivedById: Statement;
  readonly findArchivedByKey: Statement;
  /** ids in; id and its history as a JSON list out. */
  readonly history: Statement;
  /** after this id, limit. */
  readonly page: Statement;
  /** The same of every operation, with no more than a comparison with a provider's list needs. */
  readonly compared: Statement;
  /**
   * after this id, limit, states, operation, age in ms; each of them but the limit and the states null for any. Those that
   * were moved out of the way included, in the order of ids. What is open is found without reading what is settled.
   */
  readonly list: Statement;
  readonly open: Statement;
  /** The number of the last migration that was applied, as `version`. */
  readonly version: Statement;
  readonly settled: Statement;
  /** channel. Undefined where a database cannot wake others. */
  readonly notify: Statement | undefined;
  /** after this id, age in ms, limit. */
  readonly archiveCopy: Statement;
  /** age of the copy in ms, limit. */
  readonly archiveDrop: Statement;
  /** id. */
  readonly archiveRestore: Statement;
  /** age in ms, limit. */
  readonly archiveForget: Statement;
}

export interface MigrateBounds {
  readonly clock: Clock;
  /** For everything, the wait for another process that migrates included. */
  readonly timeoutMs: number;
}

/** What is different from database to database, beside the driver. */
export interface Dialect {
  statements(schema: string): Statements;
  inbox(schema: string): InboxStatements;
  reconciliation(schema: string): ReconciliationStatements;
  /** Absent where the ledger has no sagas on this database yet. */
  saga?(schema: string): SagaStatements;
  /** Absent where the ledger has no ordered outbox on this database yet. */
  outbox?(schema: string): OutboxStatements;
  /** Absent where the ledger has no barriers on this database yet. */
  barrier?(schema: string): BarrierStatements;
  /** In `work`, the current transaction gives up when a lock is not free in time, with a transient error. */
  boundLockWait<T>(query: SqlQuery, ms: number, work: () => Promise<T>): Promise<T>;
  /** Whether a table, column or schema is missing. */
  isNotMigrated(error: unknown): boolean;
  /** A value for an array parameter. */
  list(values: readonly string[]): unknown;
  /** What `migrate` brings the tables to. */
  readonly latestVersion: number;
  migrate<Tx>(sql: SqlPort<Tx>, schema: string, bounds: MigrateBounds): Promise<number>;
}

/**
 * What shares a provider's slots. A single inline provider is called "default" in every operation, and is another one
 * in each.
 */
export function slotGroupOf(of: { readonly operation: string; readonly provider: string }): string {
  return of.provider === "default" ? `operation ${of.operation}` : of.provider;
}
