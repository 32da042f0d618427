import type { SqlStatement } from "../../store/sql-port.ts";
import { property } from "../shared/causes.ts";

export const beginText = "begin isolation level read committed";

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
}

const wireParts: readonly (keyof PgWire)[] = ["parse", "bind", "execute"];

/** The class of `pg` that a statement is an instance of. */
type PgQueryClass = new (
  config: { readonly text: string; readonly values: readonly unknown[] },
  callback: (error: unknown, results: readonly PgResult[]) => void,
) => { submit(connection: PgWire): unknown };

/**
 * Sends BEGIN and a statement in one round trip: `pg` itself waits for each answer. They stand before one Sync, so when
 * BEGIN fails the server skips the other, and never runs it outside of a transaction.
 *
 * @param clientClass - The pool's.
 * @returns undefined where this is not the JavaScript client of `pg`: then they are sent one after the other.
 */
export function beginningWith(
  clientClass: unknown,
  client: { query: unknown },
  { text, values }: SqlStatement,
): (() => Promise<readonly PgResult[]>) | undefined {
  const Query = property(clientClass, "Query");
  const wire = property(client, "connection");
  if (typeof Query !== "function" || typeof property(Query.prototype, "submit") !== "function")
    return undefined;
  if (wireParts.some((part) => typeof property(wire, part) !== "function")) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      const query = new (Query as PgQueryClass)({ text, values: [...values] }, (error, results) =>
        error === null || error === undefined ? resolve(results) : reject(error),
      );
      const submit = query.submit.bind(query);
      query.submit = (connection) => {
        const { stream } = connection;
        // All of it in one packet.
        stream?.cork?.();
        try {
          connection.parse({ text: beginText });
          connection.bind({});
          connection.execute({});
          return submit(connection);
        } finally {
          stream?.uncork?.();
        }
      };
      (client.query as (query: object) => void).call(client, query);
    });
}
