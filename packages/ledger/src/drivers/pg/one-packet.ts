import type { SqlStatement } from "../../store/sql-port.ts";
import { property } from "../shared/causes.ts";
import type { Prepared, PreparedNames } from "./prepared-names.ts";

export const beginText = "begin isolation level read committed";
export const commitText = "commit";

/** What a statement was answered with. */
export interface PgResult {
  readonly rows: unknown[];
  readonly rowCount: number | null;
  readonly command: string;
}

/** What `pg` writes to its connection for a statement with values. */
interface PgWire {
  readonly stream?: { cork?(): void; uncork?(): void };
  parse(message: object): void;
  bind(message: object): void;
  describe(message: object): void;
  execute(message: object): void;
  close(message: { readonly type: "S"; readonly name: string }): void;
  flush(): void;
  sync(): void;
}

const wireParts: readonly Exclude<keyof PgWire, "stream">[] = [
  "parse",
  "bind",
  "describe",
  "execute",
  "close",
  "flush",
  "sync",
];

/** A statement of `pg`. Given to a client it is sent, and gets the answers until the next Sync. */
interface PgQuery {
  submit(connection: PgWire): unknown;
  /** Writes it, with its values as `pg` writes them, and a Sync. */
  prepare(connection: object): void;
  hasBeenParsed(): boolean;
  handleCommandComplete(...given: unknown[]): unknown;
  handleEmptyQuery(...given: unknown[]): unknown;
}

const queryParts: readonly (keyof PgQuery)[] = [
  "submit",
  "prepare",
  "hasBeenParsed",
  "handleCommandComplete",
  "handleEmptyQuery",
];

type PgQueryClass = new (
  config: { readonly text: string; readonly values?: readonly unknown[]; readonly name?: string },
  callback: (error: unknown, results: readonly PgResult[]) => void,
) => PgQuery;

/** What became of a packet. The server does not run what stands behind a statement that failed. */
export type Answered = { readonly results: readonly PgResult[] } | PacketFailed;

export interface PacketFailed {
  readonly error: unknown;
  /** How many of its statements were completed before the error. */
  readonly completed: number;
  /** It named statements for the server to keep. */
  readonly named: boolean;
  /** It relied on some that the server had kept before. */
  readonly kept: boolean;
}

export interface Packet {
  /** One without values has none to be prepared for. */
  readonly statements: readonly (SqlStatement | { readonly text: string; readonly values?: undefined })[];
  /** By which the server keeps what has values, so that it is parsed once for each connection. Undefined: each time. */
  readonly names: PreparedNames | undefined;
}

/**
 * Sends statements in one round trip: `pg` itself waits for each answer. They stand before one Sync, so that when one fails
 * the server skips those behind it, and never runs them outside of the transaction that the first of them begins.
 *
 * @param clientClass - The pool's.
 * @returns undefined where this is not the JavaScript client of `pg`: then they are sent one after the other.
 */
export function inOnePacket(
  clientClass: unknown,
  client: { query: unknown },
  packet: Packet,
): (() => Promise<Answered>) | undefined {
  const Query = property(clientClass, "Query");
  const wire = property(client, "connection");
  if (typeof Query !== "function" || !hasAll(Query.prototype, queryParts) || !hasAll(wire, wireParts))
    return undefined;
  return () =>
    new Promise((resolve) => {
      const writer = new PacketWriter(Query as PgQueryClass, wire as object, packet);
      // What whoever looks on, such as the guard, takes it for: not for a BEGIN that nothing ends.
      const shown = packet.statements.find(({ values }) => values !== undefined);
      let completed = 0;
      const failed = (error: unknown): void => {
        writer.answered(false);
        resolve({ error, completed, named: writer.named, kept: writer.kept });
      };
      const query = new (Query as PgQueryClass)({ text: shown?.text ?? "" }, (error, results) => {
        if (writer.unwritable !== undefined) failed(writer.unwritable);
        else if (error !== null && error !== undefined) failed(error);
        else {
          writer.answered(true);
          resolve({ results });
        }
      });
      for (const name of ["handleCommandComplete", "handleEmptyQuery"] as const) {
        const own = query[name].bind(query);
        query[name] = (...given) => {
          completed += 1;
          return own(...given);
        };
      }
      query.submit = (connection) => {
        writer.write(connection);
        return null;
      };
      const sent = (client.query as (query: object) => unknown).call(client, query);
      // Somebody who has wrapped the client may answer with a promise, and refuse.
      if (typeof property(sent, "then") === "function")
        (sent as PromiseLike<unknown>).then(undefined, failed);
    });
}

/** A value of a statement could not be written, so that neither it nor what stands behind it was sent. */
export class Unwritable extends TypeError {
  constructor(cause: unknown) {
    super(`a value could not be sent: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

class PacketWriter {
  readonly #Query: PgQueryClass;
  readonly #packet: Packet;
  readonly #wire: object;
  readonly #prepared: Prepared[] = [];
  named = false;
  kept = false;
  /** What stands before it was sent all the same. */
  unwritable: Unwritable | undefined;

  constructor(Query: PgQueryClass, wire: object, packet: Packet) {
    this.#Query = Query;
    this.#wire = wire;
    this.#packet = packet;
  }

  write(connection: PgWire): void {
    const { stream } = connection;
    const unsynced = withoutSync(connection);
    stream?.cork?.();
    try {
      for (const { text, values } of this.#packet.statements) {
        if (this.unwritable !== undefined) break;
        if (values === undefined) plain(connection, text);
        else this.#withValues(unsynced, { text, values });
      }
    } finally {
      connection.sync();
      stream?.uncork?.();
    }
  }

  answered(succeeded: boolean): void {
    for (const each of this.#prepared) each.answered(succeeded);
  }

  #withValues(unsynced: PgWire, { text, values }: SqlStatement): void {
    const prepared = this.#packet.names?.of(this.#wire, text);
    const config = { text, values: [...values], ...(prepared !== undefined && { name: prepared.name }) };
    const query = new this.#Query(config, (error) => {
      this.unwritable = new Unwritable(error);
    });
    if (prepared !== undefined) {
      const { isThere, name } = prepared;
      query.hasBeenParsed = () => isThere;
      // Of an earlier try that failed. To close what is not there is no error.
      if (!isThere) unsynced.close({ type: "S", name });
      this.named = true;
      this.kept ||= isThere;
      this.#prepared.push(prepared);
    }
    query.prepare(unsynced);
  }
}

/** The connection as a statement writes to it, with lists of its own where `pg` keeps what it believes to be parsed. */
function withoutSync(connection: PgWire): PgWire {
  const parts = wireParts.map((part) => [part, connection[part].bind(connection)] as const);
  const lists = { parsedStatements: {}, submittedNamedStatements: {} };
  return { ...Object.fromEntries(parts), ...lists, sync() {} } as unknown as PgWire;
}

function plain(connection: PgWire, text: string): void {
  connection.parse({ text });
  connection.bind({});
  connection.execute({});
}

function hasAll(value: unknown, methods: readonly string[]): boolean {
  return methods.every((method) => typeof property(value, method) === "function");
}
