import type { SqlStatement } from "../../store/sql-port.ts";
import { property } from "../shared/causes.ts";
import type { PreparedNames } from "./prepared-names.ts";

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
  parse(message: { readonly text: string }): void;
  bind(message: object): void;
  execute(message: object): void;
  close(message: { readonly type: "S"; readonly name: string }): void;
  sync(): void;
}

const wireParts: readonly (keyof PgWire)[] = ["parse", "bind", "execute", "close", "sync"];

/** A statement of `pg`. Given to a client it is sent, and gets the answers until the next Sync. */
interface PgQuery {
  submit(connection: PgWire): unknown;
  /** Writes it, with its values as `pg` writes them, and a Sync. */
  prepare(connection: PgWire): void;
  hasBeenParsed(): boolean;
  handleCommandComplete(...given: unknown[]): unknown;
}

const queryParts: readonly (keyof PgQuery)[] = [
  "submit",
  "prepare",
  "hasBeenParsed",
  "handleCommandComplete",
];

type PgQueryClass = new (
  config: { readonly text: string; readonly values?: readonly unknown[]; readonly name?: string },
  callback: (error: unknown, results: readonly PgResult[]) => void,
) => PgQuery;

/** What became of a packet. The server does not run what stands behind a statement that failed. */
export type Answered =
  | { readonly results: readonly PgResult[] }
  | {
      readonly error: unknown;
      /** How many of its statements were completed before the error. */
      readonly completed: number;
    };

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
      const [first] = packet.statements;
      let completed = 0;
      const query = new (Query as PgQueryClass)({ text: first?.text ?? "" }, (given, results) => {
        const error = writer.refused ?? given ?? undefined;
        writer.answered(error === undefined);
        resolve(error === undefined ? { results } : { error, completed });
      });
      const own = query.handleCommandComplete.bind(query);
      query.handleCommandComplete = (...given) => {
        completed += 1;
        return own(...given);
      };
      query.submit = (connection) => {
        writer.write(connection);
        return null;
      };
      (client.query as (query: object) => void).call(client, query);
    });
}

class PacketWriter {
  readonly #Query: PgQueryClass;
  readonly #packet: Packet;
  readonly #wire: object;
  readonly #prepared: { answered(succeeded: boolean): void }[] = [];
  /** Why a value could not be written. What stands before it was sent all the same, and nothing behind it. */
  refused: unknown;

  constructor(Query: PgQueryClass, wire: object, packet: Packet) {
    this.#Query = Query;
    this.#wire = wire;
    this.#packet = packet;
  }

  write(connection: PgWire): void {
    const { stream } = connection;
    const unsynced = Object.create(connection, { sync: { value: () => {} } }) as PgWire;
    stream?.cork?.();
    try {
      for (const { text, values } of this.#packet.statements) {
        if (this.refused !== undefined) break;
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
      this.refused = error;
    });
    if (prepared !== undefined) {
      const { isThere, name } = prepared;
      // `pg` would take it for parsed as soon as anything is.
      query.hasBeenParsed = () => isThere;
      // Of an earlier try that failed. To close what is not there is no error.
      if (!isThere) unsynced.close({ type: "S", name });
      this.#prepared.push(prepared);
    }
    query.prepare(unsynced);
  }
}

function plain(connection: PgWire, text: string): void {
  connection.parse({ text });
  connection.bind({});
  connection.execute({});
}

function hasAll(value: unknown, methods: readonly string[]): boolean {
  return methods.every((method) => typeof property(value, method) === "function");
}
