import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertOptions, integerIn, oneOf } from "../options/options.ts";
import { functionAt, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { answerOf } from "../options/user-functions.ts";
import type { CoDelRules } from "./codel.ts";

export interface BulkheadOptions extends PolicyOptions {
  /** Calls at a time. Range: integer >= 1. */
  readonly limit: number;
  /** Who is over the limit waits here. Without it everybody over the limit is rejected at once. */
  readonly queue?: BulkheadQueueOptions | undefined;
  /** What a rejection tells the caller to wait. @defaultValue "1s" */
  readonly retryAfter?: Duration | undefined;
}

export interface BulkheadQueueOptions {
  /** Who comes when so many wait is rejected. Range: integer >= 1. */
  readonly maxWaiting: number;
  /** How long one call may wait; less when its deadline is nearer. @defaultValue "1s" */
  readonly timeout?: Duration | undefined;
  /**
   * Who is let in next.
   *
   * - `fifo`: the one that has waited longest.
   * - `lifo`: the one that came last; under overload it is the one whose caller is most likely still there.
   * - `codel`: as `fifo`, and while the queue stands instead of moving, the oldest are dropped.
   *
   * @defaultValue "fifo"
   */
  readonly order?: "fifo" | "lifo" | "codel" | undefined;
  /** Only with the order `codel`. */
  readonly codel?: CoDelOptions | undefined;
  /** More important calls first. */
  readonly priorities?: PriorityOptions | undefined;
  /** Turns for everybody, so that one tenant's burst does not make the others wait behind it. */
  readonly fairness?: FairnessOptions | undefined;
}

export interface CoDelOptions {
  /** A wait that may stand for long. @defaultValue "5ms" */
  readonly target?: Duration | undefined;
  /** For how long waits must stay above the target before the first is dropped. @defaultValue "100ms" */
  readonly interval?: Duration | undefined;
  /** Lets in the newest first while it drops (adaptive LIFO). @defaultValue false */
  readonly newestFirst?: boolean | undefined;
}

export interface PriorityOptions {
  /** How many levels there are. Range: integer, 2 to 16. */
  readonly levels: number;
  /** The level of a call: 0 is the least important, `levels - 1` the most. What is none of them counts as 0. */
  readonly of: (input: unknown, context: CallContext) => number;
  /**
   * How often in a row an older, less important call may be passed over; after that the level of the oldest has
   * its turn. Range: integer >= 1.
   *
   * @defaultValue 8
   */
  readonly maxOvertakes?: number | undefined;
}

export interface FairnessOptions {
  /** Whose call it is, a tenant for example. Keys take turns. What is no string counts as the empty key. */
  readonly key: (input: unknown, context: CallContext) => string;
  /** Keys that wait at a time with a turn of their own; the others share one. Range: integer >= 1. @defaultValue 1000 */
  readonly maxKeys?: number | undefined;
}

/**
 * - `retryAfter` 1 s: the least that an HTTP `Retry-After` header can say.
 * - `timeout` 1 s: what proved right for waiting for a pooled connection (1 to 5 s); longer makes slow answers out
 *   of rejections.
 * - `codel` 5 ms and 100 ms: RFC 8289, sections 4.3 and 4.4. The interval should be about the time of a slow call.
 * - `maxOvertakes` 8: the least important get at least one slot in nine.
 * - `maxKeys` 1000: one turn each for the tenants that wait at the same time; keys without waiters cost nothing.
 */
export const bulkheadDefaults: {
  readonly retryAfter: Duration;
  readonly timeout: Duration;
  readonly order: "fifo";
  readonly codel: { readonly target: Duration; readonly interval: Duration; readonly newestFirst: boolean };
  readonly maxOvertakes: number;
  readonly maxKeys: number;
} = {
  retryAfter: "1s",
  timeout: "1s",
  order: "fifo",
  codel: { target: "5ms", interval: "100ms", newestFirst: false },
  maxOvertakes: 8,
  maxKeys: 1_000,
};

export interface QueueSettings {
  readonly maxWaiting: number;
  readonly timeoutMs: number;
  readonly order: "fifo" | "lifo" | "codel";
  readonly codel: (CoDelRules & { readonly newestFirst: boolean }) | undefined;
  readonly levels: number;
  readonly maxOvertakes: number;
  readonly maxKeys: number;
  readonly levelOf: (input: unknown, context: CallContext) => number;
  /** Whether keys take turns. */
  readonly keyed: boolean;
  readonly keyOf: (input: unknown, context: CallContext) => string;
}

export interface BulkheadSettings {
  readonly limit: number;
  readonly retryAfterMs: number;
  readonly queue: QueueSettings | undefined;
}

const path = "bulkhead";

/** @throws RangeError or TypeError that names the option, its value and the fix. */
export function bulkheadSettings(options: BulkheadOptions): BulkheadSettings {
  assertOptions(path, options, ["limit", "queue", "retryAfter", ...policyOptionKeys]);
  return {
    limit: integerIn(`${path}.limit`, options.limit, 1),
    retryAfterMs: durationMs(`${path}.retryAfter`, options.retryAfter ?? bulkheadDefaults.retryAfter, {
      minMs: 0,
    }),
    queue: options.queue === undefined ? undefined : queueSettings(options.queue),
  };
}

function queueSettings(queue: BulkheadQueueOptions): QueueSettings {
  const at = `${path}.queue`;
  assertOptions(at, queue, ["maxWaiting", "timeout", "order", "codel", "priorities", "fairness"]);
  const order = oneOf(`${at}.order`, queue.order ?? bulkheadDefaults.order, ["fifo", "lifo", "codel"]);
  if (queue.codel !== undefined && order !== "codel") {
    throw new TypeError(`${at}.codel counts only with the order "codel"; got order "${order}"`);
  }
  return {
    maxWaiting: integerIn(`${at}.maxWaiting`, queue.maxWaiting, 1),
    timeoutMs: durationMs(`${at}.timeout`, queue.timeout ?? bulkheadDefaults.timeout),
    order,
    codel: order === "codel" ? codelSettings(`${at}.codel`, queue.codel ?? {}) : undefined,
    ...prioritySettings(`${at}.priorities`, queue.priorities),
    ...fairnessSettings(`${at}.fairness`, queue.fairness),
  };
}

function codelSettings(at: string, codel: CoDelOptions): CoDelRules & { readonly newestFirst: boolean } {
  assertOptions(at, codel, ["target", "interval", "newestFirst"]);
  const { codel: defaults } = bulkheadDefaults;
  const { target = defaults.target, interval = defaults.interval, newestFirst } = codel;
  const targetMs = durationMs(`${at}.target`, target);
  const intervalMs = durationMs(`${at}.interval`, interval);
  if (targetMs >= intervalMs) {
    throw new RangeError(
      `${at}.target must be shorter than the interval (${interval}), or a burst would look like a standing ` +
        `queue; got "${target}"`,
    );
  }
  if (newestFirst !== undefined && typeof newestFirst !== "boolean") {
    throw new TypeError(`${at}.newestFirst must be true or false; got ${show(newestFirst)}`);
  }
  return { targetMs, intervalMs, newestFirst: newestFirst ?? defaults.newestFirst };
}

function prioritySettings(
  at: string,
  priorities: PriorityOptions | undefined,
): Pick<QueueSettings, "levels" | "maxOvertakes" | "levelOf"> {
  const maxOvertakes = bulkheadDefaults.maxOvertakes;
  if (priorities === undefined) return { levels: 1, maxOvertakes, levelOf: () => 0 };
  assertOptions(at, priorities, ["levels", "of", "maxOvertakes"]);
  functionAt(`${at}.of`, priorities.of);
  return {
    levels: integerIn(`${at}.levels`, priorities.levels, 2, 16),
    maxOvertakes: integerIn(`${at}.maxOvertakes`, priorities.maxOvertakes ?? maxOvertakes, 1),
    levelOf: harmless(priorities.of, 0),
  };
}

function fairnessSettings(
  at: string,
  fairness: FairnessOptions | undefined,
): Pick<QueueSettings, "maxKeys" | "keyed" | "keyOf"> {
  const maxKeys = bulkheadDefaults.maxKeys;
  if (fairness === undefined) return { maxKeys, keyed: false, keyOf: () => "" };
  assertOptions(at, fairness, ["key", "maxKeys"]);
  functionAt(`${at}.key`, fairness.key);
  return {
    maxKeys: integerIn(`${at}.maxKeys`, fairness.maxKeys ?? maxKeys, 1),
    keyed: true,
    keyOf: harmless(fairness.key, ""),
  };
}

/** The same function, where anything else than such a value stands for `instead`: what sorts calls must not fail them. */
function harmless<T extends string | number>(
  sort: (input: unknown, context: CallContext) => T,
  instead: T,
): (input: unknown, context: CallContext) => T {
  return (input, context) => {
    const sorted = answerOf(sort, input, context);
    return typeof sorted === typeof instead ? (sorted as T) : instead;
  };
}
