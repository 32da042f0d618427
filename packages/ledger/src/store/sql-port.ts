/** Sends one statement. Values travel as parameters, never inside the text. */
export type SqlQuery = (text: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>;
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * What the ledger needs of a database driver. `Tx` is what the user's own functions get to work with.
 *
 * Nothing of the ledger holds a connection while it calls a provider, so a port may be as small as one
 * connection.
 */
export interface SqlPort<Tx> {
  /** What the statements are written in. */
  readonly dialect: "postgres";
  /** Runs one statement, committed when it returns. */
  readonly query: SqlQuery;
  /**
   * Runs `work` in one READ COMMITTED transaction, and resolves when its commit is known.
   *
   * @throws Failure `COMMIT_UNKNOWN` with `effect: "unknown"` when the answer to COMMIT did
   * not arrive. Whatever else is thrown has been rolled back; an error of `work` comes through as it is.
   */
  transaction<T>(work: (tx: Tx, query: SqlQuery) => Promise<T>): Promise<T>;
  /** Whether the same statements may succeed when they are tried again: lost connections, deadlocks, overload. */
  isTransient(error: unknown): boolean;
}
