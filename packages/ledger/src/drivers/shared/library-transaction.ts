import { commitUnknown, databaseUnavailable } from "../../failure.ts";
import type { SqlBounds, SqlPort, SqlQuery } from "../../store/sql-port.ts";
import { isTimedOut, someCause } from "./causes.ts";
import type { Library } from "./library.ts";
import { parameter, statement } from "./parameters.ts";
import { Patience } from "./patience.ts";
import { answered, isLost } from "./postgres-errors.ts";
import { checkOf, endedBy, endSessionText, stateText } from "./transaction-check.ts";
import { transactionEnded, transactionFailed } from "./transaction-failures.ts";
import { within } from "./within.ts";

type Stage = "begin" | "work" | "ended" | "check" | "commit" | "committed";
type Work<Tx, T> = (tx: Tx, query: SqlQuery) => Promise<T>;

/**
 * One transaction of the ledger, run by a library. Libraries tell little of how a COMMIT went, and replace errors by their
 * own, so what happened is written down here while it happens.
 */
export class LibraryTransaction<Tx, T> {
  readonly #library: Library<Tx>;
  readonly #port: Pick<SqlPort<Tx>, "query" | "isTransient">;
  readonly #bounds: SqlBounds | undefined;
  readonly #patience: Patience;
  #stage: Stage = "begin";
  /** Set once its caller has been answered: what is still under way in it gets no further. */
  #left = false;
  #tx: { readonly tx: Tx } | undefined;
  /** The transaction's, once the database has told it. */
  #number: string | undefined;
  #thrown: { readonly error: unknown } | undefined;
  #value: { readonly value: T } | undefined;

  constructor(
    library: Library<Tx>,
    port: Pick<SqlPort<Tx>, "query" | "isTransient">,
    bounds: SqlBounds | undefined,
  ) {
    this.#library = library;
    this.#port = port;
    this.#bounds = bounds;
    this.#patience = new Patience(bounds);
  }

  async run(work: Work<Tx, T>): Promise<T> {
    this.#patience.next(this.#bounds?.statementMs);
    try {
      await this.#patience.orOver(this.#library.transaction((tx) => this.#inside(tx, work), this.#bounds));
    } catch (error) {
      this.#left = true;
      return await this.#failed(error);
    } finally {
      this.#left = true;
      this.#patience.end();
    }
    return await this.#succeeded();
  }

  async #inside(tx: Tx, work: Work<Tx, T>): Promise<void> {
    try {
      this.#assertStaying();
      this.#tx = { tx };
      const [row] = await this.#library.send(tx, this.#startText(), []);
      this.#number = String(row?.["number"]);
      this.#assertStaying();
      await this.#work(tx, work);
      this.#assertStaying();
      await this.#commit(tx, this.#number);
    } catch (error) {
      this.#thrown ??= { error };
      throw error;
    }
  }

  async #work(tx: Tx, work: Work<Tx, T>): Promise<void> {
    this.#stage = "work";
    this.#patience.next(this.#bounds?.transactionMs);
    try {
      const value = await this.#patience.orOver(work(tx, (text, values) => this.#query(tx, text, values)));
      await this.#patience.orOver(Promise.resolve(this.#library.beforeCommit?.(tx)));
      this.#value = { value };
    } catch (error) {
      this.#patience.next(this.#bounds?.statementMs);
      this.#thrown = { error: await this.#asItWas(tx, error) };
      throw error;
    }
  }

  /**
   * Where the library runs nothing of its user's before its COMMIT, the check and COMMIT travel together, and no statement
   * that somebody forgot to wait for comes between them. What the library then commits is an empty transaction.
   */
  async #commit(tx: Tx, number: string): Promise<void> {
    const { script } = this.#library;
    this.#patience.next(this.#bounds?.statementMs);
    if (!this.#library.isTransaction(tx)) {
      this.#stage = "ended";
      throw new Error("the transaction is not open any more");
    }
    this.#stage = "check";
    if (script === undefined) {
      await this.#library.send(tx, checkOf(number), []);
      // From here on the library may send COMMIT.
      this.#assertStaying();
      this.#stage = "commit";
    } else {
      this.#stage = "commit";
      await script(tx, `${checkOf(number)}; commit; begin`);
      this.#stage = "committed";
    }
    this.#patience.next(this.#bounds?.statementMs);
  }

  async #query(tx: Tx, text: string, values: readonly unknown[] = []): ReturnType<SqlQuery> {
    const sent = answered(() => this.#library.send(tx, statement(text, values), values.map(parameter)));
    try {
      return await within(this.#bounds, this.#bounds?.statementMs, sent);
    } catch (error) {
      // Its answer may still come, and would be taken for that of the next statement.
      if (isTimedOut(error)) this.#close();
      throw error;
    }
  }

  /** The error that a caller gets for one of `work`. */
  async #asItWas(tx: Tx, error: unknown): Promise<unknown> {
    if (isTimedOut(error)) {
      this.#patience.giveUp(error);
      return databaseUnavailable(error);
    }
    if (this.#port.isTransient(error)) return error;
    // A function may have caught the loss of its connection, and thrown something of its own.
    try {
      await this.#patience.orOver(this.#library.send(tx, "select 1", []));
    } catch (second) {
      if (this.#isLost(second)) return databaseUnavailable(error);
    }
    return error;
  }

  async #failed(error: unknown): Promise<T> {
    const { isOver } = this.#patience;
    if (isOver) this.#close();
    const thrown = this.#thrown === undefined ? error : this.#thrown.error;
    switch (this.#stage) {
      case "begin":
        // A mistake in how the library is set up is none of the database's.
        throw thrown instanceof TypeError ? thrown : databaseUnavailable(thrown);
      case "work":
        throw isOver && this.#thrown === undefined ? databaseUnavailable(error) : thrown;
      case "ended":
        throw transactionEnded(await this.#state());
      case "check":
        // COMMIT was not sent.
        if (this.#isLost(thrown)) throw databaseUnavailable(thrown);
        break;
      case "commit":
        break;
      case "committed":
        return this.#result();
    }
    const ended = await endedBy({
      error: isOver ? error : thrown,
      lost: isOver || this.#isLost(thrown),
      state: () => this.#state(),
    });
    if (ended !== undefined) throw ended;
    return this.#result();
  }

  async #succeeded(): Promise<T> {
    if (this.#stage === "committed") return this.#result();
    const state = await this.#state();
    // A library that says so by itself was told to by the user's function.
    if (this.#stage !== "commit") throw transactionEnded(state);
    if (state === "committed") return this.#result();
    // PostgreSQL answers COMMIT of a failed transaction with a plain ROLLBACK, without an error.
    if (state === "aborted") throw transactionFailed();
    throw commitUnknown(new Error("the database could not be asked what became of the transaction"));
  }

  #result(): T {
    if (this.#value === undefined) throw new Error("a transaction was committed before its work was done");
    return this.#value.value;
  }

  /** What the database says became of it, asked on another connection. */
  async #state(): Promise<unknown> {
    try {
      const [row] = await this.#port.query(stateText, [this.#number], this.#bounds);
      return row?.["state"];
    } catch {
      return undefined;
    }
  }

  #isLost(error: unknown): boolean {
    return isLost(error) || someCause(error, (each) => this.#library.isLost?.(each) === true);
  }

  /**
   * Numbers the transaction. Where the library gives no hold on the connection, the server is told to give up as well, a
   * while after the ledger, for when it can no longer be told; a bound that the user has set stays.
   */
  #startText(): string {
    const number = "select txid_current()::text as number";
    if (this.#bounds === undefined || this.#library.close !== undefined) return number;
    const ms = Math.ceil(this.#bounds.transactionMs + this.#bounds.statementMs);
    const bound = `case current_setting('statement_timeout') when '0' then '${ms}ms'
      else current_setting('statement_timeout') end`;
    return `${number}, set_config('statement_timeout', ${bound}, true)`;
  }

  /** Nothing that still runs on the connection may be taken for the next user's. */
  #close(): void {
    if (this.#tx === undefined) return;
    this.#library.close?.(this.#tx.tx);
    // A COMMIT may be waiting for a standby, and is not to be cut short.
    if (this.#number === undefined || this.#stage === "commit") return;
    this.#port.query(endSessionText, [this.#number], this.#bounds).catch(() => {});
  }

  #assertStaying(): void {
    if (this.#left || this.#patience.isOver) throw new Error("the ledger has given this transaction up");
  }
}
