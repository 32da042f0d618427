import type { DatabaseSync } from "node:sqlite";
import { assertKnownKeys, functionAt, show, systemClock } from "@outrigger/core";
import type { SqlBounds, SqlPort, SqlQuery } from "../store/sql-port.ts";
import { property } from "./shared/causes.ts";
import { Connection, type Opened, openConnection } from "./sqlite/connection.ts";
import { isTransient } from "./sqlite/errors.ts";
import { whenFree } from "./sqlite/when-free.ts";
import { Writer } from "./sqlite/writer.ts";

/** What the user's functions work with. Its statements are synchronous: `tx.prepare("...").run(...)`. */
export type SqliteTx = DatabaseSync;

export interface SqliteOptions {
  /** Called with each connection of the port before its first use: for functions and pragmas of yours. */
  readonly setUp?: (db: DatabaseSync) => void;
}

export interface SqlitePort extends SqlPort<SqliteTx> {
  /** Ends the port's connections at once; what is under way is rolled back. `await ledger.stop()` first. */
  close(): void;
}

/** For transactions that no ledger bounds. As long as a ledger's with its defaults. */
const ownBounds: SqlBounds = { clock: systemClock, statementMs: 15_000, transactionMs: 45_000 };

/**
 * Connects the ledger to a file of SQLite, through `node:sqlite`. Any number of processes may use the same file.
 *
 * The port has connections of its own, one for writing and one for reading, because a transaction lasts over several turns
 * of the event loop, and what anybody else sends on its connection would belong to it. User functions get the writing one
 * as their `tx`. One transaction runs at a time; a function that is synchronous keeps the others waiting for least.
 *
 * Its `transaction(work)` is also the place for writes of your own in this process: a write on another connection would
 * stop the whole process while it waits for one of the ledger's.
 *
 * @throws RangeError for what is no file on a local disk, and whatever opening it throws.
 */
export function fromSqlite(file: string | URL, options: SqliteOptions = {}): SqlitePort {
  assertFile(file);
  assertKnownKeys("fromSqlite options", options, ["setUp"]);
  const { setUp } = options;
  if (setUp !== undefined) functionAt("fromSqlite.setUp", setUp);
  const reader = openConnection(file, { readOnly: true, setUp }).connection;
  const writer = writerBeside(reader, () => openConnection(file, { readOnly: false, setUp }));
  const location = reader.db.location();
  return {
    dialect: "sqlite",
    query: (text, values, bounds = ownBounds) =>
      isRead(text)
        ? whenFree(bounds, () => reader.send(text, values))
        : writer.transaction((_, query) => query(text, values), bounds),
    transaction: (work, bounds = ownBounds) => writer.transaction(work, bounds),
    join: (tx) => joined(tx, location),
    isTransient,
    close() {
      writer.close();
      if (reader.db.isOpen) reader.db.close();
    },
  };
}

/** Both are open, or none. */
function writerBeside(reader: Connection, open: () => Opened): Writer {
  try {
    return new Writer(open);
  } catch (error) {
    reader.db.close();
    throw error;
  }
}

/** What changes nothing need not wait for its turn. */
function isRead(text: string): boolean {
  return /^\s*select\b/i.test(text);
}

function assertFile(file: unknown): void {
  if (property(file, "prepare") !== undefined) {
    throw new TypeError(
      "fromSqlite needs the path of the file, not a connection: statements that others send on it would become part of " +
        "the ledger's transactions",
    );
  }
  if (file instanceof URL) return;
  if (typeof file !== "string" || file === "" || file.includes(":memory:")) {
    throw new RangeError(
      `fromSqlite needs the path of a file; got ${show(file)}. A database in memory is one connection's, and ends with it; ` +
        "for tests use a file in a temporary directory",
    );
  }
}

const connections = new WeakMap<DatabaseSync, Connection>();

function joined(tx: DatabaseSync, location: string | null): SqlQuery {
  if (typeof property(tx, "prepare") !== "function" || typeof property(tx, "exec") !== "function") {
    throw new TypeError(
      "tx must be the DatabaseSync on which your transaction runs: the one that transaction() hands out, or one of yours",
    );
  }
  if (tx.location() !== location) {
    throw new TypeError(
      `tx must be a connection to the ledger's file, ${show(location)}; it is one to ${show(tx.location())}`,
    );
  }
  assertInTransaction(tx);
  const connection = connections.get(tx) ?? new Connection(tx);
  connections.set(tx, connection);
  return async (text, values) => {
    assertInTransaction(tx);
    return connection.send(text, values);
  };
}

function assertInTransaction(tx: DatabaseSync): void {
  if (!tx.isTransaction) {
    throw new TypeError('tx must be in a transaction: send "begin immediate" on it first, or leave tx out');
  }
}
