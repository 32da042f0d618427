import type { SqlPort } from "@outrigger/ledger";
import type { Order, Payment } from "../payments.ts";

/** The business side of an order, one row that is pending, paid or void, in the words of one driver. */
export interface Orders<Tx> {
  prepare(tx: Tx, order: Order): Promise<void> | void;
  commit(tx: Tx, order: Order, payment: Payment, info: { readonly provider: string }): Promise<void> | void;
  abandon(tx: Tx, order: Order, why: { readonly code: string }): Promise<void> | void;
}

/** One process's way to the database. */
export interface Connection<Tx> {
  readonly sql: SqlPort<Tx>;
  close(): Promise<void>;
  /** Ends as with its process: what is open is rolled back. */
  kill(): Promise<void>;
}

export interface ConnectionOptions {
  /** What the server may call it. */
  readonly name: string;
  readonly url: string;
  /** The driver's own bound on each query, where it has one. */
  readonly queryTimeoutMs?: number | undefined;
}

/** A transaction that a user has begun. */
export interface UserTransaction<Tx> {
  readonly tx: Tx;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

type Row = Readonly<Record<string, unknown>>;

/** A database of one test file, with the table `orders`, and what a judge reads it with. */
export interface ShopDatabase<Tx> {
  readonly product: "PostgreSQL" | "MariaDB" | "SQLite";
  /** The file with `connect` and `orders`, for other processes. */
  readonly module: string;
  /** Version of the ledger's tables when they are up to date. */
  readonly version: number;
  /** What another process needs to reach it. */
  readonly url: string;
  readonly orders: Orders<Tx>;
  /** Whether what a client sends to the server is its COMMIT. Undefined where there is no server. */
  readonly isCommit?: (chunk: Buffer) => boolean;
  /** Whether a constraint may be checked by the commit. */
  readonly defersConstraints: boolean;
  /** Whether processes can wake each other. */
  readonly wakes: boolean;
  connect(options: ConnectionOptions): Connection<Tx>;
  /** One statement, as anybody would send it who knows nothing of the ledger. */
  query(text: string): Promise<readonly Row[]>;
  /** The same in a transaction of a user's function. */
  run(tx: Tx, text: string): Promise<void>;
  begin(): Promise<UserTransaction<Tx>>;
  /** The ledger's table of this name. */
  table(name: string, schema?: string): string;
  /** An instant for the ledger's tables, so many milliseconds from now. */
  instant(ms: number): string;
  /**
   * Makes writes of this table fail with the message "no" where `condition` holds of the row `new`.
   *
   * @returns a function that allows them again.
   */
  forbid(on: "insert" | "update", table: string, condition: string): Promise<() => Promise<void>>;
  drop(): Promise<void>;
}

/** @param name - What the database's name begins with. */
export type OpenDatabase<Tx> = (name: string) => Promise<ShopDatabase<Tx>>;
