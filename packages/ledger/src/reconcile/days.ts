import { decimalOf, type Exact, exact, plus } from "./amount.ts";
import type { Classified, ItemClass } from "./classify.ts";
import type { TimeRange } from "./rows.ts";

export const dayMs = 86_400_000;

/** Where a day begins, as minutes east of UTC: settlement days are the provider's. */
export function offsetMinutes(path: string, offset: unknown): number {
  const match = typeof offset === "string" ? /^(?:Z|([+-])(\d\d):(\d\d))$/.exec(offset) : null;
  const minutes = Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0);
  if (match === null || minutes > 14 * 60) {
    throw new RangeError(`${path} must be "Z" or an offset such as "+09:00"; got ${JSON.stringify(offset)}`);
  }
  return match[1] === "-" ? -minutes : minutes;
}

/** @returns the name of the day, `2026-11-22`. */
export function dayOf(atMs: number, offset: number): string {
  return new Date(atMs + offset * 60_000).toISOString().slice(0, 10);
}

/** @throws RangeError for what is no day. */
export function rangeOfDay(path: string, day: unknown, offset: number): TimeRange {
  const atMs =
    typeof day === "string" && /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 10) !== day) {
    throw new RangeError(`${path} must be a day such as "2026-11-22"; got ${JSON.stringify(day)}`);
  }
  const fromAtMs = atMs - offset * 60_000;
  return { fromAtMs, toAtMs: fromAtMs + dayMs };
}

/** Everything of one class and currency on one day. */
export interface DayTotal {
  readonly day: string;
  readonly class: ItemClass;
  /** Empty where rows name none. */
  readonly currency: string;
  readonly count: number;
  /** Exact, as decimals. */
  readonly remoteSum: string;
  readonly localSum: string;
}

/** What there was with what came to it. */
export function sumOf(before: readonly DayTotal[], added: readonly DayTotal[]): readonly DayTotal[] {
  const nameOf = (total: DayTotal): string => JSON.stringify([total.day, total.class, total.currency]);
  const known = new Map(before.map((total) => [nameOf(total), total]));
  return added.map((total) => {
    const old = known.get(nameOf(total));
    if (old === undefined) return total;
    return {
      ...total,
      count: old.count + total.count,
      remoteSum: decimalOf(plus(exact(old.remoteSum), exact(total.remoteSum))),
      localSum: decimalOf(plus(exact(old.localSum), exact(total.localSum))),
    };
  });
}

const zero: Exact = { units: 0n, scale: 0 };

/** Adds up one day. */
export class DayTotals {
  readonly #sums = new Map<string, Map<ItemClass, Sum>>();

  add(item: ItemClass, of: Pick<Classified, "remote" | "all" | "local"> | undefined): void {
    const sum = this.#sumOf(item, of?.remote?.currency ?? of?.local?.currency ?? "");
    sum.count += 1;
    if (of === undefined) return;
    // Of several effects all have moved money; refusals have not.
    for (const { status, amount } of of.all) {
      if (status === "succeeded") sum.remote = plus(sum.remote, exact(amount));
    }
    if (of.local?.state === "DONE") sum.local = plus(sum.local, exact(of.local.amount));
  }

  /** What was added since the last time. */
  take(day: string): readonly DayTotal[] {
    const totals = [...this.#sums].flatMap(([currency, byClass]) =>
      [...byClass].map(([item, { count, remote, local }]) => ({
        day,
        class: item,
        currency,
        count,
        remoteSum: decimalOf(remote),
        localSum: decimalOf(local),
      })),
    );
    this.#sums.clear();
    return totals;
  }

  #sumOf(item: ItemClass, currency: string): Sum {
    let byClass = this.#sums.get(currency);
    if (byClass === undefined) {
      byClass = new Map();
      this.#sums.set(currency, byClass);
    }
    let sum = byClass.get(item);
    if (sum === undefined) {
      sum = { count: 0, remote: zero, local: zero };
      byClass.set(item, sum);
    }
    return sum;
  }
}

interface Sum {
  count: number;
  remote: Exact;
  local: Exact;
}
