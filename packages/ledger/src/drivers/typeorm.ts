import type { SqlPort } from "../store/sql-port.ts";
import { fromPgPool, type PgClient, type PgPool } from "./pg.ts";
import { property } from "./shared/causes.ts";
import { hasMethods, portOf } from "./shared/library.ts";
import { PgConnections, pgConnection } from "./shared/pg-client.ts";

/** The part of TypeORM's `EntityManager` that the ledger uses. */
export interface TypeOrmManager {
  readonly queryRunner?: {
    readonly isTransactionActive: boolean;
    readonly isReleased: boolean;
    connect(): Promise<unknown>;
  };
}

/** The part of TypeORM's `DataSource` that the ledger uses. */
export interface TypeOrmDataSource<Tx extends TypeOrmManager> {
  readonly driver: object;
  readonly options: { readonly type: string };
  transaction<T>(isolation: "READ COMMITTED", work: (manager: Tx) => Promise<T>): Promise<T>;
}

/**
 * Connects the ledger to a TypeORM `DataSource` on PostgreSQL, which must be initialised before the ledger is used. User
 * functions get the transaction's `EntityManager` as their `tx`.
 *
 * Subscribers to `BeforeTransactionCommit` run in the transaction; what they throw rolls it back.
 */
export function fromTypeOrm<Tx extends TypeOrmManager>(dataSource: TypeOrmDataSource<Tx>): SqlPort<Tx> {
  if (!hasMethods(dataSource, "transaction", "createQueryRunner")) {
    throw new TypeError("fromTypeOrm needs your DataSource: fromTypeOrm(new DataSource(...))");
  }
  const type = property(dataSource.options, "type");
  if (type !== "postgres")
    throw new TypeError(`fromTypeOrm needs a DataSource of type "postgres"; got "${type}"`);
  const connections = new PgConnections<Tx>(async (tx) =>
    pgConnection(await tx.queryRunner?.connect(), "TypeORM"),
  );
  const pool = (): SqlPort<PgClient> => fromPgPool(poolOf(dataSource));
  return portOf<Tx>({
    meant: "the EntityManager that dataSource.transaction(async (manager) => ...) gives you",
    query: async (text, values, bounds) => await pool().query(text, values, bounds),
    transaction: async (work) => {
      poolOf(dataSource);
      return await dataSource.transaction("READ COMMITTED", work);
    },
    send: (tx, text, values) => connections.send(tx, text, values),
    close: (tx) => connections.close(tx),
    isTransaction,
    listen: async (channel, heard, lost) => {
      const { listen } = pool();
      if (listen === undefined) throw new Error("TypeORM's pool cannot make a connection of its own");
      return await listen(channel, heard, lost);
    },
  });
}

function isTransaction(tx: unknown): boolean {
  const runner = property(tx, "queryRunner");
  return property(runner, "isTransactionActive") === true && property(runner, "isReleased") === false;
}

/** Its pool for writing, which is there once it is initialised. */
function poolOf(dataSource: { readonly driver: object }): PgPool<PgClient> {
  const pool = property(dataSource.driver, "master");
  if (hasMethods(pool, "connect", "query")) return pool as PgPool<PgClient>;
  throw new TypeError(
    "the DataSource is not initialised: await dataSource.initialize() before using the ledger",
  );
}
