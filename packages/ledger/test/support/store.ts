import { internalsOf } from "../../src/run/internals.ts";
import type { Move, NewOperation, OperationRow, StoredOperation } from "../../src/store/operation-row.ts";
import type { Store } from "../../src/store/store.ts";
import type { AnyShop } from "./shop.ts";

/* For tests of the statements by themselves: rows and moves with everything that they need. */

export const hour: number = 3_600_000;

/** The statements of a new node. */
export function storeOf(shop: AnyShop): Store<unknown> {
  return internalsOf<unknown>("ledger", shop.node().ledger).engine.store;
}

export function fresh(key: string, change: Partial<NewOperation> = {}): NewOperation {
  return {
    operation: "pay",
    key,
    fingerprint: "f",
    state: "SENDING",
    dueInMs: hour,
    providers: ["a", "b"],
    request: "{}",
    keyWindowMs: 24 * hour,
    ...change,
  };
}

export async function stored(
  store: Store<unknown>,
  key: string,
  change: Partial<NewOperation> = {},
): Promise<OperationRow> {
  const row = await store.insert(store.sql.query, fresh(key, change));
  if (row === undefined) throw new Error(`${key} was taken`);
  return row;
}

export async function found(store: Store<unknown>, { id }: OperationRow): Promise<StoredOperation> {
  const row = await store.find(id);
  if (row === undefined) throw new Error("it is gone");
  return row;
}

/** What is moved, and what becomes of it. */
export function to(row: OperationRow, state: Move["to"], change: Partial<Move> = {}): Move {
  return {
    from: row.state,
    to: state,
    intent: row.intent,
    provider: row.provider,
    inDoubt: row.inDoubt,
    abandoned: row.abandoned,
    resendRefused: row.resendRefused,
    personOnly: row.personOnly,
    afresh: false,
    dueInMs: ["DONE", "FAILED", "CANCELLED", "MANUAL"].includes(state) ? undefined : hour,
    keyWindowMs: undefined,
    why: "test",
    ...change,
  };
}

/** Asks for a cancel, as a person would. */
export async function wantCancel(store: Store<unknown>, row: OperationRow): Promise<OperationRow> {
  const to = { to: row.state, why: "cancelRequested", reason: "r", by: "kim", wantsCancel: true } as const;
  const now = await store.intervene(row, to);
  if (now === undefined) throw new Error("it could not be asked for");
  return now;
}

/** What is left of its lease, or until it is due. */
export const secondsUntil = ({ nextAt, asOf }: StoredOperation): number =>
  nextAt === undefined || nextAt === null ? Number.NaN : (Date.parse(nextAt) - Date.parse(asOf)) / 1_000;

/** As they are stored, in the words of the database's driver. */
export function rowsOf(
  { database }: AnyShop,
  { id }: OperationRow,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return database.query(`select * from ${database.table("operation")} where id = '${id}'`);
}
