import { Failure } from "@outrigger/core";
import { commitUnknown, databaseUnavailable, ledgerFailureCodes } from "../failure.ts";
import type { SqlPort, SqlQuery, SqlRow } from "./sql-port.ts";

/** The part of `pg`'s client that the ledger uses. */
export interface PgClient {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null; readonly command: string }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  release(destroy?: boolean): void;
}

/** The part of `pg`'s pool that the ledger uses. */
export interface PgPool<Client extends PgClient> {
  connect(callback: (error: Error | undefined, client: Client | undefined) => void): void;
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
  return {
    dialect: "postgres",
    query: (text, values) => withClient(pool, (session) => session.query(text, values)),
    transaction: (work) =>
      withClient(pool, async (session) => {
        await session.query("begin isolation level read committed");
        const value = await session.orRollback(() => work(session.client, session.query));
        await session.commit();
        return value;
      }),
    isTransient,
  };
}

interface Session<Client> {
  readonly client: Client;
  readonly query: SqlQuery;
  orRollback<T>(work: () => Promise<T>): Promise<T>;
  commit(): Promise<void>;
}

async function withClient<Client extends PgClient, T>(
  pool: PgPool<Client>,
  work: (session: Session<Client>) => Promise<T>,
): Promise<T> {
  let lost = false;
  const onError = (): void => {
    lost = true;
  };
  const client = await checkOut(pool, onError);
  const query: SqlQuery = async (text, values = []) =>
    (await client.query(text, [...values])).rows as readonly SqlRow[];
  try {
    return await work({
      client,
      query,
      async orRollback(inner) {
        try {
          return await inner();
        } catch (error) {
          await client.query("rollback").catch(onError);
          // Before COMMIT was sent, a lost connection is a certain rollback.
          throw lost && !isTransient(error) ? databaseUnavailable(error) : error;
        }
      },
      async commit() {
        let command: string;
        try {
          command = (await client.query("commit")).command;
        } catch (error) {
          lost = true;
          // An ERROR is the server's answer, and it has rolled back. FATAL, or no answer, says nothing.
          throw property(error, "severity") === "ERROR" ? error : commitUnknown(error);
        }
        // PostgreSQL answers COMMIT of a failed transaction with a plain ROLLBACK, without an error.
        if (command !== "COMMIT") throw transactionAborted();
      },
    });
  } finally {
    client.removeListener("error", onError);
    client.release(lost);
  }
}

/**
 * Takes a client, and listens to its errors until it is given back: pg-pool listens to idle clients only, and
 * the error of a connection that breaks between two statements would end the process. In the callback, because
 * a server that goes down can put its farewell into the packet that completes the connection, and a promise
 * would be too late for it.
 */
function checkOut<Client extends PgClient>(pool: PgPool<Client>, onError: () => void): Promise<Client> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) {
        reject(databaseUnavailable(error));
        return;
      }
      client.on("error", onError);
      resolve(client);
    });
  });
}

function transactionAborted(): Failure {
  return new Failure(
    "the transaction was rolled back, because a statement in it had failed and its error was caught; " +
      "let errors of tx.query reach the ledger, or use a savepoint",
    { code: ledgerFailureCodes.transactionAborted, effect: "none", transient: false },
  );
}

/**
 * SQLSTATE classes that another try may mend: 08 connection, 40 rollback (serialisation, deadlock), 53
 * resources, 55 object state (locks), 57 operator intervention, 58 system error. Source: PostgreSQL manual,
 * appendix A.
 */
const transientClasses: ReadonlySet<string> = new Set(["08", "40", "53", "55", "57", "58"]);
const lostConnection = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)/;
/** pg reports these without any code. */
const lostMessage = /Connection terminated|not queryable|Client was closed|timeout exceeded when trying/;

function isTransient(error: unknown): boolean {
  if (Failure.is(error)) {
    return (
      error.code === ledgerFailureCodes.commitUnknown || error.code === ledgerFailureCodes.databaseUnavailable
    );
  }
  const code = property(error, "code");
  if (typeof code === "string") {
    return lostConnection.test(code) || (code.length === 5 && transientClasses.has(code.slice(0, 2)));
  }
  return error instanceof Error && lostMessage.test(error.message);
}

function property(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
}
