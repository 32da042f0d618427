import { show } from "../duration/duration.ts";
import { assertObject, integerIn, join, oneOf } from "../options/options.ts";
import type { BreakerState } from "./breaker-states.ts";
import { type ForcedState, forcedStates } from "./forced.ts";
import type { SavedWindow } from "./outcome-window.ts";
import type { SavedTally } from "./tally.ts";
import type { SavedTrial } from "./trial.ts";

/** Plain JSON. */
export interface CircuitSnapshot {
  readonly state: BreakerState;
  /** Closed: in the window of the first rule. Half-open: of the probes that have answered. Open: of what opened it. */
  readonly failures: number;
  readonly calls: number;
  /** `failures / calls`; 0 when there were none. */
  readonly failureRatio: number;
  readonly consecutiveFailures: number;
  /** Slow calls in the window, those that still run included; undefined where they are not looked for. */
  readonly slowCalls: { readonly slow: number; readonly calls: number } | undefined;
  /** Why the circuit is in this state; undefined until it first changed. */
  readonly reason: string | undefined;
  /** When a rejected caller may come back; undefined while calls are let through. */
  readonly retryAfterMs: number | undefined;
  /** Consecutive openings, without a stable time between them. */
  readonly openings: number;
  /** Share of the calls that is let through while it ramps up; undefined while it does not. */
  readonly admittedShare: number | undefined;
  readonly forced: ForcedSnapshot | undefined;
  /** Calls turned away since the start; in shadow, those that would have been. */
  readonly rejected: number;
  /** Outcomes of calls that started before the last change of state. They moved nothing. */
  readonly stale: number;
  /** What `restore` goes on from. */
  readonly saved: SavedCircuit;
}

export interface ForcedSnapshot {
  readonly to: ForcedState;
  readonly reason: string;
  /** Undefined until somebody releases it. */
  readonly leftMs: number | undefined;
}

/** A circuit in ages instead of instants, so that it means the same in another process. */
export interface SavedCircuit extends SavedTally {
  readonly state: BreakerState;
  readonly sinceAgoMs: number;
  readonly reason?: string | undefined;
  readonly openForMs: number;
  readonly openings: number;
  readonly trial?: SavedTrial | undefined;
  readonly rampUpAgoMs?: number | undefined;
  readonly forced?:
    | { readonly to: ForcedState; readonly reason: string; readonly leftMs?: number | undefined }
    | undefined;
  readonly rejected: number;
  readonly stale: number;
}

/**
 * Reads what came from a file or another process.
 *
 * @throws TypeError or RangeError that names the path of what is not as `snapshot` writes it.
 */
export function savedCircuit(path: string, value: unknown): SavedCircuit {
  assertObject(path, value);
  const at = (key: string): string => join(path, key);
  const { trial, forced, rampUpAgoMs, slowWindow, windows } = value;
  if (!Array.isArray(windows)) throw new TypeError(`${at("windows")} must be a list; got ${show(windows)}`);
  return {
    state: oneOf(at("state"), value["state"], ["closed", "open", "halfOpen"]),
    sinceAgoMs: ms(at("sinceAgoMs"), value["sinceAgoMs"]),
    reason: optional(value["reason"], (reason) => text(at("reason"), reason)),
    openForMs: ms(at("openForMs"), value["openForMs"]),
    openings: integerIn(at("openings"), value["openings"], 0),
    windows: windows.map((window, index) => savedWindow(`${at("windows")}[${index}]`, window)),
    slowWindow: optional(slowWindow, (window) => savedWindow(at("slowWindow"), window)),
    consecutiveFailures: integerIn(at("consecutiveFailures"), value["consecutiveFailures"], 0),
    trial: optional(trial, (given) => savedTrial(at("trial"), given)),
    rampUpAgoMs: optional(rampUpAgoMs, (given) => ms(at("rampUpAgoMs"), given)),
    forced: optional(forced, (given) => savedForced(at("forced"), given)),
    rejected: integerIn(at("rejected"), value["rejected"], 0),
    stale: integerIn(at("stale"), value["stale"], 0),
  };
}

function savedWindow(path: string, value: unknown): SavedWindow {
  assertObject(path, value);
  const { buckets, runs } = value;
  if (Array.isArray(runs))
    return { runs: runs.map((run, index) => integerIn(`${path}.runs[${index}]`, run, 0)) };
  if (!Array.isArray(buckets)) {
    throw new TypeError(`${path}.buckets must be a list, or ${path}.runs one; got ${show(buckets)}`);
  }
  return {
    buckets: buckets.map((bucket: unknown, index) => {
      const here = `${path}.buckets[${index}]`;
      if (!Array.isArray(bucket)) throw new TypeError(`${here} must be a list; got ${show(bucket)}`);
      const calls = integerIn(`${here}[1]`, bucket[1], 0);
      // The age is of the bucket's middle, which may still lie ahead.
      return [finite(`${here}[0]`, bucket[0]), calls, integerIn(`${here}[2]`, bucket[2], 0, calls)];
    }),
  };
}

function savedTrial(path: string, value: unknown): SavedTrial {
  assertObject(path, value);
  const answered = integerIn(`${path}.answered`, value["answered"], 0);
  return {
    answered,
    failed: integerIn(`${path}.failed`, value["failed"], 0, answered),
    slow: integerIn(`${path}.slow`, value["slow"], 0, answered),
  };
}

function savedForced(path: string, value: unknown): SavedCircuit["forced"] {
  assertObject(path, value);
  return {
    to: oneOf(`${path}.to`, value["to"], forcedStates),
    reason: text(`${path}.reason`, value["reason"]),
    leftMs: optional(value["leftMs"], (left) => finite(`${path}.leftMs`, left)),
  };
}

/** JSON has no undefined; some writers put null in its place. */
function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function text(path: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`${path} must be a string; got ${show(value)}`);
  return value;
}

function finite(path: string, value: unknown): number {
  if (isFiniteNumber(value)) return value;
  throw new RangeError(`${path} must be a number; got ${show(value)}`);
}

export function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function ms(path: string, value: unknown): number {
  const number = finite(path, value);
  if (number < 0) throw new RangeError(`${path} must be milliseconds, 0 or more; got ${show(value)}`);
  return number;
}
