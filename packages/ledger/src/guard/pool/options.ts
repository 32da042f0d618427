import {
  assertKnownKeys,
  assertObject,
  type Clock,
  type Duration,
  durationMs,
  functionAt,
  isolated,
  nonEmptyString,
  ratioIn,
  systemClock,
} from "@outrigger/core";
import { type PoolEvent, warnOfPool } from "./events.ts";

export interface PoolWatchOptions {
  /** Stands in events. @defaultValue "pool" */
  readonly name?: string;
  /** How long a connection may be out before it is reported. @defaultValue "1s" */
  readonly heldFor?: Duration;
  /** How long a caller may wait for one before that is reported. @defaultValue "100ms" */
  readonly waitingFor?: Duration;
  /** Exhaustion is told of when it is nearer than this. @defaultValue "30s" */
  readonly horizon?: Duration;
  /** The past from which the rate is taken. @defaultValue "10s" */
  readonly window?: Duration;
  /** Waiting callers, and a pool that fills, are reported once in so long. @defaultValue "10s" */
  readonly reportEvery?: Duration;
  /**
   * The share of checkouts whose place in the program is kept. Range: above 0, at most 1. @defaultValue 1
   */
  readonly places?: number;
  /** Hears what happens. What it throws is dropped. @defaultValue a warning of the process (`process.emitWarning`) */
  readonly onEvent?: (event: PoolEvent) => void;
  readonly clock?: Clock;
}

/**
 * What holds where an option is left out.
 *
 * - `heldFor` 1 s: ten connections that are out for so long serve ten requests a second, and nobody else.
 * - `waitingFor` 100 ms: long for a pool, and short for a customer.
 * - `horizon` 30 s, `window` 10 s: time enough to shed load or to look; a rise that is older than the window is news.
 * - `reportEvery` 10 s: an outage is told of six times a minute, with who holds what.
 * - `places` 1: it costs a few microseconds a checkout, which is little beside a round trip.
 */
export const poolWatchDefaults: Required<Omit<PoolWatchOptions, "onEvent" | "clock">> = {
  name: "pool",
  heldFor: "1s",
  waitingFor: "100ms",
  horizon: "30s",
  window: "10s",
  reportEvery: "10s",
  places: 1,
};

export interface PoolWatchSettings {
  readonly name: string;
  readonly heldForMs: number;
  readonly waitingForMs: number;
  readonly horizonMs: number;
  readonly windowMs: number;
  readonly reportEveryMs: number;
  /** The place of every so many-th checkout is kept. */
  readonly placeEvery: number;
  readonly emit: (event: PoolEvent) => void;
  readonly clock: Clock;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedPoolWatch(options: PoolWatchOptions): PoolWatchSettings {
  assertKnownKeys("watchPool", options, [...Object.keys(poolWatchDefaults), "onEvent", "clock"]);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { name, places, ...durations } = { ...poolWatchDefaults, ...(given as PoolWatchOptions) };
  const { onEvent, clock = systemClock } = options;
  if (onEvent !== undefined) functionAt("watchPool.onEvent", onEvent);
  assertObject("watchPool.clock", clock);
  for (const part of ["now", "wallNow", "setTimer"]) {
    functionAt(`watchPool.clock.${part}`, Reflect.get(clock, part));
  }
  return {
    name: nonEmptyString("watchPool.name", name),
    heldForMs: durationMs("watchPool.heldFor", durations.heldFor),
    waitingForMs: durationMs("watchPool.waitingFor", durations.waitingFor),
    horizonMs: durationMs("watchPool.horizon", durations.horizon),
    windowMs: durationMs("watchPool.window", durations.window),
    reportEveryMs: durationMs("watchPool.reportEvery", durations.reportEvery),
    placeEvery: Math.round(1 / ratioIn("watchPool.places", places)),
    emit: isolated(onEvent ?? warnOfPool),
    clock,
  };
}
