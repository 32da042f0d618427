import type { SqlPort } from "@outrigger/ledger";

/** How a process of the matrix reaches a database. Plain JSON. */
export interface Connection {
  readonly kind: DatabaseName;
  readonly url: string;
  /** Whether one case alone uses it. */
  readonly ownWay?: boolean;
}

export const databaseNames = ["postgres", "sqlite", "mariadb"] as const;
export type DatabaseName = (typeof databaseNames)[number];

/**
 * The shop's side: one row for each order. No statement asks what stands there, so that only the ledger keeps a late
 * worker from writing over a newer outcome.
 */
interface Orders<Tx> {
  begin(tx: Tx, order: string): Promise<unknown> | unknown;
  /** To `paid` or `void`. */
  end(tx: Tx, order: string, status: string): Promise<unknown> | unknown;
}

/** The database as a worker uses it. */
export interface Client<Tx> {
  readonly sql: SqlPort<Tx>;
  readonly orders: Orders<Tx>;
  close(): Promise<void>;
}

type CommitFate = "swallowAnswer" | "neverArrives";

/** A way to the database on which the answer to one write can be lost. */
export interface LossyWay {
  readonly connection: Connection;
  /** What becomes of the next write that is made durable on it. */
  next(fate: CommitFate): void;
  close(): Promise<void>;
}

/** A database server of the matrix's own, as the judge's process sees it. */
export interface CrashDatabase {
  /** For this case, where each has a database of its own. */
  connection(caseKey: string): Connection;
  /** The case is over. Absent where its rows are in nobody's way. */
  forget?(caseKey: string): void;
  /** Absent where there is no connection that could break. */
  lossyWay?(): Promise<LossyWay>;
  /** Stops the server as a crash would. Absent where there is no server. @returns what starts it again. */
  crash?(): Promise<() => Promise<void>>;
  /** What the table says of these orders; one that is not in it has no entry. */
  statuses(orders: readonly string[]): Promise<ReadonlyMap<string, string>>;
  close(): Promise<void>;
}

/** Connections that a server of the matrix takes: more than all processes of all lanes have together. */
export const serverConnections = 600;
/** How long a connection is kept that nobody uses, in milliseconds: to make one costs more than most statements. */
export const idleConnectionMs = 10_000;
