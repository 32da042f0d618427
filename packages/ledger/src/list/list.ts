import { assertKnownKeys, type Duration, durationMs, integerIn, oneOf, show } from "@outrigger/core";
import { type OperationState, operationStates } from "../state/transitions.ts";
import { type OperationSummary, summaryOf } from "../store/record.ts";
import type { Store } from "../store/store.ts";

/** Which operations; what is left out is not asked for. */
export interface ListOptions {
  /** @defaultValue all */
  readonly states?: readonly OperationState[] | undefined;
  /** The operation's name, as it was defined. */
  readonly operation?: string | undefined;
  /** Created longer ago than this, by the database's clock. */
  readonly olderThan?: Duration | undefined;
  /** Only what waits for a person's word: MANUAL. @defaultValue false */
  readonly wantsPerson?: boolean | undefined;
  /** Range: integer from 1 to 1000. @defaultValue 50 */
  readonly limit?: number | undefined;
  /** Goes on after this page's `next`. */
  readonly after?: string | undefined;
}

/** Operations in the order of their ids, which is that of their creation. */
export interface OperationPage {
  readonly operations: readonly OperationSummary[];
  /** What `after` takes to go on; null at the end. */
  readonly next: string | null;
}

/**
 * What holds where an option is left out.
 *
 * - `limit` 50: a screen or two; who wants all of them takes pages.
 */
export const listDefaults: { readonly limit: number } = { limit: 50 };

/** A page is held in memory, in the database and here. */
const limitAtMost = 1_000;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** See `Ledger.list`. */
export async function list<Tx>(store: Store<Tx>, options: ListOptions): Promise<OperationPage> {
  assertKnownKeys("list options", options, [
    "states",
    "operation",
    "olderThan",
    "wantsPerson",
    "limit",
    "after",
  ]);
  const limit = integerIn("list.limit", options.limit ?? listDefaults.limit, 1, limitAtMost);
  // One more than is shown, so that the end is known to be the end.
  const rows = await store.list({
    states: statesOf(options),
    operation: textOf("list.operation", options.operation),
    olderThanMs:
      options.olderThan === undefined
        ? undefined
        : durationMs("list.olderThan", options.olderThan, { minMs: 0 }),
    limit: limit + 1,
    after: cursorOf(options.after),
  });
  const operations = rows.slice(0, limit).map(summaryOf);
  return { operations, next: rows.length > limit ? (operations.at(-1)?.id ?? null) : null };
}

function statesOf({ states = operationStates, wantsPerson = false }: ListOptions): readonly OperationState[] {
  if (!Array.isArray(states) || states.length === 0) {
    throw new TypeError(`list.states must be a list with a state in it; got ${show(states)}`);
  }
  for (const [index, state] of states.entries()) oneOf(`list.states[${index}]`, state, operationStates);
  if (typeof wantsPerson !== "boolean") {
    throw new TypeError(`list.wantsPerson must be true or false; got ${show(wantsPerson)}`);
  }
  if (!wantsPerson) return states;
  if (states.includes("MANUAL")) return ["MANUAL"];
  throw new RangeError(
    "list.wantsPerson asks for MANUAL, which list.states leaves out: leave one of them out",
  );
}

function textOf(path: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw new TypeError(`${path} must be an operation's name; got ${show(value)}`);
}

function cursorOf(after: unknown): string | undefined {
  if (after === undefined || (typeof after === "string" && uuid.test(after))) return after;
  throw new RangeError(`list.after must be what a page's next said; got ${show(after)}`);
}
