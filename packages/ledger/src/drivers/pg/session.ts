import { Failure } from "@outrigger/core";
import { commitUnknown, databaseUnavailable, hasCode, ledgerFailureCodes } from "../../failure.ts";
import {
  type SqlBounds,
  type SqlQuery,
  type SqlRow,
  type SqlStatement,
  StatementFailed,
} from "../../store/sql-port.ts";
import { isTimedOut, property } from "../shared/causes.ts";
import { isLost, isTransient, sqlStateOf } from "../shared/postgres-errors.ts";
import {
  checkOf,
  endedBy,
  endLongSessionText,
  endSessionText,
  stateText,
} from "../shared/transaction-check.ts";
import { transactionEnded, transactionFailed } from "../shared/transaction-failures.ts";
import { within } from "../shared/within.ts";
import { checkOut } from "./check-out.ts";
import { type Ends, endsOf } from "./ends.ts";
import {
  type Answered,
  beginText,
  commitText,
  inOnePacket,
  type PacketFailed,
  type PgResult,
  Unwritable,
} from "./one-packet.ts";
import type { PgClient, PgPool } from "./pool.ts";
import type { PreparedNames } from "./prepared-names.ts";

const numberText = "select txid_current()::text as transaction";

/** One client of the pool, from its check-out to its release. */
export class PgSession<Client extends PgClient> {
  readonly client: Client;
  readonly #pool: PgPool<Client>;
  readonly #names: PreparedNames;
  readonly #bounds: SqlBounds | undefined;
  readonly #ends: Ends | undefined;
  #lost = false;
  /** The transaction's own. */
  #number = "";
  /** Of what the connection has begun and ended, as it was after BEGIN. Undefined where that is not seen. */
  #begunAt: number | undefined;
  /** What ends the session at the server: it was left in the middle of something. */
  #leftBehind: SqlStatement | undefined;

  private constructor(
    pool: PgPool<Client>,
    names: PreparedNames,
    bounds: SqlBounds | undefined,
    client: Client,
  ) {
    this.#pool = pool;
    this.#names = names;
    this.#bounds = bounds;
    this.client = client;
    this.#ends = endsOf(client);
  }

  /** Runs `work` with a client that is given back after it. */
  static async with<Client extends PgClient, T>(
    pool: PgPool<Client>,
    names: PreparedNames,
    bounds: SqlBounds | undefined,
    work: (session: PgSession<Client>) => Promise<T>,
  ): Promise<T> {
    let lost = false;
    let session: PgSession<Client> | undefined;
    const onError = (): void => {
      lost = true;
      if (session !== undefined) session.#lost = true;
    };
    const client = await checkOut(pool, onError, bounds);
    session = new PgSession(pool, names, bounds, client);
    session.#lost = lost;
    try {
      return await work(session);
    } finally {
      client.removeListener("error", onError);
      session.#close();
    }
  }

  readonly query: SqlQuery = async (text, values = []) =>
    (await this.#send(text, values)).rows as readonly SqlRow[];

  /** In a transaction that begins with a statement, if there is one. */
  async transaction<T>(
    first: SqlStatement | undefined,
    work: (rows: readonly SqlRow[], session: PgSession<Client>) => Promise<T>,
  ): Promise<T> {
    const value = await this.#orRollback(async () => work(await this.#begin(first), this));
    await this.#commit();
    return value;
  }

  /** BEGIN, the statements and COMMIT. @returns the rows of each. */
  async atOnce(statements: readonly SqlStatement[]): Promise<readonly (readonly SqlRow[])[]> {
    const all = [{ text: beginText }, ...statements, { text: commitText }];
    const packet = inOnePacket(this.#pool.Client, this.client, { statements: all, names: this.#names });
    if (packet === undefined || this.#ends === undefined) return await this.#oneByOne(statements);
    const countBefore = this.#ends.count;
    let answered: Answered;
    try {
      answered = await this.#answer(packet());
    } catch (error) {
      // Whatever it was that failed, an answer may still come.
      this.#lost = true;
      this.#leaveBehind();
      throw commitUnknown(error);
    }
    if ("error" in answered) return await this.#notAtOnce(answered, statements);
    const results = answered.results.slice(1, -1);
    this.#number = numberIn(results[0]);
    // One of the statements is itself a BEGIN, COMMIT or ROLLBACK.
    if (this.#ends.count !== countBefore + 2) {
      throw new StatementFailed(statements.length, transactionEnded(await this.#state()));
    }
    return results.map(({ rows }) => rows as readonly SqlRow[]);
  }

  async #notAtOnce(
    failed: PacketFailed,
    statements: readonly SqlStatement[],
  ): Promise<readonly (readonly SqlRow[])[]> {
    const { error, completed } = failed;
    if (isLost(error) || !wasUndone(error)) this.#lost = true;
    // Without the server's answer COMMIT may have been carried out.
    if (this.#lost) throw commitUnknown(error);
    if (completed > statements.length) {
      const ended = await endedBy({ error, lost: false, state: async () => undefined });
      this.#lost = true;
      throw hasCode(ended, ledgerFailureCodes.commitUnknown)
        ? ended
        : new StatementFailed(statements.length, ended);
    }
    await this.#rollback();
    if (!this.#lost && this.#names.mayTryAgain(failed)) return await this.atOnce(statements);
    if (completed === 0) throw databaseUnavailable(error);
    throw new StatementFailed(completed - 1, error);
  }

  /** Where the client sends one thing at a time. */
  async #oneByOne(statements: readonly SqlStatement[]): Promise<readonly (readonly SqlRow[])[]> {
    const answers: (readonly SqlRow[])[] = [];
    try {
      return await this.transaction(undefined, async () => {
        for (const { text, values } of statements) answers.push(await this.query(text, values));
        return answers;
      });
    } catch (error) {
      throw isTransient(error) ? error : new StatementFailed(answers.length, error);
    }
  }

  async #begin(first: SqlStatement | undefined): Promise<readonly SqlRow[]> {
    const countBefore = this.#ends?.count ?? 0;
    const packet =
      first === undefined
        ? undefined
        : inOnePacket(this.#pool.Client, this.client, {
            statements: [{ text: beginText }, first],
            names: this.#names,
          });
    const answered =
      packet === undefined
        ? { results: await this.#sendAll(`${beginText}; ${numberText}`) }
        : await this.#answer(packet());
    if ("error" in answered) {
      if (isLost(answered.error)) this.#lost = true;
      if (this.#lost || !this.#names.mayTryAgain(answered)) throw answered.error;
      await this.#rollback();
      return await this.#begin(first);
    }
    const { results } = answered;
    if (this.#ends?.count === countBefore + 1) this.#begunAt = this.#ends.count;
    this.#number = numberIn(results[1]) || numberIn(await this.#send(numberText));
    if (first === undefined || packet !== undefined) return (results[1]?.rows ?? []) as readonly SqlRow[];
    return await this.query(first.text, first.values);
  }

  async #orRollback<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await within(this.#bounds, this.#bounds?.transactionMs, work());
    } catch (error) {
      if (isLost(error)) this.#lost = true;
      // On a connection that is given up the server rolls back by itself.
      if (!this.#lost) await this.#rollback();
      // Before COMMIT was sent, a lost connection is a certain rollback.
      if (isTimedOut(error)) {
        this.#leaveBehind();
        throw databaseUnavailable(error);
      }
      throw this.#lost && !isTransient(error) ? databaseUnavailable(error) : error;
    }
  }

  async #commit(): Promise<void> {
    const ends = this.#ends;
    // Whether it still is the one that was begun, the server is asked only where that cannot be seen from here.
    const seenWhole = ends !== undefined && ends.count === this.#begunAt;
    // Somebody's statement that nobody waited for was answered before this one.
    const wasEnded = (): boolean => seenWhole && ends.count > (this.#begunAt ?? 0) + 1;
    let results: readonly PgResult[];
    try {
      results = await this.#sendAll(seenWhole ? commitText : `${checkOf(this.#number)}; ${commitText}`);
    } catch (error) {
      if (!this.#lost && wasEnded()) throw transactionEnded(await this.#state());
      const ended = await endedBy({ error, lost: this.#lost, state: () => this.#state() });
      this.#lost = true;
      if (ended !== undefined) throw ended;
      return;
    }
    if (wasEnded()) throw transactionEnded(await this.#state());
    // PostgreSQL answers COMMIT of a failed transaction with a plain ROLLBACK, without an error.
    if (results.at(-1)?.command !== "COMMIT") throw transactionFailed();
  }

  async #rollback(): Promise<void> {
    await this.#send("rollback").catch(() => {
      this.#lost = true;
    });
  }

  /** What has become of the transaction. */
  async #state(): Promise<unknown> {
    if (this.#number === "") return undefined;
    try {
      return (await this.query(stateText, [this.#number]))[0]?.["state"];
    } catch {
      return undefined;
    }
  }

  #send(text: string, values?: readonly unknown[]): Promise<PgResult> {
    return this.#answer(answered(this.client, text, values && [...values]));
  }

  /** Several statements in one message; pg answers with a list of results. */
  async #sendAll(text: string): Promise<readonly PgResult[]> {
    const results: PgResult | readonly PgResult[] = await this.#send(text);
    return Array.isArray(results) ? results : [results as PgResult];
  }

  async #answer<R>(sent: Promise<R>): Promise<R> {
    try {
      return await within(this.#bounds, this.#bounds?.statementMs, sent);
    } catch (error) {
      // It may still come, and would be taken for that of the next statement.
      if (isLost(error)) this.#lost = true;
      throw error;
    }
  }

  /** The server notices only when it answers that nobody is there any more; until then it keeps its locks. */
  #leaveBehind(): void {
    if (this.#number !== "") this.#leftBehind = { text: endSessionText, values: [this.#number] };
    else this.#leftBehind = this.#longSession();
  }

  #longSession(): SqlStatement | undefined {
    const pid = property(this.client, "processID");
    if (typeof pid !== "number" || this.#bounds === undefined) return undefined;
    return { text: endLongSessionText, values: [pid, this.#bounds.statementMs / 2] };
  }

  #close(): void {
    this.client.release(this.#lost);
    const { text, values } = this.#leftBehind ?? {};
    if (text === undefined) return;
    PgSession.with(this.#pool, this.#names, this.#bounds, (session) => session.query(text, values)).catch(
      () => {},
    );
  }
}

/** Whether the server has refused a statement, or it was never sent: a FATAL may also be a pooler's, who knows nothing. */
function wasUndone(error: unknown): boolean {
  if (error instanceof Unwritable || (Failure.is(error) && error.effect === "none")) return true;
  return sqlStateOf(error) !== undefined && !["FATAL", "PANIC"].includes(String(property(error, "severity")));
}

function numberIn(result: PgResult | undefined): string {
  return String(property(result?.rows[0], "transaction") ?? "");
}

/**
 * With a callback: what `pg`'s own promise brings stays reachable from objects of earlier statements until all memory is
 * collected, so that of a million rows, read page after page, the most survived. A client that answers with a promise all
 * the same, as one that somebody has wrapped may do, is heard too.
 */
function answered(client: PgClient, text: string, values: unknown[] | undefined): Promise<PgResult> {
  return new Promise((resolve, reject) => {
    const sent = (client as unknown as PgCallbackClient).query(text, values, (error, result) =>
      error === null || error === undefined ? resolve(result) : reject(error),
    );
    if (typeof property(sent, "then") === "function") (sent as PromiseLike<PgResult>).then(resolve, reject);
  });
}

interface PgCallbackClient {
  query(
    text: string,
    values: unknown[] | undefined,
    callback: (error: unknown, result: PgResult) => void,
  ): unknown;
}
