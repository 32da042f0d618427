import type { Clock, Random } from "../clock/clock.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertOptions, integerIn, ratioIn } from "../options/options.ts";
import { functionAt, type PolicyOptions } from "../options/policy-options.ts";
import { type CircuitRules, failuresNeeded, type RatioRule, type SlowCallRule } from "./circuit-rules.ts";
import type { OpenTimeRules } from "./open-time.ts";
import type { WindowShape } from "./outcome-window.ts";

/** One reason to open. With `consecutiveFailures` it has no other option. */
export interface TripRule {
  /** Not with `count`. Range: 10 ms or more. @defaultValue "10s" */
  readonly window?: Duration | undefined;
  /** Range: integer, 1 to 100,000. */
  readonly count?: number | undefined;
  /** Range: above 0, at most 1. @defaultValue 0.5 */
  readonly failureRatio?: number | undefined;
  /** Range: integer >= 1. @defaultValue 20, or `count` where that is smaller */
  readonly minimumCalls?: number | undefined;
  /** Range: integer >= 1. */
  readonly consecutiveFailures?: number | undefined;
}

export interface SlowCallOptions {
  /** A call is slow once it has run for this long, whether or not it has ended. Range: below `window`. */
  readonly after: Duration;
  /** Opens when this share of the calls is slow, or more. Range: above 0, at most 1. @defaultValue 0.5 */
  readonly ratio?: number | undefined;
  /** Never opens on fewer calls whose pace is known. Range: integer >= 1. @defaultValue that of the first rule */
  readonly minimumCalls?: number | undefined;
}

/** An open time that grows with each opening that follows the one before without a stable time between them. */
export interface OpenForOptions {
  /** Of the first opening. @defaultValue "30s" */
  readonly first?: Duration | undefined;
  /** By which each next one is longer. Range: 1 to 10. @defaultValue 2 */
  readonly factor?: number | undefined;
  /** @defaultValue "5m", or `first` where that is longer */
  readonly max?: Duration | undefined;
  /** Share of it that chance adds, so that many processes do not come back at once. Range: 0 to 1. @defaultValue 0.2 */
  readonly jitter?: number | undefined;
  /** After being closed for this long the next opening is a first one. @defaultValue "1m" */
  readonly resetAfter?: Duration | undefined;
  /** Longest `retryAfterMs` of the failure that opened it that is obeyed; "0ms" obeys none. @defaultValue "5m" */
  readonly maxRetryAfter?: Duration | undefined;
}

/** What can be changed while calls run; see `reconfigure`. */
export interface BreakerRules {
  /** Outcomes of this long are judged together. Not with `count`. Range: 10 ms or more. @defaultValue "10s" */
  readonly window?: Duration | undefined;
  /** Judges this many outcomes instead of those of a time. Range: integer, 1 to 100,000. */
  readonly count?: number | undefined;
  /** Opens when this share of the calls failed, or more. Range: above 0, at most 1. @defaultValue 0.5 */
  readonly failureRatio?: number | undefined;
  /** Never opens on fewer outcomes. Range: integer >= 1. @defaultValue 20, or `count` where that is smaller */
  readonly minimumCalls?: number | undefined;
  /**
   * Opens as well when this many calls in a row failed, in the order in which they ended; whichever is first.
   * Range: integer >= 1.
   */
  readonly consecutiveFailures?: number | undefined;
  /** Any number of reasons to open, whichever is first; in place of the five options above. Range: 1 to 10. */
  readonly trip?: readonly TripRule[] | undefined;
  /** Opens as well when too many calls are slow, those that still run included. */
  readonly slowCall?: SlowCallOptions | undefined;
  /**
   * How long calls are rejected before probes are let through; longer when the failure that opened it asked for
   * it. A duration is the same each time; an object makes it grow.
   *
   * @defaultValue "30s"
   */
  readonly openFor?: Duration | OpenForOptions | undefined;
  /** Calls that are let through to decide between closed and open. Range: integer, 1 to 1,000. @defaultValue 5 */
  readonly probes?: number | undefined;
  /** Opens again when this share of the probes fails. @defaultValue `failureRatio`, or 0.5 with `trip` */
  readonly probeFailureRatio?: number | undefined;
  /** After this long without an answer a probe's place is given to another call. @defaultValue "30s" */
  readonly maxHalfOpen?: Duration | undefined;
  /** Lets a share through that grows from a tenth to all within this time after closing. @defaultValue none */
  readonly rampUp?: Duration | undefined;
  /** Decides and reports as ever, and rejects nothing: for trying rules out in production. @defaultValue false */
  readonly shadow?: boolean | undefined;
  /**
   * Whether an error speaks against the other side's health. Asked only about what came from there; rejections
   * by our own policies and aborts never count.
   *
   * @defaultValue failures of kind `failed`; a refusal is an answer, and an answer is healthy
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
}

export interface BreakerOptions extends BreakerRules, PolicyOptions {
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined;
  /** For the jitter of the open time. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * - `window` 10 s and `failureRatio` 0.5: half of the calls of ten seconds, or more; opossum's defaults are the
 *   same numbers, where only more than half counts.
 * - `minimumCalls` 20: with fewer, a handful of unlucky calls would open it (at 5 % honest errors, 10 of 20 fail
 *   once in ninety million windows, 2 of 3 once in a hundred and forty).
 * - `openFor` 30 s: long enough for a restart or a failover over there; opossum and Envoy start with the same.
 * - `probes` 5: one probe decides by chance, and five at once do no harm.
 * - `maxHalfOpen` 30 s: the longest read timeout that is usual for a new integration (5 to 30 s).
 */
export const breakerDefaults: {
  readonly window: Duration;
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openFor: Duration;
  readonly probes: number;
  readonly maxHalfOpen: Duration;
} = {
  window: "10s",
  failureRatio: 0.5,
  minimumCalls: 20,
  openFor: "30s",
  probes: 5,
  maxHalfOpen: "30s",
};

/**
 * - `first` 30 s and `max` 5 min: Envoy's outlier ejection and Finagle's failure accrual end at 300 s as well; a
 *   longer one keeps customers away from a service that has long been well.
 * - `factor` 2: half of the probes are spared with each opening, and four openings reach the maximum.
 * - `jitter` 0.2: six seconds of thirty spread the probes of many processes, and nobody waits much longer.
 * - `resetAfter` 1 min: twice the first open time without a relapse.
 * - `maxRetryAfter` 5 min: the same limit for what the other side asks for, so that one wrong header (an hour, a
 *   date of next year) does not shut it out.
 */
export const openForDefaults: {
  readonly first: Duration;
  readonly factor: number;
  readonly max: Duration;
  readonly jitter: number;
  readonly resetAfter: Duration;
  readonly maxRetryAfter: Duration;
} = { first: "30s", factor: 2, max: "5m", jitter: 0.2, resetAfter: "1m", maxRetryAfter: "5m" };

/** - `ratio` 0.5: the same as for failures; a slow answer holds a caller's place as long as a failed one. */
export const slowCallDefaults: { readonly ratio: number } = { ratio: 0.5 };

export const breakerRuleKeys: readonly string[] = [
  "window",
  "count",
  "failureRatio",
  "minimumCalls",
  "consecutiveFailures",
  "trip",
  "slowCall",
  "openFor",
  "probes",
  "probeFailureRatio",
  "maxHalfOpen",
  "rampUp",
  "shadow",
  "isFailure",
];

/**
 * The rules after a change: what is left out stays, `undefined` stands for the default. Where an option is given
 * that excludes others, these are left behind: `count` the `window` and the other way round, `trip` what it stands
 * in place of.
 */
export function changedRules(given: BreakerRules, change: BreakerRules): BreakerRules {
  const { count, window, trip } = change;
  const left: readonly string[] = [
    ...(count === undefined ? [] : ["window"]),
    ...(window === undefined ? [] : ["count"]),
    ...(trip === undefined ? [] : tripKeys),
  ];
  const kept = Object.entries(given).filter(([key]) => !left.includes(key));
  return { ...Object.fromEntries(kept), ...change };
}

/** @throws TypeError or RangeError that names the path, the value and the fix. Unknown keys are not looked for. */
export function circuitRules(path: string, options: BreakerRules): CircuitRules {
  const { isFailure, shadow } = options;
  if (isFailure !== undefined) functionAt(`${path}.isFailure`, isFailure);
  if (shadow !== undefined && typeof shadow !== "boolean") {
    throw new TypeError(`${path}.shadow must be true or false; got ${show(shadow)}`);
  }
  const { trips, consecutiveFailures } =
    options.trip === undefined ? flatTrips(path, options) : listedTrips(path, options);
  const duration = (key: "maxHalfOpen" | "rampUp", value: unknown): number =>
    durationMs(`${path}.${key}`, value);
  return {
    trips,
    consecutiveFailures,
    slowCall: slowCallRule(path, options.slowCall, trips[0]),
    openTime: openTimeRules(`${path}.openFor`, options.openFor ?? breakerDefaults.openFor),
    probes: integerIn(`${path}.probes`, options.probes ?? breakerDefaults.probes, 1, 1_000),
    probeFailureRatio: ratioIn(
      `${path}.probeFailureRatio`,
      options.probeFailureRatio ?? options.failureRatio ?? breakerDefaults.failureRatio,
    ),
    maxHalfOpenMs: duration("maxHalfOpen", options.maxHalfOpen ?? breakerDefaults.maxHalfOpen),
    rampUpMs: options.rampUp === undefined ? 0 : duration("rampUp", options.rampUp),
  };
}

interface Trips {
  readonly trips: readonly RatioRule[];
  readonly consecutiveFailures: number;
}

const tripKeys = ["window", "count", "failureRatio", "minimumCalls", "consecutiveFailures"] as const;

function flatTrips(path: string, options: BreakerRules): Trips {
  const rule = ratioRule(path, options);
  const consecutiveFailures = inARow(path, options.consecutiveFailures);
  assertReachable(`${path}.consecutiveFailures`, consecutiveFailures, rule);
  return { trips: [rule], consecutiveFailures };
}

function listedTrips(path: string, options: BreakerRules): Trips {
  const { trip } = options;
  const taken = tripKeys.find((key) => options[key] !== undefined);
  if (taken !== undefined) {
    throw new TypeError(
      `${path}.trip stands in place of ${path}.${taken}; got both: move ${taken} into a rule of ${path}.trip`,
    );
  }
  if (!Array.isArray(trip) || trip.length < 1 || trip.length > 10) {
    const got = Array.isArray(trip) ? `${trip.length} rules` : show(trip);
    throw new RangeError(`${path}.trip must be a list of 1 to 10 rules; got ${got}`);
  }
  const trips: RatioRule[] = [];
  let consecutiveFailures = Number.POSITIVE_INFINITY;
  for (const [index, rule] of (trip as readonly TripRule[]).entries()) {
    const here = `${path}.trip[${index}]`;
    assertOptions(here, rule, tripKeys);
    if (rule.consecutiveFailures === undefined) {
      trips.push(ratioRule(here, rule));
      continue;
    }
    const other = tripKeys.find((key) => key !== "consecutiveFailures" && rule[key] !== undefined);
    if (other !== undefined) {
      throw new TypeError(
        `${here}.consecutiveFailures and ${here}.${other} exclude each other; got both: write two rules`,
      );
    }
    if (consecutiveFailures !== Number.POSITIVE_INFINITY) {
      throw new TypeError(`${here}.consecutiveFailures stands there a second time; leave the larger one out`);
    }
    consecutiveFailures = inARow(here, rule.consecutiveFailures);
  }
  for (const rule of trips) assertReachable(`${path}.trip: consecutiveFailures`, consecutiveFailures, rule);
  return { trips, consecutiveFailures };
}

function inARow(path: string, value: unknown): number {
  return value === undefined
    ? Number.POSITIVE_INFINITY
    : integerIn(`${path}.consecutiveFailures`, value, 1, 100_000);
}

/** So many failures in a row always reach the ratio of a count window before, whatever came before them. */
function assertReachable(path: string, consecutiveFailures: number, { window, ...rule }: RatioRule): void {
  if (consecutiveFailures === Number.POSITIVE_INFINITY || !("count" in window)) return;
  const most = Math.max(failuresNeeded(rule.failureRatio, window.count), rule.minimumCalls);
  if (consecutiveFailures <= most) return;
  throw new RangeError(
    `${path} must be at most ${most}, or failureRatio ${rule.failureRatio} of the last ${window.count} calls ` +
      `would always be reached first; got ${consecutiveFailures}: make it smaller or leave one of the two out`,
  );
}

function ratioRule(path: string, options: TripRule): RatioRule {
  const { count } = options;
  if (count !== undefined && options.window !== undefined) {
    throw new TypeError(
      `${path}.window and ${path}.count exclude each other; got ${show(options.window)} and ${show(count)}: ` +
        "leave one out, or write two rules in trip",
    );
  }
  const window: WindowShape =
    count === undefined
      ? { windowMs: durationMs(`${path}.window`, options.window ?? breakerDefaults.window, { minMs: 10 }) }
      : { count: integerIn(`${path}.count`, count, 1, 100_000) };
  return {
    window,
    failureRatio: ratioIn(`${path}.failureRatio`, options.failureRatio ?? breakerDefaults.failureRatio),
    minimumCalls: minimumCalls(path, options.minimumCalls, breakerDefaults.minimumCalls, window, path),
  };
}

/** @param countedAt - Path of the options that have the `count`. */
function minimumCalls(
  path: string,
  value: unknown,
  usual: number,
  window: WindowShape,
  countedAt: string,
): number {
  const size = "count" in window ? window.count : Number.MAX_SAFE_INTEGER;
  const minimum = integerIn(`${path}.minimumCalls`, value ?? Math.min(usual, size), 1);
  if (minimum > size) {
    throw new RangeError(
      `${path}.minimumCalls must be at most ${countedAt}.count (${size}), ` +
        `or the breaker could never open; got ${minimum}`,
    );
  }
  return minimum;
}

function slowCallRule(
  breaker: string,
  options: unknown,
  first: RatioRule | undefined,
): SlowCallRule | undefined {
  if (options === undefined) return undefined;
  const path = `${breaker}.slowCall`;
  assertOptions(path, options, ["after", "ratio", "minimumCalls"]);
  const given = options as SlowCallOptions;
  const window = first?.window ?? { windowMs: durationMs("window", breakerDefaults.window) };
  const afterMs = durationMs(`${path}.after`, given.after);
  if ("windowMs" in window && afterMs >= window.windowMs) {
    throw new RangeError(
      `${path}.after must be shorter than the window (${window.windowMs}ms), or the calls of a slow time would be ` +
        `forgotten before it shows; got ${show(given.after)}: make it shorter or the window longer`,
    );
  }
  const usual = first?.minimumCalls ?? breakerDefaults.minimumCalls;
  return {
    window,
    afterMs,
    ratio: ratioIn(`${path}.ratio`, given.ratio ?? slowCallDefaults.ratio),
    minimumCalls: minimumCalls(path, given.minimumCalls, usual, window, breaker),
  };
}

function openTimeRules(path: string, value: Duration | OpenForOptions): OpenTimeRules {
  if (typeof value === "object") return growingOpenTime(path, value);
  const firstMs = durationMs(path, value);
  return { ...growingOpenTime(path, {}), firstMs, factor: 1, maxMs: firstMs, jitter: 0 };
}

function growingOpenTime(path: string, given: OpenForOptions): OpenTimeRules {
  assertOptions(path, given, Object.keys(openForDefaults));
  const duration = (key: "first" | "max" | "resetAfter" | "maxRetryAfter", minMs = 1): number =>
    durationMs(`${path}.${key}`, given[key] ?? openForDefaults[key], { minMs });
  const firstMs = duration("first");
  const maxMs = duration("max");
  if (given.max !== undefined && maxMs < firstMs) {
    throw new RangeError(
      `${path}.max must not be shorter than ${path}.first (${firstMs}ms); got ${show(given.max)}`,
    );
  }
  return {
    firstMs,
    factor: numberIn(`${path}.factor`, given.factor ?? openForDefaults.factor, 1, 10),
    maxMs: Math.max(firstMs, maxMs),
    jitter: numberIn(`${path}.jitter`, given.jitter ?? openForDefaults.jitter, 0, 1),
    resetAfterMs: duration("resetAfter"),
    maxRetryAfterMs: duration("maxRetryAfter", 0),
  };
}

function numberIn(path: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw new RangeError(`${path} must be a number between ${min} and ${max}; got ${show(value)}`);
  }
  return value;
}
