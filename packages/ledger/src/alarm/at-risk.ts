import { decimalOf, type Exact, exact, exactAmount, plus } from "../reconcile/amount.ts";
import type { AnyDefinition } from "../run/engine.ts";
import type { OperationState } from "../state/transitions.ts";
import type { StoredOperation } from "../store/operation-row.ts";
import type { Store } from "../store/store.ts";

/** What is in operations of which nobody knows how they end: UNKNOWN, CANCELLING, MANUAL, and SENDING after its lease. */
export interface AtRisk {
  readonly operations: number;
  readonly manual: number;
  /** Of those that no person has to decide; null when there is none. */
  readonly oldestUnknownMs: number | null;
  /** By currency, exact. */
  readonly amounts: readonly AmountAtRisk[];
  /** Operations of which it is not known what they move: without `amount`, or it failed, or they are defined elsewhere. */
  readonly unpriced: number;
  /** Whether there are more than were looked at; then all figures are too small. */
  readonly partial: boolean;
}

export interface AmountAtRisk {
  readonly currency: string;
  readonly amount: string;
  readonly operations: number;
}

const unsettled: readonly OperationState[] = ["UNKNOWN", "CANCELLING", "MANUAL"];
const pageRows = 500;
/** More than anybody would look through; what is beyond is said to be there. */
const rowsAtMost = 10_000;

export async function readAtRisk<Tx>(
  store: Store<Tx>,
  definitions: ReadonlyMap<string, AnyDefinition<Tx>>,
): Promise<AtRisk> {
  const open = new Map((await store.open()).map((each) => [each.state, each]));
  const shortestLeaseMs = Math.min(...[...definitions.values()].map(({ leaseMs }) => leaseMs));
  // One that was sent a moment ago is with its worker; only what lasts may have lost it.
  const sendingMs = open.get("SENDING")?.oldestMs ?? 0;
  const orphans = sendingMs > (definitions.size === 0 ? 0 : shortestLeaseMs);
  const wanted = unsettled.filter((state) => open.has(state as never));
  const states: readonly OperationState[] = orphans ? [...wanted, "SENDING"] : wanted;

  const sums = new Sums(definitions);
  let after: string | undefined;
  let oldestMs = Math.max(-1, open.get("UNKNOWN")?.oldestMs ?? -1, open.get("CANCELLING")?.oldestMs ?? -1);
  let [looked, more] = [0, states.length > 0];
  while (more && looked < rowsAtMost) {
    const rows = await store.list({
      states,
      operation: undefined,
      olderThanMs: undefined,
      after,
      limit: pageRows,
    });
    for (const row of rows) {
      if (row.state === "SENDING" && !leaseIsOver(row)) continue;
      if (row.state === "SENDING") oldestMs = Math.max(oldestMs, row.sentForMs);
      sums.add(row);
    }
    looked += rows.length;
    after = rows.at(-1)?.id;
    more = rows.length === pageRows;
  }
  return { ...sums.all(), oldestUnknownMs: oldestMs < 0 ? null : oldestMs, partial: more };
}

function leaseIsOver({ nextAt, asOf }: StoredOperation): boolean {
  return nextAt !== undefined && nextAt < asOf;
}

class Sums<Tx> {
  readonly #definitions: ReadonlyMap<string, AnyDefinition<Tx>>;
  readonly #byCurrency = new Map<string, { sum: Exact; operations: number }>();
  #operations = 0;
  #manual = 0;
  #unpriced = 0;

  constructor(definitions: ReadonlyMap<string, AnyDefinition<Tx>>) {
    this.#definitions = definitions;
  }

  add(row: StoredOperation): void {
    this.#operations += 1;
    if (row.state === "MANUAL") this.#manual += 1;
    const moved = amountOf(this.#definitions.get(row.operation), row);
    if (moved === undefined) {
      this.#unpriced += 1;
      return;
    }
    const before = this.#byCurrency.get(moved.currency) ?? { sum: { units: 0n, scale: 0 }, operations: 0 };
    this.#byCurrency.set(moved.currency, {
      sum: plus(before.sum, moved.amount),
      operations: before.operations + 1,
    });
  }

  all(): Pick<AtRisk, "operations" | "manual" | "amounts" | "unpriced"> {
    return {
      operations: this.#operations,
      manual: this.#manual,
      unpriced: this.#unpriced,
      amounts: [...this.#byCurrency]
        .map(([currency, { sum, operations }]) => ({ currency, amount: decimalOf(sum), operations }))
        .sort((a, b) => (a.currency < b.currency ? -1 : 1)),
    };
  }
}

/** Undefined where it cannot be told: an alarm must not fail because of what it counts. */
function amountOf<Tx>(
  definition: AnyDefinition<Tx> | undefined,
  { request }: StoredOperation,
): { readonly currency: string; readonly amount: Exact } | undefined {
  try {
    const amount = definition?.amount?.(JSON.parse(request));
    if (amount === undefined) return undefined;
    const { value, currency } = amount;
    const text = exactAmount("amount", value, currency);
    // Without a currency it could be added to nothing.
    if (typeof currency !== "string") return undefined;
    // A refund that nobody knows the end of is as much at risk as a charge.
    return { currency, amount: exact(text.replace(/^-/, "")) };
  } catch {
    return undefined;
  }
}
