import type { DatabaseSync } from "node:sqlite";
import { commitUnknown, databaseUnavailable } from "../../failure.ts";
import type { SqlBounds, SqlQuery } from "../../store/sql-port.ts";
import { isTimedOut } from "../shared/causes.ts";
import { transactionEnded } from "../shared/transaction-failures.ts";
import { within } from "../shared/within.ts";
import type { Connection, Opened } from "./connection.ts";
import { isBusy } from "./errors.ts";
import { Turns } from "./turns.ts";
import { whenFree } from "./when-free.ts";

/** The port's only way to write: one transaction at a time, on one connection. */
export class Writer {
  readonly #open: () => Opened;
  readonly #turns = new Turns();
  #opened: Opened | undefined;
  #closed = false;
  /** Whether a commit failed of which a crash might yet find the whole in the log. */
  #inDoubt = false;

  /** @param open - Called at once, and again after a connection had to be given up. */
  constructor(open: () => Opened) {
    this.#open = open;
    this.#opened = open();
  }

  /** What is under way is rolled back. */
  close(): void {
    this.#closed = true;
    this.#giveUp();
  }

  async transaction<T>(
    work: (tx: DatabaseSync, query: SqlQuery) => Promise<T>,
    bounds: SqlBounds,
  ): Promise<T> {
    const end = await this.#turns.take(bounds);
    try {
      return await this.#inTransaction(work, bounds);
    } finally {
      end();
    }
  }

  async #inTransaction<T>(
    work: (tx: DatabaseSync, query: SqlQuery) => Promise<T>,
    bounds: SqlBounds,
  ): Promise<T> {
    const opened = await this.#begin(bounds);
    const { connection, watch } = opened;
    let value: T;
    try {
      const query: SqlQuery = async (text, values) => {
        watch.beforeStatement(text);
        return connection.send(text, values);
      };
      value = await within(bounds, bounds.transactionMs, work(connection.db, query));
    } catch (error) {
      throw this.#rolledBack(connection, error);
    }
    this.#commit(opened);
    return value;
  }

  async #begin(bounds: SqlBounds): Promise<Opened> {
    try {
      return await whenFree(bounds, () => {
        if (this.#closed) throw new Error("the port to SQLite is closed");
        this.#opened ??= this.#open();
        if (this.#inDoubt) this.#overwriteLast(this.#opened.connection);
        this.#opened.watch.begin();
        return this.#opened;
      });
    } catch (error) {
      throw databaseUnavailable(error);
    }
  }

  /** @returns what the caller is told. */
  #rolledBack(connection: Connection, error: unknown): unknown {
    // The function may still be running; on a closed connection it gets no further.
    if (isTimedOut(error) || !connection.db.isOpen) this.#giveUp();
    if (!connection.db.isOpen) return databaseUnavailable(error);
    this.#rollBack(connection);
    return error;
  }

  #commit({ connection, watch }: Opened): void {
    if (!connection.db.isOpen) {
      this.#giveUp();
      throw databaseUnavailable(new Error("the connection to SQLite was closed"));
    }
    if (!watch.isWhole()) {
      this.#rollBack(connection);
      throw transactionEnded(undefined);
    }
    try {
      connection.send("commit");
    } catch (error) {
      // Still open: a constraint that only the commit checks. SQLite has decided, and nothing is written.
      if (connection.db.isTransaction) {
        this.#rollBack(connection);
        throw isBusy(error) ? databaseUnavailable(error) : error;
      }
      throw this.#afterFailedCommit(connection, error);
    }
  }

  /**
   * The disk failed while the log was written or made durable. To every reader the transaction is rolled back; but its
   * pages may be whole in the log, and would count after a crash, until the next commit writes over them. So one is made.
   */
  #afterFailedCommit(connection: Connection, error: unknown): unknown {
    this.#inDoubt = true;
    try {
      this.#overwriteLast(connection);
      return databaseUnavailable(error);
    } catch {
      return commitUnknown(error);
    }
  }

  #overwriteLast(connection: Connection): void {
    connection.send("begin immediate");
    try {
      const [row] = connection.send("pragma user_version");
      // The same number again: it changes nothing, and is written all the same.
      connection.db.exec(`pragma user_version = ${Number(row?.["user_version"])}`);
      connection.send("commit");
      this.#inDoubt = false;
    } catch (error) {
      this.#rollBack(connection);
      throw error;
    }
  }

  #rollBack(connection: Connection): void {
    try {
      if (connection.db.isTransaction) connection.send("rollback");
    } catch {
      this.#giveUp();
    }
  }

  #giveUp(): void {
    const db = this.#opened?.connection.db;
    this.#opened = undefined;
    if (db?.isOpen === true) db.close();
  }
}
