import type { Clock, Random } from "../clock/clock.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertOptions, integerIn, join, oneOf, ratioIn } from "../options/options.ts";
import { functionAt, type PolicyOptions } from "../options/policy-options.ts";

/** Which rule moves the limit; see `algorithm`. */
export type AdaptiveAlgorithm = "gradient" | "gradient2" | "vegas" | "aimd";

export interface GradientOptions {
  /** What may be added to the latency without load before it counts as queueing. Range: 0 to 10. @defaultValue 0.25 */
  readonly buffer?: number | undefined;
  /** Windows until the latency without load is measured again, less a random part of up to half. @defaultValue 30 */
  readonly probeEvery?: number | undefined;
}

export interface Gradient2Options {
  /** By how much the limit may grow in a window, before smoothing. Range: integer >= 1. @defaultValue 4 */
  readonly queueSize?: number | undefined;
  /** How much of a new limit is taken over at once. Range: above 0, at most 1. @defaultValue 0.2 */
  readonly smoothing?: number | undefined;
  /** Windows that the long average looks back on. Range: integer, 10 or more. @defaultValue 600 */
  readonly longWindow?: number | undefined;
  /** How many times the long average a latency may be. Range: 1 to 10. @defaultValue 1.5 */
  readonly tolerance?: number | undefined;
}

export interface VegasOptions {
  /** Calls that may wait over there, times the decades of the limit. Range: above 0, at most `beta`. @defaultValue 3 */
  readonly alpha?: number | undefined;
  /** More of them, times the decades, make the limit shrink. Range: above 0, at most 1,000. @defaultValue 6 */
  readonly beta?: number | undefined;
  /** How much of a new limit is taken over at once. Range: above 0, at most 1. @defaultValue 1 */
  readonly smoothing?: number | undefined;
  /** As for `gradient`. @defaultValue 30 */
  readonly probeEvery?: number | undefined;
}

export interface AimdOptions {
  /** A mean latency above it counts as a drop. @defaultValue "5s" */
  readonly slowAfter?: Duration | undefined;
}

/** What can be changed while calls run; see `reconfigure`. */
export interface AdaptiveConcurrencyRules {
  /**
   * - `gradient`: latency against that without load; settles fast, a little above what the other side can work on.
   * - `gradient2`: latency against its own long average; calmest, but follows an overload that lasts.
   * - `vegas`: keeps a few calls waiting over there; needs latencies that vary little.
   * - `aimd`: takes no hint from latency below `slowAfter`, only from calls that time out or are throttled.
   *
   * @defaultValue "gradient"
   */
  readonly algorithm?: AdaptiveAlgorithm | undefined;
  /** The limit never falls below. Range: integer >= 1. @defaultValue 3, or `max` where that is smaller */
  readonly min?: number | undefined;
  /** The limit never rises above. Range: integer, `min` to 1,000,000. @defaultValue 200, or `min` where that is larger */
  readonly max?: number | undefined;
  /** Calls of at least so long move the limit once; "0ms" lets every call move it. @defaultValue "1s" */
  readonly window?: Duration | undefined;
  /** Calls that must have succeeded in a window. Range: integer >= 1. @defaultValue 10 */
  readonly minimumCalls?: number | undefined;
  /** What a call that times out or is throttled leaves of the limit. Range: 0.1 to 0.99. @defaultValue 0.9 */
  readonly backoffRatio?: number | undefined;
  /** What a rejection tells the caller to wait. @defaultValue "1s" */
  readonly retryAfter?: Duration | undefined;
  /**
   * Whether an error says that the other side has too much to do. Asked only about what came from there.
   *
   * @defaultValue failures that are transient: timeouts, 429, 503, lost connections
   */
  readonly isDrop?: ((error: unknown) => boolean) | undefined;
  /** Only with the algorithm `gradient`. */
  readonly gradient?: GradientOptions | undefined;
  /** Only with the algorithm `gradient2`. */
  readonly gradient2?: Gradient2Options | undefined;
  /** Only with the algorithm `vegas`. */
  readonly vegas?: VegasOptions | undefined;
  /** Only with the algorithm `aimd`. */
  readonly aimd?: AimdOptions | undefined;
}

export interface AdaptiveConcurrencyOptions extends AdaptiveConcurrencyRules, PolicyOptions {
  /** The limit at the start. Range: integer, `min` to `max`. @defaultValue 20, moved into that range */
  readonly initial?: number | undefined;
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined;
  /** Spreads the measurements of many processes. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * - `algorithm` gradient: of the four it was the closest in a simulated server of 40 workers, with even and with
 *   exponential service times, at 98 % of its throughput or more; what it settles at can be calculated.
 * - `initial` 20, `max` 200: Netflix concurrency-limits and failsafe-go start and end there.
 * - `min` 3: what Envoy lets in to measure the latency without load; enough to notice that a service is back.
 * - `window` 1 s and `minimumCalls` 10: the defaults of Netflix' `WindowedLimit`.
 * - `backoffRatio` 0.9: Netflix' `AIMDLimit`; TCP's 0.5 would give up half of the throughput for one lost call.
 * - `retryAfter` 1 s: the least that an HTTP `Retry-After` header can say; also one window.
 * - `gradient`: the buffer of Envoy. `probeEvery` 30: Netflix' probe multiplier.
 * - `gradient2`, `vegas`, `aimd`: the defaults of Netflix concurrency-limits.
 */
export const adaptiveConcurrencyDefaults: {
  readonly algorithm: AdaptiveAlgorithm;
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  readonly window: Duration;
  readonly minimumCalls: number;
  readonly backoffRatio: number;
  readonly retryAfter: Duration;
  readonly gradient: { readonly buffer: number; readonly probeEvery: number };
  readonly gradient2: {
    readonly queueSize: number;
    readonly smoothing: number;
    readonly longWindow: number;
    readonly tolerance: number;
  };
  readonly vegas: {
    readonly alpha: number;
    readonly beta: number;
    readonly smoothing: number;
    readonly probeEvery: number;
  };
  readonly aimd: { readonly slowAfter: Duration };
} = {
  algorithm: "gradient",
  initial: 20,
  min: 3,
  max: 200,
  window: "1s",
  minimumCalls: 10,
  backoffRatio: 0.9,
  retryAfter: "1s",
  gradient: { buffer: 0.25, probeEvery: 30 },
  gradient2: { queueSize: 4, smoothing: 0.2, longWindow: 600, tolerance: 1.5 },
  vegas: { alpha: 3, beta: 6, smoothing: 1, probeEvery: 30 },
  aimd: { slowAfter: "5s" },
};

const algorithms = ["gradient", "gradient2", "vegas", "aimd"] as const;

export const adaptiveRuleKeys: readonly string[] = [
  "algorithm",
  "min",
  "max",
  "window",
  "minimumCalls",
  "backoffRatio",
  "retryAfter",
  "isDrop",
  ...algorithms,
];

/** The rules with units and bounds checked; of the algorithms' options those of the chosen one. */
export interface AdaptiveSettings {
  readonly min: number;
  readonly max: number;
  readonly windowMs: number;
  readonly minimumCalls: number;
  readonly backoffRatio: number;
  readonly retryAfterMs: number;
  readonly isDrop: ((error: unknown) => boolean) | undefined;
  readonly algorithm:
    | ({ readonly kind: "gradient" } & Filled<GradientOptions>)
    | ({ readonly kind: "gradient2" } & Filled<Gradient2Options>)
    | ({ readonly kind: "vegas" } & Filled<VegasOptions>)
    | { readonly kind: "aimd"; readonly slowAfterMs: number };
}

type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** @throws RangeError or TypeError that names the path, the value and the range. */
export function adaptiveSettings(path: string, rules: AdaptiveConcurrencyRules): AdaptiveSettings {
  const defaults = adaptiveConcurrencyDefaults;
  const at = (key: string): string => join(path, key);
  const { isDrop } = rules;
  if (isDrop !== undefined) functionAt(at("isDrop"), isDrop);
  const smallestMax = rules.min === undefined ? 1 : integerIn(at("min"), rules.min, 1, mostCalls);
  const max = integerIn(at("max"), rules.max ?? Math.max(defaults.max, smallestMax), smallestMax, mostCalls);
  return {
    min: rules.min ?? Math.min(defaults.min, max),
    max,
    windowMs: durationMs(at("window"), rules.window ?? defaults.window, { minMs: 0 }),
    minimumCalls: integerIn(at("minimumCalls"), rules.minimumCalls ?? defaults.minimumCalls, 1),
    backoffRatio: numberIn(at("backoffRatio"), rules.backoffRatio ?? defaults.backoffRatio, 0.1, 0.99),
    retryAfterMs: durationMs(at("retryAfter"), rules.retryAfter ?? defaults.retryAfter, { minMs: 0 }),
    isDrop,
    algorithm: algorithmSettings(path, rules),
  };
}

/** More would not be a limit; also keeps the arithmetic exact. */
const mostCalls = 1_000_000;

function algorithmSettings(path: string, rules: AdaptiveConcurrencyRules): AdaptiveSettings["algorithm"] {
  const defaults = adaptiveConcurrencyDefaults;
  const kind = oneOf(join(path, "algorithm"), rules.algorithm ?? defaults.algorithm, algorithms);
  for (const other of algorithms) {
    if (other === kind || rules[other] === undefined) continue;
    throw new TypeError(
      `${join(path, other)} is for the algorithm "${other}", and the algorithm is "${kind}"; ` +
        "change one of the two, or leave it out",
    );
  }
  const at = join(path, kind);
  const given = (rules[kind] ?? {}) as Record<string, unknown>;
  assertOptions(at, given, Object.keys(defaults[kind]));
  const filled: Record<string, unknown> = { ...defaults[kind] };
  for (const [key, value] of Object.entries(given)) if (value !== undefined) filled[key] = value;
  const ratio = (key: string): number => ratioIn(join(at, key), filled[key]);
  const number = (key: string, min: number, max: number): number =>
    numberIn(join(at, key), filled[key], min, max);
  if (kind === "gradient") {
    return { kind, buffer: number("buffer", 0, 10), probeEvery: number("probeEvery", 2, 1_000_000) };
  }
  if (kind === "gradient2") {
    return {
      kind,
      queueSize: integerIn(join(at, "queueSize"), filled["queueSize"], 1, mostCalls),
      smoothing: ratio("smoothing"),
      longWindow: integerIn(join(at, "longWindow"), filled["longWindow"], 10),
      tolerance: number("tolerance", 1, 10),
    };
  }
  if (kind === "vegas") {
    const beta = number("beta", 0.1, 1_000);
    return {
      kind,
      alpha: number("alpha", 0.1, beta),
      beta,
      smoothing: ratio("smoothing"),
      probeEvery: number("probeEvery", 2, 1_000_000),
    };
  }
  return { kind, slowAfterMs: durationMs(join(at, "slowAfter"), filled["slowAfter"]) };
}

/** @throws RangeError when the first limit lies outside of the bounds. */
export function initialLimit(path: string, initial: number | undefined, settings: AdaptiveSettings): number {
  const { min, max } = settings;
  if (initial !== undefined) return integerIn(join(path, "initial"), initial, min, max);
  return Math.max(min, Math.min(max, adaptiveConcurrencyDefaults.initial));
}

function numberIn(path: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new RangeError(`${path} must be a number, between ${min} and ${max}; got ${show(value)}`);
}
