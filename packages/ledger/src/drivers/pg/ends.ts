import { property } from "../shared/causes.ts";

/** What the server calls the statements after which a session may be in another transaction, or in none. */
const tags: ReadonlySet<unknown> = new Set([
  "BEGIN",
  "START TRANSACTION",
  "COMMIT",
  "ROLLBACK",
  "PREPARE TRANSACTION",
]);

/**
 * Counts what may have begun or ended a transaction on a connection, by what the server has answered: such statements, and
 * errors, because a COMMIT that fails ends its transaction too. Whoever sends them, and in whatever text: they all come by
 * here.
 */
export interface Ends {
  readonly count: number;
}

const known = new WeakMap<object, { count: number }>();

/** @returns undefined where the client does not show what it is answered, as `pg-native` does not. */
export function endsOf(client: object): Ends | undefined {
  const wire = property(client, "connection");
  if (typeof property(wire, "on") !== "function") return undefined;
  const before = known.get(wire as object);
  if (before !== undefined) return before;
  const ends = { count: 0 };
  known.set(wire as object, ends);
  (wire as PgAnswers).on("commandComplete", (answer) => {
    const tag = property(answer, "text");
    if (typeof tag !== "string" || tags.has(tag)) ends.count += 1;
  });
  (wire as PgAnswers).on("errorMessage", () => {
    ends.count += 1;
  });
  return ends;
}

interface PgAnswers {
  on(event: "commandComplete" | "errorMessage", listener: (answer: unknown) => void): unknown;
}
