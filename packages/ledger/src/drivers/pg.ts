import { databaseUnavailable, statementTimedOut } from "../failure.ts";
import type { SqlBounds, SqlPort, SqlQuery, SqlRow, SqlStatement } from "../store/sql-port.ts";
import { beginningWith, beginText, type PgResult } from "./pg/beginning-with.ts";
import { endsOf } from "./pg/ends.ts";
import { isTimedOut, property } from "./shared/causes.ts";
import { failedTransaction, isLost, isTransient, sqlStateOf } from "./shared/postgres-errors.ts";
import { checkOf, endedBy, endSessionText, stateText } from "./shared/transaction-check.ts";
import { transactionEnded, transactionFailed } from "./shared/transaction-failures.ts";
import { within } from "./shared/within.ts";

/** The part of `pg`'s client that the ledger uses. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<PgResult>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  release(destroy?: boolean): void;
  /** "T" inside a transaction, "E" inside a failed one, "I" outside. From pg 8.16 on. */
  getTransactionStatus?(): string | null;
}

/** A connection of its own, as the pool's class makes it. */
export interface PgOwnClient {
  connect(): Promise<unknown>;
  query(text: string): Promise<unknown>;
  end(): Promise<void>;
  on(event: "error" | "end" | "notification", listener: (value: never) => void): unknown;
}

/** The part of `pg`'s pool that the ledger uses. */
export interface PgPool<Client extends PgClient> {
  connect(callback: (error: Error | undefined, client: Client | undefined) => void): void;
  /** What the pool makes its connections with. Without it work of other processes is noticed by polling only. */
  readonly Client?: new (
    options: never,
  ) => PgOwnClient;
  readonly options?: unknown;
}

/** What the user's functions see of a client, when they do not name their own type. */
export interface PgTx extends PgClient {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: Row[]; readonly rowCount: number | null; readonly command: string }>;
}

/**
 * Connects the ledger to a `Pool` of the package `pg`. User functions get the pool's client as their `tx`.
 */
export function fromPgPool<Client extends PgClient = PgTx>(pool: PgPool<Client>): SqlPort<Client> {
  const { Client: OwnClient, options } = pool;
  return {
    dialect: "postgres",
    query: (text, values, bounds) => withClient(pool, bounds, (session) => session.query(text, values)),
    transaction: (work, bounds) =>
      withClient(pool, bounds, async (session) => {
        const value = await session.orRollback(async () => {
          await session.begin();
          return await work(session.client, session.query);
        });
        await session.commit();
        return value;
      }),
    transactionWith: (first, work, bounds) =>
      withClient(pool, bounds, async (session) => {
        const value = await session.orRollback(async () =>
          work(await session.begin(first), session.client, session.query),
        );
        await session.commit();
        return value;
      }),
    join: joined,
    ...(OwnClient !== undefined && {
      listen: (channel: string, heard: () => void, lost: (error: unknown) => void) =>
        listenOn(new OwnClient(options as never), channel, heard, lost),
    }),
    isTransient,
  };
}

function joined(tx: PgClient): SqlQuery {
  const status: unknown = property(tx, "getTransactionStatus");
  if (typeof property(tx, "query") !== "function" || typeof property(tx, "totalCount") === "number") {
    throw new TypeError(
      "tx must be the client on which your transaction runs (const client = await pool.connect()); a pool sends " +
        "each statement on another connection",
    );
  }
  if (typeof status === "function") {
    const now: unknown = status.call(tx);
    if (now === "E") throw transactionFailed();
    if (now !== "T") {
      throw new TypeError('tx must be in a transaction: send "begin" on it first, or leave tx out');
    }
  }
  return async (text, values = []) => {
    try {
      return (await tx.query(text, [...values])).rows as readonly SqlRow[];
    } catch (error) {
      // The client learns of it a moment later than of the error that it comes from.
      throw sqlStateOf(error) === failedTransaction ? transactionFailed(error) : error;
    }
  };
}

/** A connection of its own, because one of the pool's would be missing there. */
async function listenOn(
  client: PgOwnClient,
  channel: string,
  heard: () => void,
  lost: (error: unknown) => void,
): Promise<() => Promise<void>> {
  let over = false;
  const onLost = (error: unknown): void => {
    if (over) return;
    over = true;
    // It may be half open; its end is not waited for.
    client.end().catch(() => {});
    lost(error);
  };
  client.on("error", onLost);
  client.on("end", () => onLost(new Error("the connection that listened has ended")));
  client.on("notification", heard);
  try {
    await client.connect();
    await client.query(`listen ${channel}`);
  } catch (error) {
    over = true;
    client.end().catch(() => {});
    throw error;
  }
  return async () => {
    over = true;
    await client.end();
  };
}

interface Session<Client> {
  readonly client: Client;
  readonly query: SqlQuery;
  /** @returns the rows of the first statement. */
  begin(first?: SqlStatement): Promise<readonly SqlRow[]>;
  orRollback<T>(work: () => Promise<T>): Promise<T>;
  commit(): Promise<void>;
}

async function withClient<Client extends PgClient, T>(
  pool: PgPool<Client>,
  bounds: SqlBounds | undefined,
  work: (session: Session<Client>) => Promise<T>,
): Promise<T> {
  let lost = false;
  /** Of the transaction that was given up before its COMMIT. */
  let leftBehind: string | undefined;
  let number = "";
  /** Of what the connection has begun and ended, as it was after BEGIN. Undefined where that is not seen. */
  let begunAt: number | undefined;
  const onError = (): void => {
    lost = true;
  };
  const client = await checkOut(pool, onError, bounds);
  const ends = endsOf(client);
  const answer = async <R>(sent: Promise<R>): Promise<R> => {
    try {
      return await within(bounds, bounds?.statementMs, sent);
    } catch (error) {
      // It may still come, and would be taken for that of the next statement.
      if (isLost(error)) lost = true;
      throw error;
    }
  };
  const send = (text: string, values?: readonly unknown[]): Promise<PgResult> =>
    answer(answered(client, text, values && [...values]));
  const query: SqlQuery = async (text, values = []) => (await send(text, values)).rows as readonly SqlRow[];
  try {
    return await work({
      client,
      query,
      async begin(first) {
        const countBefore = ends?.count ?? 0;
        const together = first === undefined ? undefined : beginningWith(pool.Client, client, first);
        const results =
          together === undefined
            ? await sendAll(send, `${beginText}; ${numberText}`)
            : await answer(together());
        if (ends?.count === countBefore + 1) begunAt = ends.count;
        const rows = (results[1]?.rows ?? []) as readonly SqlRow[];
        number = String(rows[0]?.["transaction"] ?? (await query(numberText))[0]?.["transaction"]);
        if (first === undefined || together !== undefined) return rows;
        return await query(first.text, first.values);
      },
      async orRollback(inner) {
        try {
          return await within(bounds, bounds?.transactionMs, inner());
        } catch (error) {
          if (isLost(error)) lost = true;
          // On a connection that is given up the server rolls back by itself.
          if (!lost) await send("rollback").catch(onError);
          // Before COMMIT was sent, a lost connection is a certain rollback.
          if (isTimedOut(error)) {
            leftBehind = number;
            throw databaseUnavailable(error);
          }
          throw lost && !isTransient(error) ? databaseUnavailable(error) : error;
        }
      },
      async commit() {
        // Whether it still is the one that was begun, the server is asked only where that cannot be seen from here.
        const seenWhole = ends !== undefined && ends.count === begunAt;
        // Somebody's statement that nobody waited for was answered before this one.
        const wasEnded = (): boolean => seenWhole && ends.count > (begunAt ?? 0) + 1;
        let results: readonly PgResult[];
        try {
          results = await sendAll(send, seenWhole ? "commit" : `${checkOf(number)}; commit`);
        } catch (error) {
          if (!lost && wasEnded()) throw transactionEnded(await stateOf(query, number));
          const ended = await endedBy({ error, lost, state: () => stateOf(query, number) });
          lost = true;
          if (ended !== undefined) throw ended;
          return;
        }
        if (wasEnded()) throw transactionEnded(await stateOf(query, number));
        // PostgreSQL answers COMMIT of a failed transaction with a plain ROLLBACK, without an error.
        if (results.at(-1)?.command !== "COMMIT") throw transactionFailed();
      },
    });
  } finally {
    client.removeListener("error", onError);
    client.release(lost);
    if (leftBehind !== undefined && leftBehind !== "") {
      withClient(pool, bounds, (session) => session.query(endSessionText, [leftBehind])).catch(() => {});
    }
  }
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

/** Several statements in one message; pg answers with a list of results. */
async function sendAll(
  send: (text: string) => Promise<PgResult | readonly PgResult[]>,
  text: string,
): Promise<readonly PgResult[]> {
  const results = await send(text);
  return Array.isArray(results) ? results : [results as PgResult];
}

const numberText = "select txid_current()::text as transaction";

async function stateOf(query: SqlQuery, transaction: string): Promise<unknown> {
  try {
    return (await query(stateText, [transaction]))[0]?.["state"];
  } catch {
    return undefined;
  }
}

/**
 * Takes a client, and listens to its errors until it is given back: pg-pool listens to idle clients only, and
 * the error of a connection that breaks between two statements would end the process. In the callback, because
 * a server that goes down can put its farewell into the packet that completes the connection, and a promise
 * would be too late for it.
 */
export function checkOut<Client extends PgClient>(
  pool: PgPool<Client>,
  onError: () => void,
  bounds: SqlBounds | undefined,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    let left = false;
    const timer = bounds?.clock.setTimer(bounds.statementMs, () => {
      left = true;
      reject(databaseUnavailable(statementTimedOut(bounds.statementMs)));
    });
    pool.connect((error, client) => {
      timer?.cancel();
      if (client === undefined) reject(databaseUnavailable(error));
      else if (left) client.release();
      else {
        client.on("error", onError);
        resolve(client);
      }
    });
  });
}
