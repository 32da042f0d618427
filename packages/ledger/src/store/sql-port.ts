import type { Clock } from "@outrigger/core";

/**
 * Sends one statement. Values travel as parameters, never inside the text, which names them `$1`, `$2`, wherever and as
 * often as it needs them, whatever the database's own way is.
 */
export type SqlQuery = (text: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>;
export type SqlRow = Readonly<Record<string, unknown>>;

/** One statement with its values. */
export interface SqlStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement of several that were sent at once has failed, with this cause; they have been rolled back. */
export class StatementFailed extends Error {
  /** Its place among them, from 0 on; their number for COMMIT. */
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`statement ${index + 1} failed`, { cause });
    this.index = index;
  }
}

/** How long a database may keep the ledger waiting. Measured on the ledger's clock. */
export interface SqlBounds {
  readonly clock: Clock;
  /** For a connection, and for each statement of the ledger, BEGIN and COMMIT included; for all that is sent at once. */
  readonly statementMs: number;
  /** For all that happens in a transaction before its COMMIT, the user's own function included. */
  readonly transactionMs: number;
}

/**
 * What the ledger needs of a database driver. `Tx` is what the user's own functions get to work with.
 *
 * Nothing of the ledger holds a connection while it calls a provider, so a port may be as small as one
 * connection.
 */
export interface SqlPort<Tx> {
  /** What the statements are written in. */
  readonly dialect: "postgres" | "sqlite" | "mariadb";
  /**
   * Runs one statement, committed when it returns.
   *
   * What takes longer than `bounds` allows is left, with a transient error, and its connection is closed.
   */
  query(text: string, values?: readonly unknown[], bounds?: SqlBounds): Promise<readonly SqlRow[]>;
  /**
   * Runs `work` in one READ COMMITTED transaction, and resolves when its commit is known.
   *
   * @throws Failure `COMMIT_UNKNOWN` with `effect: "unknown"` when the answer to COMMIT did
   * not arrive; `TRANSACTION_ABORTED` when `work` left no transaction, a failed one, or another one behind.
   * Whatever else is thrown has been rolled back; an error of `work` comes through as it is.
   */
  transaction<T>(work: (tx: Tx, query: SqlQuery) => Promise<T>, bounds?: SqlBounds): Promise<T>;
  /**
   * The same, with a statement that is sent along with BEGIN, which saves a round trip; `work` gets its rows. When BEGIN
   * fails it must not run. On PostgreSQL its rows may say the transaction's number as `transaction`, so that nobody has to
   * ask for it. Absent where the driver cannot do it: then it is the first statement of the transaction.
   */
  transactionWith?<T>(
    first: SqlStatement,
    work: (rows: readonly SqlRow[], tx: Tx, query: SqlQuery) => Promise<T>,
    bounds?: SqlBounds,
  ): Promise<T>;
  /**
   * One READ COMMITTED transaction of statements that are all known before it begins, in one round trip, its COMMIT
   * included. Absent where the driver cannot do it.
   *
   * @returns the rows of each.
   * @throws {@link StatementFailed} when one of them or COMMIT fails, or one ended the transaction; Failure `COMMIT_UNKNOWN`
   * with `effect: "unknown"` when no answer came. Whatever else is thrown has been rolled back.
   */
  atOnce?(statements: readonly SqlStatement[], bounds?: SqlBounds): Promise<readonly (readonly SqlRow[])[]>;
  /**
   * Sends statements on a transaction that the user has begun, and will end.
   *
   * @throws TypeError for what is certainly no open transaction: a pool, or a connection outside of one.
   */
  join(tx: Tx): SqlQuery;
  /**
   * Runs `work` on one connection, outside of any transaction. Where tables cannot be made in one: then it is there.
   */
  session?<T>(work: (query: SqlQuery) => Promise<T>, bounds?: SqlBounds): Promise<T>;
  /**
   * Calls `heard` when somebody calls this channel, on a connection of its own that it keeps; `lost` is called once
   * when that connection is gone. Absent where the database or the driver cannot do it: then work is polled for.
   *
   * @returns a function that stops listening.
   */
  listen?(channel: string, heard: () => void, lost: (error: unknown) => void): Promise<() => Promise<void>>;
  /** Whether the same statements may succeed when they are tried again: lost connections, deadlocks, overload. */
  isTransient(error: unknown): boolean;
}

/** The same port, with every statement bounded. */
export function bounded<Tx>(sql: SqlPort<Tx>, bounds: SqlBounds): SqlPort<Tx> {
  return {
    dialect: sql.dialect,
    query: (text, values) => sql.query(text, values, bounds),
    transaction: (work) => sql.transaction(work, bounds),
    ...(sql.transactionWith !== undefined && {
      transactionWith: <T>(
        first: SqlStatement,
        work: (rows: readonly SqlRow[], tx: Tx, query: SqlQuery) => Promise<T>,
      ): Promise<T> => sql.transactionWith?.(first, work, bounds) as Promise<T>,
    }),
    ...(sql.atOnce !== undefined && {
      atOnce: (statements: readonly SqlStatement[]) =>
        sql.atOnce?.(statements, bounds) as Promise<readonly (readonly SqlRow[])[]>,
    }),
    ...(sql.session !== undefined && {
      session: <T>(work: (query: SqlQuery) => Promise<T>): Promise<T> =>
        sql.session?.(work, bounds) as Promise<T>,
    }),
    join: (tx) => sql.join(tx),
    ...(sql.listen !== undefined && { listen: sql.listen.bind(sql) }),
    isTransient: (error) => sql.isTransient(error),
  };
}
