import type { SqlBounds, SqlPort, SqlQuery, SqlRow } from "../../store/sql-port.ts";
import { isTransientBy, property, someCause } from "./causes.ts";
import { LibraryTransaction } from "./library-transaction.ts";
import { parameter, statement } from "./parameters.ts";
import {
  answered,
  databaseErrorOf,
  failedTransaction,
  isTransientItself,
  noTransaction,
  sqlStateOf,
} from "./postgres-errors.ts";
import { transactionFailed } from "./transaction-failures.ts";
import { within } from "./within.ts";

/** What a library on PostgreSQL must be able to do, so that the ledger can share its pool and its transactions. */
export interface Library<Tx> {
  /** What a user has to give as `tx`, for messages. */
  readonly meant: string;
  /** One statement outside of any transaction. */
  query(text: string, values: readonly unknown[], bounds?: SqlBounds): Promise<readonly SqlRow[]>;
  /** `work` in a READ COMMITTED transaction of the library's own, which it rolls back when `work` rejects. */
  transaction(work: (tx: Tx) => Promise<void>, bounds?: SqlBounds): Promise<unknown>;
  /** One statement in that transaction. */
  send(tx: Tx, text: string, values: readonly unknown[]): Promise<readonly SqlRow[]>;
  /**
   * Several statements without values in one message. Absent where the library runs functions of its user between the
   * end of `work` and its COMMIT: their writes belong to the transaction too, so it must not be ended before them.
   */
  script?(tx: Tx, text: string): Promise<unknown>;
  /** What the library does before its COMMIT, and is to be over when the transaction is looked at. */
  beforeCommit?(tx: Tx): Promise<unknown>;
  /** Ends the connection on which it runs. Absent where the library gives no hold on it. */
  close?(tx: Tx): void;
  /** Whether it is one of this library's transactions, and not over as far as can be seen without asking. */
  isTransaction(tx: unknown): boolean;
  /** Whether this error, without its causes, says that the connection is gone, in the library's own words. */
  isLost?(each: unknown): boolean;
  /** Whether another try may mend it, in the library's own words. */
  isTransient?(each: unknown): boolean;
  listen?: NonNullable<SqlPort<Tx>["listen"]>;
}

/** The common part of every adapter: what is told of a transaction's end, bounds, joining, and errors. */
export function portOf<Tx>(library: Library<Tx>): SqlPort<Tx> {
  const isTransient = (error: unknown): boolean =>
    isTransientBy(
      error,
      (each) =>
        isTransientItself(each) || library.isLost?.(each) === true || library.isTransient?.(each) === true,
    );
  const query: SqlPort<Tx>["query"] = (text, values = [], bounds) =>
    within(
      bounds,
      bounds?.statementMs,
      answered(() => library.query(statement(text, values), values.map(parameter), bounds)),
    );
  return {
    dialect: "postgres",
    query,
    transaction: <T>(work: (tx: Tx, query: SqlQuery) => Promise<T>, bounds?: SqlBounds): Promise<T> =>
      new LibraryTransaction<Tx, T>(library, { query, isTransient }, bounds).run(work),
    join: (tx) => joined(library, tx),
    ...(library.listen !== undefined && { listen: library.listen }),
    isTransient,
  };
}

function joined<Tx>(library: Library<Tx>, tx: Tx): SqlQuery {
  if (!library.isTransaction(tx)) throw noOpenTransaction(library);
  let open: Promise<void> | undefined;
  return async (text, values = []) => {
    open ??= assertOpen(library, tx);
    await open;
    try {
      return await answered(() => library.send(tx, statement(text, values), values.map(parameter)));
    } catch (error) {
      throw sqlStateOf(error) === failedTransaction ? transactionFailed(error) : error;
    }
  };
}

/**
 * Asks for a savepoint, which only an open transaction has: most libraries send statements of a transaction that is over
 * on whatever connection it had.
 */
async function assertOpen<Tx>(library: Library<Tx>, tx: Tx): Promise<void> {
  if (library.script === undefined) return;
  try {
    await library.script(tx, "savepoint outrigger_joined; release savepoint outrigger_joined");
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === failedTransaction) throw transactionFailed(error);
    if (state === noTransaction) throw noOpenTransaction(library, error);
    // Where the database did not speak, and is not away, the library itself has said no.
    const away = someCause(error, (each) => isTransientItself(each) || library.isLost?.(each) === true);
    throw state === undefined && !away ? noOpenTransaction(library, error) : databaseErrorOf(error);
  }
}

function noOpenTransaction<Tx>(library: Library<Tx>, cause?: unknown): TypeError {
  return new TypeError(
    `tx must be ${library.meant}, while it is open; anything else sends each statement on another connection`,
    cause === undefined ? undefined : { cause },
  );
}

/** Whether it has functions of these names. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof property(value, name) === "function");
}
