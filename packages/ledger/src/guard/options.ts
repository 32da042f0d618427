import {
  assertKnownKeys,
  assertObject,
  type Clock,
  type Duration,
  durationMs,
  functionAt,
  integerIn,
  isolated,
  oneOf,
  show,
  systemClock,
} from "@outrigger/core";
import { type GuardEvent, warnOf } from "./events.ts";

/** What leaves, as far as it can be told without telling secrets: no path, no query, no header. */
export interface OutboundCall {
  /** `integration`: of `@outrigger/http`; `http`, `http2`: another client's request; `socket`: a new connection. */
  readonly kind: "integration" | "http" | "http2" | "socket";
  /** Host and port. */
  readonly peer: string;
  readonly method?: string;
  /** The integration's name and its operation's. */
  readonly service?: string;
  readonly operation?: string;
}

export interface GuardOptions {
  /**
   * What becomes of a call that is made inside a transaction: it fails, or it is reported and goes out.
   *
   * @defaultValue "report" where `NODE_ENV` is "production", else "fail"
   */
  readonly mode?: "fail" | "report";
  /**
   * What may be called all the same: hosts (`"collector.internal"`), hosts with a port (`"127.0.0.1:4318"`), or a
   * function that knows. The databases that are watched need not be named.
   */
  readonly allow?: readonly (string | ((call: OutboundCall) => boolean))[];
  /** Whether new connections that are no HTTP count as calls: mail, queues, caches. @defaultValue true */
  readonly sockets?: boolean;
  /** A place that calls is reported once in so long, with the count of its calls. @defaultValue "1m" */
  readonly reportEvery?: Duration;
  /** Places reported in that time; what is beyond is counted. Range: integer >= 1. @defaultValue 60 */
  readonly reportsAtMost?: number;
  /** Hears every report. What it throws is dropped. @defaultValue a warning of the process (`process.emitWarning`) */
  readonly onEvent?: (event: GuardEvent) => void;
  readonly clock?: Clock;
}

/**
 * What holds where an option is left out.
 *
 * - `reportEvery` 1 m: who has seen a place once knows it; the count tells whether it matters.
 * - `reportsAtMost` 60: one a second is what a log can bear of something that is not new.
 */
export const guardDefaults: Required<Pick<GuardOptions, "sockets" | "reportEvery" | "reportsAtMost">> = {
  sockets: true,
  reportEvery: "1m",
  reportsAtMost: 60,
};

export interface GuardSettings {
  readonly mode: "fail" | "report";
  readonly sockets: boolean;
  readonly reportEveryMs: number;
  readonly reportsAtMost: number;
  readonly allowed: (call: OutboundCall) => boolean;
  readonly emit: (event: GuardEvent) => void;
  readonly clock: Clock;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedGuardOptions(options: GuardOptions): GuardSettings {
  const known = ["mode", "allow", "onEvent", "clock", ...Object.keys(guardDefaults)];
  assertKnownKeys("guard", options, known);
  const { sockets, reportEvery, reportsAtMost } = { ...guardDefaults, ...dropUndefined(options) };
  const { onEvent, clock = systemClock } = options;
  if (typeof sockets !== "boolean") {
    throw new TypeError(`guard.sockets must be true or false; got ${show(sockets)}`);
  }
  if (onEvent !== undefined) functionAt("guard.onEvent", onEvent);
  assertObject("guard.clock", clock);
  for (const part of ["now", "wallNow", "setTimer"])
    functionAt(`guard.clock.${part}`, Reflect.get(clock, part));
  return {
    mode: oneOf("guard.mode", options.mode ?? defaultMode(), ["fail", "report"]),
    sockets,
    reportEveryMs: durationMs("guard.reportEvery", reportEvery),
    reportsAtMost: integerIn("guard.reportsAtMost", reportsAtMost, 1),
    allowed: allowing(options.allow ?? []),
    emit: isolated(onEvent ?? warnOf),
    clock,
  };
}

function defaultMode(): "fail" | "report" {
  return process.env["NODE_ENV"] === "production" ? "report" : "fail";
}

function dropUndefined(options: GuardOptions): GuardOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function allowing(rules: unknown): (call: OutboundCall) => boolean {
  if (!Array.isArray(rules)) throw new TypeError(`guard.allow must be a list; got ${show(rules)}`);
  const hosts = new Set<string>();
  const functions: ((call: OutboundCall) => boolean)[] = [];
  for (const [index, rule] of rules.entries()) {
    if (typeof rule === "function") functions.push(rule);
    else hosts.add(hostOf(`guard.allow[${index}]`, rule));
  }
  return (call) =>
    hosts.has(call.peer) ||
    hosts.has(withoutPort(call.peer)) ||
    functions.some((each) => each(call) === true);
}

function hostOf(path: string, rule: unknown): string {
  if (typeof rule === "string" && /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(rule))
    return rule.toLowerCase();
  throw new TypeError(
    `${path} must be a host such as "collector.internal", a host with a port such as "127.0.0.1:4318", or a ` +
      `function of a call; got ${show(rule)}`,
  );
}

function withoutPort(peer: string): string {
  return peer.replace(/:\d+$/, "");
}
