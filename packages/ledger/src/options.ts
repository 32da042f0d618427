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
  type Random,
  show,
  systemClock,
  systemRandom,
} from "@outrigger/core";
import type { LedgerEvent } from "./events.ts";
import { leaseRange } from "./operation/checked-definition.ts";
import type { StepName } from "./run/engine.ts";
import type { RetentionSettings } from "./run/retention.ts";
import { dialects } from "./store/dialects.ts";
import { schemaName } from "./store/schema-name.ts";
import type { SqlPort } from "./store/sql-port.ts";

export interface LedgerOptions<Tx> {
  /** The database that also holds the business rows. */
  readonly sql: SqlPort<Tx>;
  /** The schema of the ledger's own tables: a-z, 0-9 and _. @defaultValue "outrigger" */
  readonly schema?: string;
  /**
   * How long a worker may keep an operation to itself. A call is ended a tenth of it, at most a second, before its
   * end; an operation of a process that died waits until its end. @defaultValue "45s"
   */
  readonly lease?: Duration;
  /** How often to look for work that other processes left. @defaultValue "250ms" */
  readonly pollEvery?: Duration;
  /**
   * Calls to providers at a time by which this process resolves what was left behind, each with the transaction that
   * follows it; where an outcome shares its transaction with others (`many`), the next call begins meanwhile. At most half
   * of them are for one provider where there are several. Range: integer >= 1. @defaultValue 8
   */
  readonly concurrency?: number;
  /** How long `stop` waits for running resolutions. @defaultValue "10s" */
  readonly drain?: Duration;
  /**
   * How long the database may take for a connection, or for one statement of the ledger, before it counts as
   * unavailable; a user's function in a transaction has the length of the lease. The connection is then closed.
   *
   * @defaultValue a third of the lease, at least 5 s
   */
  readonly statementTimeout?: Duration;
  /** Whether processes wake each other where the database and the driver can; they poll all the same. @defaultValue true */
  readonly wakeUp?: boolean;
  readonly retention?: RetentionOptions;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Hears what happens. What it throws, or rejects with when it is async, is dropped. */
  readonly onEvent?: (event: LedgerEvent) => void;
  /** Called between writes and calls, so that a crash test can stop there. For tests. */
  readonly onStep?: (name: StepName) => void | Promise<void>;
}

/** Where operations go that have ended. Their keys are known all the same: a used key is never free again. */
export interface RetentionOptions {
  /** How long after its end an operation stays in the table where the work is. @defaultValue "7d" */
  readonly moveAfter?: Duration;
  /** Deletes it so long after its end, once the provider has forgotten its key too. @defaultValue never */
  readonly forgetAfter?: Duration;
  /** Operations in one statement. Range: integer >= 1. @defaultValue 500 */
  readonly batch?: number;
  /** How often to look. @defaultValue "1m" */
  readonly every?: Duration;
}

/**
 * What holds where an option is left out.
 *
 * - `moveAfter` 7 d: what people still ask about is in one place, and the table stays small.
 * - `batch` 500: some tens of milliseconds, and few rows locked at a time.
 * - `every` 1 m: it is work for nobody's sake, and a minute's operations fit a few batches.
 */
export const retentionDefaults: Required<Omit<RetentionOptions, "forgetAfter">> = {
  moveAfter: "7d",
  batch: 500,
  every: "1m",
};

/**
 * What holds where an option is left out.
 *
 * - `schema`: one of its own, so that migrations never meet the user's tables.
 * - `lease` 45 s: an HTTP call with the default timeouts of `@outrigger/http` (30 s in all) runs to its end within it,
 *   and half of it is left to a slow database. The price is that after a crash an order waits for so long.
 * - `pollEvery` 250 ms: how much later than that work left by others is noticed, for four indexed reads a second in
 *   each process. What this process leaves itself is noticed at once.
 * - `concurrency` 8: fewer than the ten connections of a usual pool, so that a backlog leaves some to customers.
 * - `drain` 10 s: a third of the 30 s that Kubernetes gives a process to end. What does not end is given back.
 */
export const ledgerDefaults: Required<
  Pick<LedgerOptions<unknown>, "schema" | "lease" | "pollEvery" | "concurrency" | "drain">
> = {
  schema: "outrigger",
  lease: "45s",
  pollEvery: "250ms",
  concurrency: 8,
  drain: "10s",
};

/** The options, read and checked. */
export interface LedgerSettings<Tx> {
  readonly sql: SqlPort<Tx>;
  readonly schema: string;
  readonly leaseMs: number;
  readonly pollEveryMs: number;
  readonly concurrency: number;
  readonly drainMs: number;
  readonly statementMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly wakeUp: boolean;
  readonly retention: RetentionSettings;
  readonly emit: (event: LedgerEvent) => void;
  readonly step: (name: StepName) => void | Promise<void>;
}

const otherKeys: readonly (keyof LedgerOptions<unknown>)[] = [
  "sql",
  "statementTimeout",
  "wakeUp",
  "retention",
  "clock",
  "random",
  "onEvent",
  "onStep",
];

/** With less, a database that is only slow would count as gone. */
const shortestDerivedStatementMs = 5_000;

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedOptions<Tx>(options: LedgerOptions<Tx>): LedgerSettings<Tx> {
  assertKnownKeys("ledger", options, [...otherKeys, ...Object.keys(ledgerDefaults)]);
  const { sql, clock = systemClock, random = systemRandom, onEvent, onStep } = options;
  assertPort(sql);
  assertClock(clock);
  functionAt("ledger.random", random);
  if (onEvent !== undefined) functionAt("ledger.onEvent", onEvent);
  if (onStep !== undefined) functionAt("ledger.onStep", onStep);
  const leaseMs = durationMs("ledger.lease", options.lease ?? ledgerDefaults.lease, leaseRange);
  const statementMs =
    options.statementTimeout === undefined
      ? Math.max(shortestDerivedStatementMs, leaseMs / 3)
      : durationMs("ledger.statementTimeout", options.statementTimeout);
  const { wakeUp = true } = options;
  if (typeof wakeUp !== "boolean") {
    throw new TypeError(`ledger.wakeUp must be true or false; got ${show(wakeUp)}`);
  }
  return {
    sql,
    wakeUp,
    retention: checkedRetention(options.retention ?? {}, leaseMs + statementMs),
    schema: schemaName("ledger.schema", options.schema ?? ledgerDefaults.schema),
    leaseMs,
    statementMs,
    pollEveryMs: durationMs("ledger.pollEvery", options.pollEvery ?? ledgerDefaults.pollEvery),
    concurrency: integerIn("ledger.concurrency", options.concurrency ?? ledgerDefaults.concurrency, 1),
    drainMs: durationMs("ledger.drain", options.drain ?? ledgerDefaults.drain, { minMs: 0 }),
    clock,
    random,
    emit: onEvent === undefined ? () => {} : isolated(onEvent),
    step: onStep ?? (() => {}),
  };
}

/** Copies wait for so many times the longest that a transaction of the ledger may take, before their originals go. */
const settleTimes = 10;

function checkedRetention(given: RetentionOptions, longestMs: number): RetentionSettings {
  const at = "ledger.retention";
  assertKnownKeys(at, given, [...Object.keys(retentionDefaults), "forgetAfter"]);
  const { moveAfter, forgetAfter, batch, every } = { ...retentionDefaults, ...given };
  return {
    moveAfterMs: durationMs(`${at}.moveAfter`, moveAfter, { minMs: 0 }),
    forgetAfterMs: forgetAfter === undefined ? undefined : durationMs(`${at}.forgetAfter`, forgetAfter),
    batch: integerIn(`${at}.batch`, batch, 1),
    everyMs: durationMs(`${at}.every`, every),
    settleMs: longestMs * settleTimes,
  };
}

/** A driver's own pool looks like a port at first sight, so every part of one is looked for. */
function assertPort(sql: unknown): void {
  const port: object = typeof sql === "object" && sql !== null ? sql : {};
  for (const part of ["query", "transaction", "join", "isTransient"]) {
    if (typeof Reflect.get(port, part) === "function") continue;
    throw new TypeError(
      `ledger.sql must be a SqlPort, such as fromPgPool(pool); got ${show(sql)}, without the function ${part}`,
    );
  }
  oneOf("ledger.sql.dialect", Reflect.get(port, "dialect"), Object.keys(dialects));
}

function assertClock(clock: unknown): void {
  assertObject("ledger.clock", clock);
  for (const part of ["now", "wallNow", "setTimer"]) functionAt(`ledger.clock.${part}`, clock[part]);
}
