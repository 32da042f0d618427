import { Failure } from "@outrigger/core";
import { commitUnknown, databaseUnavailable, ledgerFailureCodes } from "../failure.ts";
import { errorNumberOf, isLost, isTransient } from "../store/mariadb/errors.ts";
import type { SqlBounds, SqlPort, SqlQuery, SqlRow } from "../store/sql-port.ts";
import { isTimedOut, property, someCause } from "./shared/causes.ts";
import { withQuestionMarks } from "./shared/question-marks.ts";
import { transactionEnded } from "./shared/transaction-failures.ts";
import { within } from "./shared/within.ts";

/** What one statement is sent with. */
export interface Mysql2Statement {
  readonly sql: string;
  readonly rowsAsArray: boolean;
  readonly nestTables: false;
  readonly namedPlaceholders: boolean;
  readonly typeCast: (field: unknown, next: () => unknown) => unknown;
}

/** The part of a connection of `mysql2/promise` that the ledger uses. */
export interface Mysql2Connection {
  query(statement: Mysql2Statement): Promise<[unknown, unknown]>;
  execute(statement: Mysql2Statement, values: never): Promise<[unknown, unknown]>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  release(): void;
  destroy(): void;
}

/** The part of a pool of `mysql2/promise` that the ledger uses. */
export interface Mysql2Pool<Connection extends Mysql2Connection> {
  getConnection(): Promise<Connection>;
}

/**
 * Connects the ledger to a pool of `mysql2/promise`, on MariaDB or MySQL. User functions get the pool's connection as
 * their `tx`.
 *
 * @throws TypeError for a pool of the callback interface.
 */
export function fromMysql2Pool<Connection extends Mysql2Connection>(
  pool: Mysql2Pool<Connection>,
): SqlPort<Connection> {
  if (typeof property(pool, "promise") === "function") {
    throw new TypeError('the pool must be one of "mysql2/promise": give pool.promise()');
  }
  return {
    dialect: "mariadb",
    query: (text, values, bounds) =>
      unlessDeadlocked(() => withConnection(pool, bounds, (session) => session.query(text, values))),
    session: (work, bounds) => withConnection(pool, bounds, (session) => work(session.query)),
    transaction: (work, bounds) =>
      unlessDeadlocked(() =>
        withConnection(pool, bounds, async (session) => {
          await session.begin();
          const value = await session.orRollback(() => work(session.connection, session.query));
          await session.commit();
          return value;
        }),
      ),
    join: joined,
    isTransient,
  };
}

/** How often a deadlock is met before it is somebody's: each time one of those who wait for each other gets through. */
const deadlockTries = 10;

/**
 * InnoDB answers a deadlock by rolling one of the transactions back as a whole, also where two of them only wait for a key
 * to become free, and expects that to be run again. Nothing of it stands, so that is done here.
 */
async function unlessDeadlocked<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (tries >= deadlockTries || !someCause(error, (each) => errorNumberOf(each) === deadlock))
        throw error;
    }
  }
}

interface Session<Connection> {
  readonly connection: Connection;
  readonly query: SqlQuery;
  begin(): Promise<void>;
  orRollback<T>(work: () => Promise<T>): Promise<T>;
  commit(): Promise<void>;
}

/**
 * Set right after BEGIN, and released right before COMMIT: that fails unless the session is still in the same
 * transaction. A user's function may have ended it, by itself or by a statement that commits, and have begun another.
 */
const mark = "outrigger_transaction";
/** There is no such savepoint. */
const noSavepoint = 1305;
/** SET TRANSACTION was sent inside of one. */
const insideTransaction = 1568;
/** After this answer the server has rolled back, also when it is COMMIT's: Galera says so of a conflict. */
const deadlock = 1213;

async function withConnection<Connection extends Mysql2Connection, T>(
  pool: Mysql2Pool<Connection>,
  bounds: SqlBounds | undefined,
  work: (session: Session<Connection>) => Promise<T>,
): Promise<T> {
  let lost = false;
  const onError = (): void => {
    lost = true;
  };
  const connection = await checkOut(pool, bounds);
  connection.on("error", onError);
  const bounded = async <R>(sent: Promise<R>): Promise<R> => {
    try {
      return await within(bounds, bounds?.statementMs, sent);
    } catch (error) {
      // Its answer may still come, and would be taken for that of the next statement.
      if (isLost(error)) lost = true;
      throw error;
    }
  };
  const query: SqlQuery = (text, values) => bounded(send(connection, text, values));
  try {
    await bounded(assertFit(connection));
    return await work({
      connection,
      query,
      async begin() {
        try {
          await query("set transaction isolation level read committed");
          await query("start transaction");
          await query(`savepoint ${mark}`);
        } catch (error) {
          lost = true;
          // Somebody gave it back in the middle of a transaction; the server rolls that back when it is closed.
          throw errorNumberOf(error) === insideTransaction ? databaseUnavailable(error) : error;
        }
      },
      async orRollback(inner) {
        try {
          return await within(bounds, bounds?.transactionMs, inner());
        } catch (error) {
          if (isLost(error)) lost = true;
          // On a connection that is given up the server rolls back by itself.
          if (!lost) await query("rollback").catch(onError);
          // Before COMMIT was sent, a lost connection is a certain rollback.
          if (isTimedOut(error)) throw databaseUnavailable(error);
          throw lost && !isTransient(error) ? databaseUnavailable(error) : error;
        }
      },
      async commit() {
        try {
          await query(`release savepoint ${mark}`);
        } catch (error) {
          lost = true;
          throw errorNumberOf(error) === noSavepoint
            ? transactionEnded(undefined)
            : databaseUnavailable(error);
        }
        try {
          await query("commit");
        } catch (error) {
          lost = true;
          throw errorNumberOf(error) === deadlock ? error : commitUnknown(error);
        }
      },
    });
  } finally {
    connection.removeListener("error", onError);
    if (lost) discard(connection);
    else connection.release();
  }
}

/** Takes a connection; one that comes after the ledger has gone is given back. */
async function checkOut<Connection extends Mysql2Connection>(
  pool: Mysql2Pool<Connection>,
  bounds: SqlBounds | undefined,
): Promise<Connection> {
  const coming = pool.getConnection();
  try {
    return await within(bounds, bounds?.statementMs, coming);
  } catch (error) {
    if (isTimedOut(error)) coming.then((late) => late.release()).catch(() => {});
    throw databaseUnavailable(error);
  }
}

/** An error that a closing connection still has to tell would end the process. */
function discard(connection: Mysql2Connection): void {
  connection.on("error", () => {});
  connection.destroy();
}

/** Those of the connections that are looked after below mysql2's wrappers, which are made anew each time. */
const known = new WeakSet<object>();

/**
 * Looks once at what the pool's user has made of its sessions.
 *
 * @throws Failure `SESSION_UNFIT` where what the ledger writes would be lost, or become another text.
 */
async function assertFit(connection: Mysql2Connection): Promise<void> {
  const own = property(connection, "connection");
  const key = typeof own === "object" && own !== null ? own : connection;
  if (known.has(key)) return;
  const [row] = await send(connection, settingsText, undefined);
  const unfit =
    row?.["autocommit"] !== 1
      ? "must commit each statement by itself, as they do unless autocommit is set to 0"
      : row?.["charsets"] !== "utf8mb4 utf8mb4 utf8mb4"
        ? `must speak utf8mb4, which is mysql2's own choice; their character sets are ${row?.["charsets"]}`
        : undefined;
  if (unfit === undefined) known.add(key);
  else {
    throw new Failure(`the pool's connections ${unfit}`, {
      code: ledgerFailureCodes.sessionUnfit,
      effect: "none",
      transient: false,
    });
  }
}

const settingsText = `select @@session.autocommit + 0e0 as autocommit,
  concat_ws(' ', @@session.character_set_client, @@session.character_set_connection,
    @@session.character_set_results) as charsets`;

/** Flags of the server's answers. Source: MariaDB's and MySQL's documentation of the protocol, "status flags". */
const inTransaction = 1;
const autocommit = 2;

async function status(connection: Mysql2Connection): Promise<number> {
  return Number(property((await connection.query(statementOf("do 0")))[0], "serverStatus") ?? 0);
}

/** What does not become rows is told by the statements themselves. */
async function send(
  connection: Mysql2Connection,
  text: string,
  values: readonly unknown[] | undefined,
): Promise<readonly SqlRow[]> {
  if (values === undefined || values.length === 0) {
    return rowsOf(await connection.query(statementOf(text)));
  }
  const marked = withQuestionMarks(text, values);
  // Prepared, so that no value is ever part of the text, whatever the session takes a backslash for.
  return rowsOf(await connection.execute(statementOf(marked.sql), marked.values as never));
}

/** Rows as the ledger reads them, whatever the pool was told to make of its users' rows. */
function statementOf(sql: string): Mysql2Statement {
  return {
    sql,
    rowsAsArray: false,
    nestTables: false,
    namedPlaceholders: false,
    typeCast: (_, next) => next(),
  };
}

function rowsOf([result]: readonly [unknown, unknown]): readonly SqlRow[] {
  return Array.isArray(result) ? (result as readonly SqlRow[]) : [];
}

function joined(tx: Mysql2Connection): SqlQuery {
  if (typeof property(tx, "query") !== "function" || typeof property(tx, "getConnection") === "function") {
    throw new TypeError(
      "tx must be the connection on which your transaction runs (const connection = await pool.getConnection()); a " +
        "pool sends each statement on another connection",
    );
  }
  if (typeof property(tx, "promise") === "function") {
    throw new TypeError('tx must be a connection of "mysql2/promise": give connection.promise()');
  }
  // Asked before the first statement: the driver does not know it, and the statement would commit by itself.
  let open: Promise<void> | undefined;
  return async (text, values) => {
    open ??= assertOpen(tx);
    await open;
    return await send(tx, text, values);
  };
}

/** @throws TypeError where each statement commits by itself. */
async function assertOpen(tx: Mysql2Connection): Promise<void> {
  const now = await status(tx);
  if ((now & inTransaction) !== 0 || (now & autocommit) === 0) return;
  throw new TypeError("tx must be in a transaction: await tx.beginTransaction() first, or leave tx out");
}
