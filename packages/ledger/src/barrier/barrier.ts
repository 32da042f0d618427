import { assertKnownKeys, Failure, oneOf, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import { checkedKey } from "../operation/key.ts";
import type { SqlQuery } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { BarrierStatements } from "./statements.ts";

export type BarrierAction = "try" | "confirm" | "cancel";

export interface BarrierOptions {
  /** The caller's key of the whole: the same for its try, confirm and cancel. 1 to 255 visible ASCII characters. */
  readonly key: string;
  readonly action: BarrierAction;
  /** Keeps the keys of different endpoints apart. 1 to 60 letters, digits, "_" and "-". @defaultValue "default" */
  readonly scope?: string;
}

/**
 * What became of a request behind a barrier. All of them are answered with success.
 *
 * - `ran`: the work was done, in this transaction; `value` is what it returned.
 * - `repeated`: it had been done before.
 * - `empty`: a cancel of what was never tried. Nothing is to be undone, and a try that comes later is not run.
 * - `cancelled`: a try or a confirm that comes after its cancel. Answer that it was cancelled.
 */
export type Passed<T> =
  | { readonly outcome: "ran"; readonly value: T }
  | { readonly outcome: "repeated" | "empty" | "cancelled" };

/** What a key may be in, and what an action makes of it. */
const targets = { try: "tried", confirm: "confirmed", cancel: "cancelled" } as const;

/**
 * Runs the work of one's own service's try, confirm or cancel as often as it has to be: once.
 *
 * @throws Failure `BARRIER_ORDER` with `effect: "none"` for a confirm of what was never tried, and for a cancel of what is
 * confirmed: its caller has lost its way; and whatever `work` throws, so that the transaction is rolled back.
 */
export async function barrier<Tx, T>(
  store: Store<Tx>,
  text: BarrierStatements,
  tx: Tx,
  options: BarrierOptions,
  work: () => Promise<T> | T,
): Promise<Passed<T>> {
  assertKnownKeys("barrier", options, ["key", "action", "scope"]);
  const action = oneOf("barrier.action", options.action, ["try", "confirm", "cancel"]);
  const at = [checkedScope(options.scope), checkedKey(options.key)] as const;
  if (typeof work !== "function")
    throw new TypeError(`barrier: the work must be a function; got ${show(work)}`);
  const query = store.sql.join(tx);
  const outcome = await enter(store, text, query, at, action);
  return outcome === "ran" ? { outcome, value: await work() } : { outcome };
}

function checkedScope(scope: unknown = "default"): string {
  if (typeof scope === "string" && /^[A-Za-z0-9_-]{1,60}$/.test(scope)) return scope;
  throw new RangeError(`barrier.scope must be 1 to 60 letters, digits, "_" or "-"; got ${show(scope)}`);
}

/** The key's row orders whoever comes at the same time: each waits for the transaction of the one before. */
async function enter<Tx>(
  store: Store<Tx>,
  text: BarrierStatements,
  query: SqlQuery,
  at: readonly [scope: string, key: string],
  action: BarrierAction,
): Promise<Passed<never>["outcome"]> {
  const to = targets[action];
  if (action !== "confirm") {
    const isEmpty = action === "cancel";
    const inserted = await store.send(query, text.insert, [...at, to, isEmpty ? "yes" : "no"]);
    if (inserted.length > 0) return isEmpty ? "empty" : "ran";
  }
  if (action !== "try") {
    const moved = await store.send(query, text.move, [...at, "tried", to]);
    if (moved.length > 0) return "ran";
  }
  const [found] = await store.send(query, text.find, at);
  const state = found?.["state"];
  if (state === to || (action === "try" && found?.["empty"] !== "yes" && state !== undefined))
    return "repeated";
  if (state === "cancelled") return "cancelled";
  throw outOfOrder(action, at[1]);
}

function outOfOrder(action: BarrierAction, key: string): Failure {
  const why =
    action === "cancel"
      ? "it is confirmed, and only its caller can have asked for both"
      : "it was never tried";
  return new Failure(`barrier: ${action} of key ${show(key)}: ${why}`, {
    code: ledgerFailureCodes.barrierOrder,
    effect: "none",
    kind: "rejected",
    transient: false,
  });
}
