import type { SqlPort } from "../store/sql-port.ts";
import { fromPgPool, type PgClient, type PgPool } from "./pg.ts";
import { property } from "./shared/causes.ts";
import { type KyselyExecutor, sendThroughKysely } from "./shared/kysely-query.ts";
import { hasMethods, portOf } from "./shared/library.ts";

/** The part of MikroORM's `EntityManager` that the ledger uses. */
export interface MikroOrmManager {
  isInTransaction(): boolean;
  flush(): Promise<void>;
  getTransactionContext(): unknown;
}

/** The part of `MikroORM` that the ledger uses. */
export interface MikroOrm<Tx extends MikroOrmManager> {
  readonly em: {
    fork(): {
      transactional<T>(
        work: (manager: Tx) => Promise<T>,
        options?: { isolationLevel?: "read committed" },
      ): Promise<T>;
    };
    getConnection(type?: "write"): unknown;
  };
}

/** MikroORM's connection to PostgreSQL. */
interface MikroConnection {
  getClient(): KyselyExecutor;
  getNativeClient?(): Promise<PgPool<PgClient>>;
}

/**
 * Connects the ledger to MikroORM 7 on PostgreSQL. User functions get the transaction's `EntityManager` as their `tx`; what
 * they persist is flushed before the transaction is committed.
 *
 * Each transaction has a fork of `orm.em` of its own. Subscribers to `beforeTransactionCommit` run in the transaction; what
 * they throw rolls it back.
 */
export function fromMikroOrm<Tx extends MikroOrmManager>(orm: MikroOrm<Tx>): SqlPort<Tx> {
  if (!hasMethods(orm.em, "fork", "getConnection")) {
    throw new TypeError("fromMikroOrm needs your MikroORM: fromMikroOrm(await MikroORM.init(...))");
  }
  const connection = (): MikroConnection => connectionOf(orm);
  return portOf<Tx>({
    meant: "the EntityManager that em.transactional(async (em) => ...) gives you",
    query: async (text, values) => await sendThroughKysely(connection().getClient(), text, values),
    transaction: (work) => orm.em.fork().transactional(work, { isolationLevel: "read committed" }),
    send: async (tx, text, values) =>
      await sendThroughKysely(tx.getTransactionContext() as KyselyExecutor, text, values),
    beforeCommit: (tx) => tx.flush(),
    isTransaction,
    listen: async (channel, heard, lost) => {
      const pool = await connection().getNativeClient?.();
      const listen = pool === undefined ? undefined : fromPgPool(pool).listen;
      if (listen === undefined) throw new Error("MikroORM's pool cannot make a connection of its own");
      return await listen(channel, heard, lost);
    },
  });
}

/** The manager of a transaction that is over still has it. */
function isTransaction(tx: unknown): boolean {
  if (!hasMethods(tx, "isInTransaction", "getTransactionContext")) return false;
  const context = (tx as MikroOrmManager).getTransactionContext();
  return (
    hasMethods(context, "executeQuery") &&
    property(context, "isCommitted") === false &&
    property(context, "isRolledBack") === false
  );
}

function connectionOf<Tx extends MikroOrmManager>(orm: MikroOrm<Tx>): MikroConnection {
  const connection = orm.em.getConnection("write");
  if (hasMethods(connection, "getClient")) return connection as MikroConnection;
  throw new TypeError("fromMikroOrm needs MikroORM 7 on PostgreSQL, from the package @mikro-orm/postgresql");
}
