import type { Ledger, Reconciliation, SqlQuery } from "@outrigger/ledger";

/** The part of a ledger that the command uses; what a transaction is makes no difference to it. */
export type AnyLedger = Pick<
  Ledger<never>,
  "find" | "list" | "retry" | "cancel" | "resolve" | "sagas" | "snapshot" | "version"
>;

/** MySQL counts as MariaDB. */
export type DatabaseKind = "postgres" | "mariadb" | "sqlite";

/** Where a command reads and acts. */
export interface Source {
  readonly ledger: AnyLedger;
  /** The database, without its password; or the app's file. */
  readonly where: string;
  readonly schema: string;
  /** Those of the app, by name. */
  readonly reconciliations: Readonly<Record<string, Reconciliation>> | undefined;
  /** The database itself, where it is known. */
  readonly database: { readonly kind: DatabaseKind; readonly query: SqlQuery } | undefined;
  close(): Promise<void>;
}

export interface SourceOptions {
  readonly database?: string | undefined;
  readonly schema?: string | undefined;
  readonly app?: string | undefined;
  readonly timeout?: string | undefined;
}
