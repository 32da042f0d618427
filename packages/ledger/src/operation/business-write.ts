import { assertKnownKeys, join, show } from "@outrigger/core";
import { asOperationStep } from "../guard/run-in-transaction.ts";
import type { SqlQuery, SqlStatement } from "../store/sql-port.ts";

/** A statement that writes business rows. */
export interface BusinessStatement {
  /** One statement, in the database's own SQL. It names its values `$1`, `$2`, on every database. */
  readonly text: string;
  readonly values?: readonly unknown[];
}

/**
 * A write that is one statement, said beforehand and not sent: it then leaves together with the ledger's own and the
 * commit, in one round trip where the driver can do that.
 */
export interface WriteByStatement<Args extends readonly unknown[]> {
  /** Only says it: it may be called for nothing. What it throws is as if the statement had failed. */
  statement(...args: Args): BusinessStatement;
}

/** A function that writes in the ledger's transaction, by whatever library. */
interface WriteByFunction<Tx, Args extends readonly unknown[]> {
  run(tx: Tx, ...args: Args): Promise<unknown> | unknown;
}

/** How business rows are written: by a function, or by a statement. */
export type BusinessWrite<Tx, Args extends readonly unknown[]> =
  | WriteByFunction<Tx, Args>["run"]
  | WriteByStatement<Args>;

export interface CheckedWrite<Tx, Args extends readonly unknown[]> {
  /** In a transaction, with both ways to reach it. */
  run(on: { readonly tx: Tx; readonly query: SqlQuery }, ...args: Args): Promise<unknown> | unknown;
  /** Where it is known beforehand. */
  readonly statement: ((...args: Args) => SqlStatement) | undefined;
}

/** @throws TypeError that names the option, the value and the fix. */
export function checkedWrite<Tx, Args extends readonly unknown[]>(
  holderPath: string,
  holder: object,
  key: string,
): CheckedWrite<Tx, Args> {
  const write: unknown = Reflect.get(holder, key);
  if (typeof write === "function") {
    const run = asOperationStep(
      `${holderPath}: ${key}`,
      write.bind(holder) as WriteByFunction<Tx, Args>["run"],
    );
    return { run: ({ tx }, ...args) => run(tx, ...args), statement: undefined };
  }
  const path = join(holderPath, key);
  const given: unknown =
    typeof write === "object" && write !== null ? Reflect.get(write, "statement") : undefined;
  if (typeof given !== "function") {
    throw new TypeError(`${path} must be a function, or { statement } with one; got ${show(write)}`);
  }
  assertKnownKeys(path, write, ["statement"]);
  const say = given.bind(write) as WriteByStatement<Args>["statement"];
  const statement = (...args: Args): SqlStatement => checkedStatement(join(path, "statement"), say(...args));
  return {
    run({ query }, ...args) {
      const { text, values } = statement(...args);
      return query(text, values);
    },
    statement,
  };
}

function checkedStatement(path: string, said: unknown): SqlStatement {
  const { text, values = [] } = (said ?? {}) as { readonly text?: unknown; readonly values?: unknown };
  if (typeof text !== "string" || text.trim() === "" || !Array.isArray(values)) {
    // What it promises is not waited for, and must not end the process.
    Promise.resolve(said).catch(() => {});
    // Their values are the business's own, and may be secrets.
    const got =
      typeof said === "object" && said !== null ? `one with ${Object.keys(said).join(", ")}` : show(said);
    throw new TypeError(`${path} must return { text, values } at once: SQL, and a list; got ${got}`);
  }
  return { text, values };
}
