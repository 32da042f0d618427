import { type Clock, systemClock } from "../clock/clock.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertOptions, integerIn, oneOf } from "../options/options.ts";
import { clockAt, functionAt, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import type { Rate } from "./gcra.ts";

export interface RateLimitOptions extends PolicyOptions {
  /** This many permits … Range: integer >= 1. */
  readonly permits: number;
  /** … in this time, again and again. */
  readonly per: Duration;
  /**
   * What may be spent at once after a rest. With 1, calls are spaced evenly.
   *
   * A provider that counts in fixed windows sees at most `burst + permits` in one of its windows: where it allows
   * 100 a minute, 80 permits a minute with a burst of 20 never pass it. Range: integer >= 1.
   *
   * @defaultValue `permits`
   */
  readonly burst?: number | undefined;
  /** What happens to a call for which there are no permits. @defaultValue "reject" */
  readonly mode?: "reject" | "wait" | undefined;
  /** Who would wait longer is rejected at once. Only with the mode `wait`. @defaultValue "1s" */
  readonly maxWait?: Duration | undefined;
  /** Who comes when so many wait is rejected. Only with the mode `wait`. Range: integer >= 1. @defaultValue 1000 */
  readonly maxWaiting?: number | undefined;
  /** Permits that a call needs, 0 for a call that counts for nothing. Range: integer, 0 to `burst`. @defaultValue 1 */
  readonly cost?: ((input: unknown) => number) | undefined;
  /** Whether an answer with `Retry-After` pauses everybody, not only who got it. @defaultValue true */
  readonly obeyRetryAfter?: boolean | undefined;
  /** An answer cannot pause longer than this; the next one may pause again. @defaultValue "1m" */
  readonly maxPause?: Duration | undefined;
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined;
}

/**
 * - `mode` reject: fail fast; waiting is for work nobody waits for.
 * - `maxWait` 1 s: as for a pooled connection (1 to 5 s proved right); longer makes slow answers out of rejections.
 * - `maxWaiting` 1000: bounds memory; at most rates `maxWait` is what ends a wait.
 * - `maxPause` 1 min: one wrong header must not stop a service for a day.
 */
export const rateLimitDefaults: {
  readonly mode: "reject";
  readonly maxWait: Duration;
  readonly maxWaiting: number;
  readonly obeyRetryAfter: boolean;
  readonly maxPause: Duration;
} = { mode: "reject", maxWait: "1s", maxWaiting: 1_000, obeyRetryAfter: true, maxPause: "1m" };

export interface RateLimitSettings {
  readonly rate: Rate;
  readonly mode: "reject" | "wait";
  readonly maxWaitMs: number;
  readonly maxWaiting: number;
  readonly cost: ((input: unknown) => number) | undefined;
  /** 0 when answers do not pause. */
  readonly maxPauseMs: number;
  readonly clock: Clock;
}

const path = "rateLimit";

/** @throws RangeError or TypeError that names the option, its value and the fix. */
export function rateLimitSettings(options: RateLimitOptions): RateLimitSettings {
  assertOptions(path, options, [
    ...[
      "permits",
      "per",
      "burst",
      "mode",
      "maxWait",
      "maxWaiting",
      "cost",
      "obeyRetryAfter",
      "maxPause",
      "clock",
    ],
    ...policyOptionKeys,
  ]);
  const { cost, clock = systemClock } = options;
  const mode = oneOf(`${path}.mode`, options.mode ?? rateLimitDefaults.mode, ["reject", "wait"]);
  for (const key of ["maxWait", "maxWaiting"] as const) {
    if (mode === "reject" && options[key] !== undefined) {
      throw new TypeError(`${path}.${key} counts only with the mode "wait"; got mode "${mode}"`);
    }
  }
  const obeyRetryAfter = options.obeyRetryAfter ?? rateLimitDefaults.obeyRetryAfter;
  if (typeof obeyRetryAfter !== "boolean") {
    throw new TypeError(`${path}.obeyRetryAfter must be true or false; got ${show(obeyRetryAfter)}`);
  }
  if (!obeyRetryAfter && options.maxPause !== undefined) {
    throw new TypeError(`${path}.maxPause counts only with obeyRetryAfter: leave one out`);
  }
  if (cost !== undefined) functionAt(`${path}.cost`, cost);
  clockAt(`${path}.clock`, clock);
  const permits = integerIn(`${path}.permits`, options.permits, 1);
  const maxPauseMs = durationMs(`${path}.maxPause`, options.maxPause ?? rateLimitDefaults.maxPause);
  return {
    rate: {
      permits,
      perMs: durationMs(`${path}.per`, options.per),
      burst: integerIn(`${path}.burst`, options.burst ?? permits, 1),
    },
    mode,
    maxWaitMs:
      mode === "wait" ? durationMs(`${path}.maxWait`, options.maxWait ?? rateLimitDefaults.maxWait) : 0,
    maxWaiting: integerIn(`${path}.maxWaiting`, options.maxWaiting ?? rateLimitDefaults.maxWaiting, 1),
    cost,
    maxPauseMs: obeyRetryAfter ? maxPauseMs : 0,
    clock,
  };
}

/**
 * What a call costs.
 *
 * @throws RangeError when the user's function gives something else than a number of permits that there can be.
 */
export function costOf(
  cost: ((input: unknown) => number) | undefined,
  input: unknown,
  burst: number,
): number {
  if (cost === undefined) return 1;
  const needed: unknown = cost(input);
  // Nobody waits for a promise here, and what it rejects with must not end the process.
  if (needed instanceof Promise) needed.catch(() => {});
  return integerIn(`${path}.cost(input)`, needed, 0, burst);
}
