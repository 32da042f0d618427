import type { DatabaseSync, StatementSync } from "node:sqlite";
import { show } from "@outrigger/core";
import type { SqlRow } from "../../store/sql-port.ts";
import { EndWatch } from "./end-watch.ts";

/** More texts than the ledger has statements; beyond it somebody puts values into them. */
const statementsAtMost = 500;

interface Prepared {
  readonly statement: StatementSync;
  /** The highest number that it names: of several statements that run as one, each gets all the values. */
  readonly places: number;
}

/** A connection with its statements prepared. Everything on it is synchronous. */
export class Connection {
  readonly db: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();
  /** The connection's own, whatever watches over what others prepare. */
  readonly #prepare: DatabaseSync["prepare"];

  constructor(db: DatabaseSync) {
    this.db = db;
    this.#prepare = db.prepare.bind(db);
  }

  send(text: string, values: readonly unknown[] = []): readonly SqlRow[] {
    const { statement, places } = this.#prepared(text);
    return statement.all(...bindables(values, places)) as readonly SqlRow[];
  }

  #prepared(text: string): Prepared {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const { placed, places } = inPlace(text);
    const prepared = { statement: this.#prepare(placed), places };
    if (this.#statements.size >= statementsAtMost) this.#statements.clear();
    this.#statements.set(text, prepared);
    return prepared;
  }
}

/** A place, or what may only look as if there were one in it: quoted text and comments. */
const placesAndQuotes = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\d+)/g;

/** `$1` is a name to SQLite, and `?1` a place: names for twenty values cost as much as the rest of the statement. */
function inPlace(text: string): { readonly placed: string; readonly places: number } {
  let places = 0;
  const placed = text.replaceAll(placesAndQuotes, (found, place: string | undefined) => {
    if (place === undefined) return found;
    places = Math.max(places, Number(place));
    return `?${place}`;
  });
  return { placed, places };
}

type Value = string | number | bigint | null | NodeJS.ArrayBufferView;

function bindables(values: readonly unknown[], places: number): readonly Value[] {
  const bound: Value[] = [];
  for (let index = 0; index < places; index += 1) bound.push(bindable(values[index]));
  return bound;
}

function bindable(value: unknown): Value {
  if (value === undefined) return null;
  return typeof value === "boolean" ? Number(value) : (value as Value);
}

/** A connection of the port's own. */
export interface Opened {
  readonly connection: Connection;
  readonly watch: EndWatch;
}

export interface OpenOptions {
  readonly readOnly: boolean;
  readonly setUp: ((db: DatabaseSync) => void) | undefined;
}

/** While a connection is opened, in milliseconds: another process may be recovering the file after a crash. */
const openWithinMs = 5_000;

/**
 * Opens the file as the ledger needs it.
 *
 * - WAL: readers and the writer do not wait for each other. It stays with the file.
 * - `synchronous` FULL: what a power cut takes back after its call was sent is money without an order. On macOS that
 *   needs `fullfsync` too.
 * - `busy_timeout` 0: SQLite waits by stopping the whole process, also whoever in it holds the lock; the port waits by
 *   itself.
 */
export function openConnection(file: string | URL, { readOnly, setUp }: OpenOptions): Opened {
  const connection = new Connection(new (sqlite().DatabaseSync)(file));
  // Before `setUp`, which may keep what it prepares.
  const watch = new EndWatch(connection);
  const { db } = connection;
  try {
    db.exec(`pragma busy_timeout = ${openWithinMs}`);
    db.exec("pragma synchronous = full; pragma fullfsync = on; pragma checkpoint_fullfsync = on");
    const mode = only(connection, "pragma journal_mode = wal");
    if (mode !== "wal") {
      throw new RangeError(
        `fromSqlite: ${show(String(file))} cannot be put into WAL mode (it stays in ${show(mode)}); ` +
          "it has to be a file on a local disk",
      );
    }
    setUp?.(db);
    const synchronous = Number(only(connection, "pragma synchronous"));
    if (synchronous < full) {
      throw new RangeError(
        `fromSqlite: setUp sets "pragma synchronous" to ${synchronous}; the ledger needs FULL (2), because an ` +
          "intent that is lost with the power after its call was sent is a charge without an order",
      );
    }
    db.exec(`pragma busy_timeout = 0; pragma query_only = ${readOnly ? "on" : "off"}`);
    return { connection, watch };
  } catch (error) {
    db.close();
    throw error;
  }
}

const full = 2;

function only(connection: Connection, text: string): unknown {
  return Object.values(connection.send(text)[0] ?? {})[0];
}

/** Loaded by whoever uses it: where it is new, Node warns of it. */
function sqlite(): typeof import("node:sqlite") {
  const found = process.getBuiltinModule("node:sqlite");
  if (found === undefined) throw new TypeError("fromSqlite needs node:sqlite, which this Node does not have");
  return found;
}
