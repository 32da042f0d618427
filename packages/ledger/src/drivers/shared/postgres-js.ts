import type { SqlPort, SqlRow } from "../../store/sql-port.ts";
import { isTimedOut, property } from "./causes.ts";
import { isLost } from "./postgres-errors.ts";

/** What postgres.js sends statements with: its `Sql`, or a transaction of it. */
export interface PostgresJsSender {
  unsafe(text: string, values?: never[]): PromiseLike<unknown>;
}

/** What makes them: it knows how the user wants columns to be called, and listens. */
export interface PostgresJsPool extends PostgresJsSender {
  readonly options: object;
  listen(
    channel: string,
    heard: (payload: string) => void,
    listening?: () => void,
  ): PromiseLike<{ unlisten: () => Promise<void> }>;
}

export async function sendThroughPostgresJs(
  pool: PostgresJsPool,
  sender: PostgresJsSender,
  text: string,
  values: readonly unknown[],
): Promise<readonly SqlRow[]> {
  const rows = (await sender.unsafe(text, [...values] as never[])) as readonly SqlRow[];
  const rename: unknown = property(property(property(pool.options, "transform"), "column"), "from");
  return typeof rename === "function" ? rows.map((row) => named(row, rename as Rename)) : rows;
}

type Rename = (column: string) => string;

/** The user's `transform` has given the columns other names; they are found by their own. */
function named(row: SqlRow, rename: Rename): SqlRow {
  return new Proxy(row, {
    get: (columns, name) =>
      typeof name === "string" ? Reflect.get(columns, rename(name)) : Reflect.get(columns, name),
  });
}

/**
 * postgres.js 3.4 writes to a connection of a transaction that is gone, ROLLBACK above all, and ends the process with that:
 * "Cannot read properties of null (reading 'write')". So once one is gone nothing more is sent on it from here, and
 * postgres.js is left to reject the transaction by itself, as it does when the connection closes.
 */
export class PostgresJsTransactions<Tx extends object> {
  readonly #over = new WeakSet<Tx>();

  async run(
    begin: (work: (tx: Tx) => Promise<void>) => PromiseLike<unknown>,
    work: (tx: Tx) => Promise<void>,
  ): Promise<unknown> {
    let begun: Tx | undefined;
    try {
      return await begin(async (tx) => {
        begun = tx;
        try {
          await work(tx);
        } catch (error) {
          if (this.#over.has(tx) || (isLost(error) && !isTimedOut(error))) await new Promise<never>(() => {});
          throw error;
        }
      });
    } finally {
      if (begun !== undefined) this.#over.add(begun);
    }
  }

  /** @throws what postgres.js itself would, for a transaction of {@link run} that is over. */
  assertThere(tx: Tx): void {
    if (this.#over.has(tx)) {
      throw Object.assign(new Error("the connection of this transaction is gone"), {
        code: "CONNECTION_CLOSED",
      });
    }
  }
}

/**
 * It comes back by itself, and tells of it, as often as its connection is lost; so `lost` is never called. A listener that
 * it could not start is kept by it as well, and started later: what that hears is dropped.
 */
export async function listenThroughPostgresJs(
  pool: PostgresJsPool,
  ...[channel, heard]: Parameters<NonNullable<SqlPort<unknown>["listen"]>>
): Promise<() => Promise<void>> {
  let isWanted = true;
  const hear = (): void => {
    if (isWanted) heard();
  };
  try {
    const { unlisten } = await pool.listen(channel, hear, hear);
    return async () => {
      isWanted = false;
      // Not waited for: a database that is away would not answer, and what it still calls out is dropped.
      unlisten().catch(() => {});
    };
  } catch (error) {
    isWanted = false;
    throw error;
  }
}
