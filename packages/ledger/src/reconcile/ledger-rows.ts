import { sentKey } from "../operation/key.ts";
import type { ComparedOperation } from "../store/operation-row.ts";
import type { Store } from "../store/store.ts";
import { exactAmount } from "./amount.ts";
import type { LocalRow, TimeRange } from "./rows.ts";

/** What an operation moved, from what it asked for and what came back. */
export type AmountOf = (
  request: unknown,
  result: unknown,
) => { readonly amount: string | number | bigint; readonly currency?: string | undefined };

export interface LedgerRowsOptions {
  readonly operation: string;
  readonly provider: string;
  readonly keyScope: "operation" | "account";
  readonly amountOf: AmountOf;
}

const pageRows = 500;
/** An id is made, and a row dated, a little apart: a statement may have waited for another in between. */
const idMarginMs = 3_600_000;

/** The operation's rows that were created in the range, in the order of their ids. */
export async function* ledgerRows<Tx>(
  store: Store<Tx>,
  range: TimeRange,
  options: LedgerRowsOptions,
): AsyncGenerator<readonly LocalRow[]> {
  for await (const page of pages(store, range)) {
    const rows: LocalRow[] = [];
    for (const stored of page) {
      if (stored.operation !== options.operation || !stored.providers.includes(options.provider)) continue;
      const row = localRow(stored, options);
      if (row.atMs >= range.fromAtMs && row.atMs < range.toAtMs) rows.push(row);
    }
    yield rows;
  }
}

/** The database is asked for the next page before the one that is there is looked at, so that neither waits. */
async function* pages<Tx>(
  store: Store<Tx>,
  { fromAtMs, toAtMs }: TimeRange,
): AsyncGenerator<readonly ComparedOperation[]> {
  const last = idAt(toAtMs + idMarginMs);
  let coming = ask(store, idAt(fromAtMs - idMarginMs));
  try {
    for (;;) {
      const page = await coming;
      const end = page.at(-1)?.id;
      const isLast = page.length < pageRows || end === undefined || end > last;
      if (!isLast) coming = ask(store, end);
      yield page;
      if (isLast) return;
    }
  } finally {
    // Nobody looks at it where the reader has gone, and nothing goes on after that.
    await coming.catch(() => {});
  }
}

function ask<Tx>(store: Store<Tx>, after: string): Promise<readonly ComparedOperation[]> {
  const page = store.compared(after, pageRows);
  // It may fail while the page before it is looked at, and is told when it is wanted.
  page.catch(() => {});
  return page;
}

/** The smallest id of that time: ids begin with the milliseconds since 1970. */
function idAt(atMs: number): string {
  const hex = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}

/** @throws RangeError that names the operation, when its amount is not exact. */
export function localRow(stored: ComparedOperation, options: LedgerRowsOptions): LocalRow {
  const { operation, key, result } = stored;
  const { amount, currency } = options.amountOf(
    JSON.parse(stored.request),
    result === undefined ? undefined : JSON.parse(result),
  );
  return {
    key: sentKey(operation, key, options.keyScope),
    ledgerKey: key,
    atMs: Date.parse(stored.createdAt),
    // One that has gone on to another provider has no effect at this one.
    state: stored.provider === options.provider ? stored.state : "FAILED",
    amount: exactAmount(`the amount of ${operation} ${key}`, amount, currency),
    currency,
  };
}

/** @returns the ledger's key of what a provider was sent; undefined when it cannot be told from it. */
export function ledgerKeyOf(key: string, { operation, keyScope }: LedgerRowsOptions): string | undefined {
  const bare =
    keyScope === "operation" ? key : key.startsWith(`${operation}:`) ? key.slice(operation.length + 1) : "";
  return /^[\x21-\x7e]{1,255}$/.test(bare) ? bare : undefined;
}
