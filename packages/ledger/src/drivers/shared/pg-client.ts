import type { SqlRow } from "../../store/sql-port.ts";
import { hasMethods } from "./library.ts";

/** A connection of the package `pg`, as the libraries that are built on it hand it out. */
export interface PgConnection {
  query(text: string, values?: unknown[]): Promise<unknown>;
  end(): Promise<void>;
  on(event: "error", listener: (error: unknown) => void): unknown;
  removeListener(event: "error", listener: (error: unknown) => void): unknown;
}

/** @throws TypeError where the library runs on another driver. */
export function pgConnection(found: unknown, library: string): PgConnection {
  if (hasMethods(found, "query", "end", "on", "removeListener")) return found as PgConnection;
  throw new TypeError(
    `${library} gave no connection of the package "pg", the driver that the ledger knows it with`,
  );
}

/** @returns the rows of the last statement, where there are several. */
export async function sendThroughPg(
  connection: PgConnection,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly SqlRow[]> {
  const result = await connection.query(text, values.length === 0 ? undefined : [...values]);
  const last: unknown = Array.isArray(result) ? result.at(-1) : result;
  return (last as { readonly rows: readonly SqlRow[] }).rows;
}

/** What is unanswered on it is rejected at once, and whoever holds it finds it broken and throws it away. */
export function closePg(connection: PgConnection): void {
  connection.end().catch(() => {});
}

/** The connections on which a library's transactions run. */
export class PgConnections<Tx extends object> {
  readonly #find: (tx: Tx) => Promise<PgConnection>;
  readonly #known = new WeakMap<Tx, PgConnection>();

  constructor(find: (tx: Tx) => Promise<PgConnection>) {
    this.#find = find;
  }

  async send(tx: Tx, text: string, values: readonly unknown[] = []): Promise<readonly SqlRow[]> {
    const connection = await this.#find(tx);
    this.#known.set(tx, connection);
    return await sendThroughPg(connection, text, values);
  }

  close(tx: Tx, discard: (connection: PgConnection) => void = closePg): void {
    const connection = this.#known.get(tx);
    if (connection !== undefined) discard(connection);
  }
}
