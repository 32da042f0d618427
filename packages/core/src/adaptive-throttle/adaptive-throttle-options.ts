import type { Clock, Random } from "../clock/clock.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { integerIn, join } from "../options/options.ts";
import { functionAt, type PolicyOptions } from "../options/policy-options.ts";
import type { ThrottleRules } from "./throttle.ts";

/** What can be changed while calls run; see `reconfigure`. */
export interface AdaptiveThrottleRules {
  /** How many times what the other side accepts is sent to it. Range: 1 to 100. @defaultValue 2 */
  readonly k?: number | undefined;
  /** Requests of this long are judged together. Range: 10 ms or more. @defaultValue "2m" */
  readonly window?: Duration | undefined;
  /** The share of calls that is turned away at most. Range: above 0, at most 0.999. @defaultValue 0.9 */
  readonly maxRejection?: number | undefined;
  /** Turns nobody away on fewer requests. Range: integer >= 1. @defaultValue 10 */
  readonly minimumRequests?: number | undefined;
  /** What a rejection tells the caller to wait. @defaultValue "1s" */
  readonly retryAfter?: Duration | undefined;
  /**
   * Whether an error means that the other side did not accept the request. Asked only about what came from there.
   *
   * @defaultValue failures of kind `failed`; a refusal is an answer, so the request was accepted
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
}

export interface AdaptiveThrottleOptions extends AdaptiveThrottleRules, PolicyOptions {
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined;
  /** Decides who is turned away. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * - `k` 2 and `window` 2 min: Site Reliability Engineering, chapter 21. Half of the requests may fail before anything
 *   is turned away; what gets better over there is noticed soon.
 * - `maxRejection` 0.9: one call in ten still goes through, so that recovery is noticed; failsafe-go has the same.
 * - `minimumRequests` 10: by the formula alone the first failure after a pause turns away every other call.
 * - `retryAfter` 1 s: the least that an HTTP `Retry-After` header can say.
 */
export const adaptiveThrottleDefaults: {
  readonly k: number;
  readonly window: Duration;
  readonly maxRejection: number;
  readonly minimumRequests: number;
  readonly retryAfter: Duration;
} = { k: 2, window: "2m", maxRejection: 0.9, minimumRequests: 10, retryAfter: "1s" };

export const throttleRuleKeys: readonly string[] = [...Object.keys(adaptiveThrottleDefaults), "isFailure"];

/** The rules with units and bounds checked. */
export interface ThrottleSettings extends ThrottleRules {
  readonly retryAfterMs: number;
  readonly isFailure: ((error: unknown) => boolean) | undefined;
}

/** @throws RangeError or TypeError that names the path, the value and the range. */
export function throttleSettings(path: string, rules: AdaptiveThrottleRules): ThrottleSettings {
  const defaults = adaptiveThrottleDefaults;
  const { isFailure } = rules;
  if (isFailure !== undefined) functionAt(join(path, "isFailure"), isFailure);
  return {
    k: atMost(join(path, "k"), rules.k ?? defaults.k, 1, 100),
    windowMs: durationMs(join(path, "window"), rules.window ?? defaults.window, { minMs: 10 }),
    maxRejection: share(join(path, "maxRejection"), rules.maxRejection ?? defaults.maxRejection),
    minimumRequests: integerIn(
      join(path, "minimumRequests"),
      rules.minimumRequests ?? defaults.minimumRequests,
      1,
    ),
    retryAfterMs: durationMs(join(path, "retryAfter"), rules.retryAfter ?? defaults.retryAfter, { minMs: 0 }),
    isFailure,
  };
}

function atMost(path: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new RangeError(`${path} must be a number, between ${min} and ${max}; got ${show(value)}`);
}

function share(path: string, value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= 0.999) return value;
  const hint =
    value === 1 ? ": with 1 nothing would be let through to notice that the other side is back" : "";
  throw new RangeError(`${path} must be a ratio above 0 and at most 0.999; got ${show(value)}${hint}`);
}
