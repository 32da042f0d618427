import { show } from "../duration/duration.ts";
import { assertOptions, nonEmptyString } from "../options/options.ts";
import type { LoadBudget } from "./load-budget.ts";

export interface RetryThrottleOptions {
  /** Stands in the snapshot. */
  readonly name?: string | undefined;
  /** What the throttle starts with and never exceeds. Range: above 0, at most 1,000. @defaultValue 10 */
  readonly maxTokens?: number | undefined;
  /** Earned by each success; a failure costs 1. Range: 0.001 to 1,000, three decimals count. @defaultValue 0.1 */
  readonly tokenRatio?: number | undefined;
}

/** As in the examples of gRPC's service configuration (gRFC A6). */
export const retryThrottleDefaults: { readonly maxTokens: number; readonly tokenRatio: number } = {
  maxTokens: 10,
  tokenRatio: 0.1,
};

/** Plain JSON. */
export interface RetryThrottleSnapshot {
  readonly kind: "retryThrottle";
  readonly name: string | undefined;
  readonly tokens: number;
  readonly maxTokens: number;
  readonly refused: number;
}

/** What may change while calls run. */
export type RetryThrottleChange = Omit<RetryThrottleOptions, "name">;

export type RetryThrottle = LoadBudget & {
  snapshot(): RetryThrottleSnapshot;
  /**
   * Changes what is given and keeps the rest and the tokens, as far as they fit; `undefined` stands for the default.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: RetryThrottleChange): void;
};

/**
 * gRPC's retry throttling as a budget: a failure costs one token, a success earns a part of one, and extra calls
 * are made only while more than half of the tokens are left.
 *
 * For those who carry a gRPC service configuration over. It differs from `loadBudget`: it earns by success, so a
 * total outage ends all retries after a few; and it counts what one policy sees, so it is given to a retry or to a
 * hedge, not to both around one call.
 *
 * Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
 */
export function retryThrottle(options: RetryThrottleOptions = {}): RetryThrottle {
  assertOptions("retryThrottle", options, ["name", ...ruleKeys]);
  const { name } = options;
  if (name !== undefined) nonEmptyString("retryThrottle.name", name);
  let given: RetryThrottleOptions = { ...options };
  let rules = rulesOf(given);
  let tokens = rules.max;
  let refused = 0;
  return {
    name,
    get ratio() {
      return rules.tokenRatio;
    },
    began() {},
    succeeded() {
      tokens = Math.min(rules.max, tokens + rules.earned);
    },
    failed() {
      tokens = Math.max(0, tokens - 1_000);
    },
    reserve() {
      if (2 * tokens > rules.max) return unpaid;
      refused += 1;
      return undefined;
    },
    snapshot: () => ({
      kind: "retryThrottle",
      name,
      tokens: tokens / 1_000,
      maxTokens: rules.maxTokens,
      refused,
    }),
    reconfigure(change: RetryThrottleChange) {
      assertOptions("retryThrottle", change, ruleKeys);
      const next = { ...given, ...change };
      rules = rulesOf(next);
      given = next;
      tokens = Math.min(tokens, rules.max);
    },
  };
}

const ruleKeys = ["maxTokens", "tokenRatio"];

interface ThrottleRules {
  readonly maxTokens: number;
  readonly tokenRatio: number;
  /** In thousandths, as gRPC counts them, so that ten successes earn exactly one token of ten tenths. */
  readonly max: number;
  readonly earned: number;
}

function rulesOf(options: RetryThrottleOptions): ThrottleRules {
  const maxTokens = numberIn("maxTokens", options.maxTokens ?? retryThrottleDefaults.maxTokens);
  const tokenRatio = numberIn("tokenRatio", options.tokenRatio ?? retryThrottleDefaults.tokenRatio);
  return {
    maxTokens,
    tokenRatio,
    max: Math.round(maxTokens * 1_000),
    earned: Math.round(tokenRatio * 1_000),
  };
}

/** The failure has been paid for already; the extra call itself costs nothing. */
const unpaid = { refund(): void {} };

function numberIn(key: string, value: unknown): number {
  if (typeof value !== "number" || !(value >= 0.001 && value <= 1_000)) {
    throw new RangeError(`retryThrottle.${key} must be a number between 0.001 and 1000; got ${show(value)}`);
  }
  return value;
}
