import type { SqlBounds, SqlPort, SqlRow } from "../store/sql-port.ts";
import { isTimedOut, property } from "./shared/causes.ts";
import { hasMethods, portOf } from "./shared/library.ts";
import {
  closePg,
  type PgConnection,
  PgConnections,
  pgConnection,
  sendThroughPg,
} from "./shared/pg-client.ts";
import { within } from "./shared/within.ts";

/** The part of a Knex transaction that the ledger uses. */
export interface KnexTransaction {
  readonly client: unknown;
  isCompleted(): boolean;
}

/** The part of Knex that the ledger uses. */
export interface KnexDatabase<Tx extends KnexTransaction> {
  readonly client: unknown;
  transaction<T>(work: (tx: Tx) => Promise<T>, config?: { isolationLevel?: "read committed" }): Promise<T>;
}

/** What Knex keeps below itself: its pool. In a transaction it is that transaction's connection. */
interface KnexClient {
  acquireConnection(): Promise<unknown>;
  releaseConnection(connection: unknown): unknown;
}

/**
 * Connects the ledger to Knex on PostgreSQL. User functions get the `Knex.Transaction` as their `tx`.
 *
 * The ledger's own statements go to Knex's connections directly: Knex has placeholders of its own, and
 * `postProcessResponse` may give columns other names. Work of other processes is noticed by polling.
 */
export function fromKnex<Tx extends KnexTransaction>(knex: KnexDatabase<Tx>): SqlPort<Tx> {
  const client = clientOf(knex);
  if (property(knex, "isTransaction") === true) throw new TypeError(needsKnex);
  const dialect = property(client, "dialect");
  if (dialect !== "postgresql") throw new TypeError(`${needsKnex}; got one for ${JSON.stringify(dialect)}`);
  const connections = new PgConnections<Tx>(async (tx) => {
    // Its connection is back in the pool then, and may be somebody else's.
    if (tx.isCompleted()) throw new Error("the Knex transaction is completed");
    return pgConnection(await clientOf(tx).acquireConnection(), "Knex");
  });
  return portOf<Tx>({
    meant: "the transaction that knex.transaction(async (trx) => ...) gives you",
    query: (text, values, bounds) => queryPool(client, text, values, bounds),
    transaction: (work) => knex.transaction(work, { isolationLevel: "read committed" }),
    send: (tx, text, values) => connections.send(tx, text, values),
    script: (tx, text) => connections.send(tx, text),
    close: (tx) => connections.close(tx, discard),
    isTransaction: (tx) =>
      property(tx, "isTransaction") === true &&
      hasMethods(tx, "isCompleted") &&
      !(tx as KnexTransaction).isCompleted(),
    isTransient: (each) => property(each, "name") === "KnexTimeoutError",
  });
}

const needsKnex = 'fromKnex needs your Knex instance: fromKnex(knex({ client: "pg", connection }))';

function clientOf(knex: { readonly client: unknown }): KnexClient {
  const client = property(knex, "client");
  if (hasMethods(client, "acquireConnection", "releaseConnection")) return client as KnexClient;
  throw new TypeError(needsKnex);
}

async function queryPool(
  client: KnexClient,
  text: string,
  values: readonly unknown[],
  bounds: SqlBounds | undefined,
): Promise<readonly SqlRow[]> {
  const connection = pgConnection(await client.acquireConnection(), "Knex");
  try {
    return await within(bounds, bounds?.statementMs, sendThroughPg(connection, text, values));
  } catch (error) {
    if (isTimedOut(error)) discard(connection);
    throw error;
  } finally {
    client.releaseConnection(connection);
  }
}

/** Knex gives a connection to somebody else before it has noticed its end, unless it is marked as Knex marks it. */
function discard(connection: PgConnection): void {
  Reflect.set(connection, "__knex__disposed", "the ledger gave up what ran on it");
  closePg(connection);
}
