import type { PgResult } from "./one-packet.ts";

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
