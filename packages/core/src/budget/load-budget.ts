import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertOptions, join, nonEmptyString, ratioIn } from "../options/options.ts";
import { functionAt } from "../options/policy-options.ts";
import { accountSlots, LoadAccount } from "./load-account.ts";

/**
 * Says how much may be sent beyond first tries. One budget per service that is called, shared by the retries,
 * the hedges and the failover of all calls to it.
 */
export interface LoadBudget {
  readonly name: string | undefined;
  /** Extra calls for each first try in the long run: 0.2 is 20 %. */
  readonly ratio: number;
  /** Extra calls a second that there may be on top of these, however few first tries there are. @defaultValue 0 */
  readonly minPerSecond?: number | undefined;
  /** A call begins, before its first try. Once for each call, however many policies share the budget. */
  began(nowMs: number): void;
  /** A try succeeded. */
  succeeded?(): void;
  /** A try failed in a way that another one may mend. */
  failed?(): void;
  /** Room for one extra call, or undefined while there is none. Taken at once, before any wait. */
  reserve(nowMs: number): Reservation | undefined;
}

/** Room for one extra call. Kept by making the call; there is nothing to do then. */
export interface Reservation {
  /** The extra call was not made, or not sent. Doing it twice does nothing. */
  refund(): void;
}

/** @throws TypeError that names the path and what is missing. */
export function budgetAt(path: string, budget: unknown): asserts budget is LoadBudget {
  const given = budget as Partial<Record<keyof LoadBudget, unknown>> | null | undefined;
  for (const key of ["reserve", "began"] as const) functionAt(`${path}.${key}`, given?.[key]);
}

export interface LoadBudgetOptions {
  /** Stands in the snapshot and in messages. */
  readonly name?: string | undefined;
  /** Extra calls for each first try of the window. Range: 0 to 1. @defaultValue 0.2 */
  readonly ratio?: number | undefined;
  /** Extra calls a second that are there even without first tries. Range: 0 to 1,000,000. @defaultValue 10 */
  readonly minPerSecond?: number | undefined;
  /** What is earned is kept for this long. Range: 100 ms to 1 h. @defaultValue "10s" */
  readonly window?: Duration | undefined;
  /**
   * How much of `minPerSecond` one named operation may take for itself. What an operation's own first tries have
   * earned is always its own. Range: above 0, at most 1. @defaultValue 0.5
   */
  readonly perOperationShare?: number | undefined;
}

/**
 * - `ratio` 0.2, `minPerSecond` 10, `window` 10 s: Finagle's, in service for a decade. When everything fails,
 *   a service that is called 1,000 times a second gets 1,210 calls instead of 3,000 with two retries
 *   (https://twitter.github.io/finagle/guide/Clients.html#retries).
 * - `perOperationShare` 0.5: one operation that fails takes half of the common part at most, so the others still
 *   have what they earned and the other half.
 */
export const loadBudgetDefaults: {
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly window: Duration;
  readonly perOperationShare: number;
} = { ratio: 0.2, minPerSecond: 10, window: "10s", perOperationShare: 0.5 };

/** Plain JSON. */
export interface LoadBudgetSnapshot {
  readonly kind: "loadBudget";
  readonly name: string | undefined;
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly windowMs: number;
  /** Since the start: reservations made, those of them given back, and requests turned down. */
  readonly reserved: number;
  readonly refunded: number;
  readonly refused: number;
  /** In the window that the last call saw, for each operation that was named. */
  readonly operations: Readonly<Record<string, { readonly firstTries: number; readonly extraCalls: number }>>;
}

/** What may change while calls run. */
export type LoadBudgetChange = Pick<LoadBudgetOptions, "ratio" | "minPerSecond" | "perOperationShare">;

export interface SharedLoadBudget extends LoadBudget {
  /**
   * The part of one operation. What its first tries earned cannot be taken by others, and of what is common it
   * takes no more than its share.
   *
   * @param name - A declared name; each stays in memory, so never an id or a path.
   */
  operation(name: string): LoadBudget;
  snapshot(): LoadBudgetSnapshot;
  /**
   * Changes what is given and keeps the rest and what has been counted; `undefined` stands for the default.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: LoadBudgetChange): void;
}

/**
 * Bounds extra load: in any window, at most `ratio` extra calls for each first try, and `minPerSecond` more.
 *
 * A call earns by beginning, not by succeeding, so a total outage does not change what may be sent. Room is taken
 * when an extra call is decided on, not when its wait is over: a thousand calls that fail at once cannot all pass
 * while they wait.
 */
export function loadBudget(options: LoadBudgetOptions = {}): SharedLoadBudget {
  assertOptions("loadBudget", options, ["name", "window", ...tunable]);
  const { name } = options;
  if (name !== undefined) nonEmptyString("loadBudget.name", name);
  const windowMs = durationMs("loadBudget.window", options.window ?? loadBudgetDefaults.window, {
    minMs: 100,
    maxMs: 3_600_000,
  });
  let given: LoadBudgetOptions = { ...options };
  let allowance = allowanceOf(given, windowMs);
  const totals = { reserved: 0, refunded: 0, refused: 0 };
  const accounts = new Map<string, LoadAccount>();
  const common = new LoadAccount();
  const slotMs = windowMs / accountSlots;

  /** What an account has taken beyond what its own first tries have earned. */
  const borrowed = (account: LoadAccount, epoch: number): number =>
    Math.max(0, account.extraCalls(epoch) - allowance.ratio * account.firstTries(epoch));

  const mayTake = (account: LoadAccount, epoch: number): boolean => {
    const before = borrowed(account, epoch);
    const after = account.extraCalls(epoch) + 1 - allowance.ratio * account.firstTries(epoch);
    if (after <= rounding) return true;
    const share = account === common ? 1 : allowance.perOperationShare;
    if (after > share * allowance.common + rounding) return false;
    let all = after - before + borrowed(common, epoch);
    for (const each of accounts.values()) all += borrowed(each, epoch);
    return all <= allowance.common + rounding;
  };

  const part = (account: LoadAccount): LoadBudget => ({
    name,
    get ratio() {
      return allowance.ratio;
    },
    get minPerSecond() {
      return allowance.minPerSecond;
    },
    began: (nowMs) => account.count(Math.floor(nowMs / slotMs)),
    reserve(nowMs) {
      const epoch = Math.floor(nowMs / slotMs);
      if (!mayTake(account, epoch)) {
        totals.refused += 1;
        return undefined;
      }
      totals.reserved += 1;
      const takenIn = account.take(epoch);
      let held = true;
      return {
        refund() {
          if (!held) return;
          held = false;
          totals.refunded += 1;
          account.giveBack(takenIn);
        },
      };
    },
  });

  const parts = new Map<string, LoadBudget>();
  return Object.assign(part(common), {
    operation(operation: string): LoadBudget {
      nonEmptyString("loadBudget.operation", operation);
      const known = parts.get(operation);
      if (known !== undefined) return known;
      const account = new LoadAccount();
      accounts.set(operation, account);
      const made = part(account);
      parts.set(operation, made);
      return made;
    },
    snapshot: (): LoadBudgetSnapshot => ({
      kind: "loadBudget",
      name,
      ratio: allowance.ratio,
      minPerSecond: allowance.minPerSecond,
      windowMs,
      ...totals,
      operations: Object.fromEntries(
        [...accounts].map(([each, account]) => [
          each,
          { firstTries: account.firstTries(0), extraCalls: account.extraCalls(0) },
        ]),
      ),
    }),
    reconfigure(change: LoadBudgetChange): void {
      assertOptions("loadBudget", change, tunable);
      const next = { ...given, ...change };
      allowance = allowanceOf(next, windowMs);
      given = next;
    },
  });
}

const tunable = ["ratio", "minPerSecond", "perOperationShare"];

/** Binary fractions: 0.29 * 100 is a hair less than 29. */
const rounding = 1e-9;

interface Allowance {
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly perOperationShare: number;
  /** What `minPerSecond` comes to in one window. */
  readonly common: number;
}

function allowanceOf(options: LoadBudgetOptions, windowMs: number): Allowance {
  const defaults = loadBudgetDefaults;
  const ratio = numberIn("ratio", options.ratio ?? defaults.ratio, 1);
  const minPerSecond = numberIn("minPerSecond", options.minPerSecond ?? defaults.minPerSecond, 1_000_000);
  if (ratio === 0 && minPerSecond === 0) {
    throw new RangeError(
      "loadBudget.ratio and loadBudget.minPerSecond must not both be 0: the budget would never allow anything",
    );
  }
  return {
    ratio,
    minPerSecond,
    perOperationShare: ratioIn(
      "loadBudget.perOperationShare",
      options.perOperationShare ?? defaults.perOperationShare,
    ),
    common: (minPerSecond * windowMs) / 1_000,
  };
}

function numberIn(key: string, value: unknown, max: number): number {
  if (typeof value !== "number" || !(value >= 0 && value <= max)) {
    // Only a ratio can be wrong and lie in this range.
    const isPercentage = typeof value === "number" && value > 1 && value <= 100;
    const hint = isPercentage ? `: write ${value / 100} for ${value} %` : "";
    throw new RangeError(
      `${join("loadBudget", key)} must be a number between 0 and ${max}; got ${show(value)}${hint}`,
    );
  }
  return value;
}
