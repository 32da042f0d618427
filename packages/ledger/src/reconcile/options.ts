import {
  assertKnownKeys,
  assertObject,
  type Duration,
  durationMs,
  functionAt,
  integerIn,
  nonEmptyString,
  oneOf,
  show,
} from "@outrigger/core";
import type { Operation } from "../operation/operation.ts";
import type { Internals } from "../run/internals.ts";
import type { FindingClass } from "./classify.ts";
import { offsetMinutes, rangeOfDay } from "./days.ts";
import type { AmountOf, LedgerRowsOptions } from "./ledger-rows.ts";
import type { RemoteRow, RemoteRows, TimeRange } from "./rows.ts";
import type { Finding } from "./tables.ts";

/**
 * What to do about a class of findings.
 *
 * - `"report"`: nothing; a person reads it.
 * - `"apply"`: what the provider says is put to the operation as evidence, through the same moves as an answer.
 * - a function: whatever it does, and what it came to in words. It may be called again for the same finding.
 */
export type Action = "report" | "apply" | ((finding: Finding) => Promise<string>);

export type ActedClass = Exclude<FindingClass, "brokenLine">;

export interface ReconciliationOptions<Tx, I, R> {
  /** Names its cursor and its results in the database. */
  readonly name: string;
  readonly operation: Operation<I, R, Tx>;
  /** Whose list it is, where the operation has several providers. */
  readonly provider?: string;
  /**
   * Everything that the provider dates into the range, in any order; rows outside of it do no harm. `statementFile` and
   * `listPages` make it.
   */
  readonly remote: (range: TimeRange) => RemoteRows;
  /** What an operation should have moved, in the unit of the remote rows. */
  readonly local: (request: I, result: R | undefined) => ReturnType<AmountOf>;
  /** What `commit` gets for an effect that only the list knows of. Needed for `"apply"` of `remoteWithoutDone`. */
  readonly result?: (row: RemoteRow) => R;
  /** The first day, `"2026-11-22"`. */
  readonly from: string;
  /** Where a day begins: `"Z"`, or `"+09:00"`. @defaultValue "Z" */
  readonly utcOffset?: string;
  /**
   * How far around a day both sides are read to find partners: longer than from an operation's creation to its effect,
   * and than clocks differ. @defaultValue "1d"
   */
  readonly overlap?: Duration;
  /** A day is done so long after its end; what is younger may still be on its way. @defaultValue the provider's
   * declared `statements.delay`, else "1h" */
  readonly youngFor?: Duration;
  /** Rows of each side that are held while they are sorted. Range: integer >= 1. @defaultValue 10000 */
  readonly rowsInMemory?: number;
  /** @defaultValue `"apply"` for `remoteWithoutDone` and `statusMismatch`, `"report"` for the rest */
  readonly on?: Partial<Readonly<Record<ActedClass, Action>>>;
  /** How often `start` looks for a day that can be done. @defaultValue "10m" */
  readonly every?: Duration;
}

/**
 * What holds where an option is left out.
 *
 * - `utcOffset` Z: the providers that say nothing of days mean UTC.
 * - `overlap` 1 d: longer than any retry of this ledger, and a day of a list costs seconds.
 * - `youngFor` 1 h: as long as the ledger itself tries before it tells a person.
 * - `rowsInMemory` 10 000: the heap stays small, and holding more was not faster when a million were sorted.
 * - `every` 10 m: a day is done once, and looking costs one read.
 * - `on`: what the provider says of one key is evidence, which the ledger judges as it does an answer. What concerns
 *   no operation, several effects, or another amount is for people.
 */
export const reconciliationDefaults: {
  readonly utcOffset: string;
  readonly overlap: Duration;
  readonly youngFor: Duration;
  readonly rowsInMemory: number;
  readonly every: Duration;
  readonly on: Readonly<Record<ActedClass, "report" | "apply">>;
} = {
  utcOffset: "Z",
  overlap: "1d",
  youngFor: "1h",
  rowsInMemory: 10_000,
  every: "10m",
  on: {
    amountMismatch: "report",
    statusMismatch: "apply",
    orphanRemote: "report",
    doneWithoutRemote: "report",
    remoteWithoutDone: "apply",
    duplicate: "report",
  },
};

/** Where one key's word is evidence for one operation. */
const applicable: readonly ActedClass[] = ["statusMismatch", "doneWithoutRemote", "remoteWithoutDone"];

/** The options, read and checked. */
export interface ReconciliationSettings {
  readonly name: string;
  readonly fromDay: string;
  readonly offset: number;
  readonly overlapMs: number;
  readonly youngForMs: number;
  readonly rowsInMemory: number;
  readonly everyMs: number;
  readonly on: Readonly<Record<ActedClass, Action>>;
  readonly rows: LedgerRowsOptions;
  readonly remote: (range: TimeRange) => RemoteRows;
  readonly result: ((row: RemoteRow) => unknown) | undefined;
}

const required = ["name", "operation", "provider", "remote", "local", "result", "from"];

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedReconciliation<Tx, I, R>(
  options: ReconciliationOptions<Tx, I, R>,
  { definitions }: Internals<Tx>,
): ReconciliationSettings {
  const at = "reconciliation";
  assertKnownKeys(at, options, [...required, ...Object.keys(reconciliationDefaults)]);
  const { operation, remote, local, result } = options;
  const { utcOffset, overlap, rowsInMemory, every } = { ...reconciliationDefaults, ...options };
  assertObject(`${at}.operation`, operation);
  const definition = definitions.get(operation.name);
  if (definition === undefined) {
    throw new TypeError(`${at}.operation must be one of this ledger's; got ${show(operation.name)}`);
  }
  const names = [...definition.providers.keys()];
  const name = options.provider ?? (names.length === 1 ? names[0] : undefined);
  const provider = name === undefined ? undefined : definition.providers.get(name);
  if (provider === undefined) {
    throw new RangeError(`${at}.provider must be one of ${names.join(", ")}; got ${show(options.provider)}`);
  }
  functionAt(`${at}.remote`, remote);
  functionAt(`${at}.local`, local);
  if (result !== undefined) functionAt(`${at}.result`, result);
  const offset = offsetMinutes(`${at}.utcOffset`, utcOffset);
  rangeOfDay(`${at}.from`, options.from, offset);
  const young = `${at}.youngFor`;
  return {
    name: nonEmptyString(`${at}.name`, options.name),
    fromDay: options.from,
    offset,
    overlapMs: durationMs(`${at}.overlap`, overlap, { minMs: 0 }),
    youngForMs:
      options.youngFor === undefined
        ? (provider.statementDelayMs ?? durationMs(young, reconciliationDefaults.youngFor))
        : durationMs(young, options.youngFor, { minMs: 0 }),
    rowsInMemory: integerIn(`${at}.rowsInMemory`, rowsInMemory, 1),
    everyMs: durationMs(`${at}.every`, every),
    on: checkedActions(`${at}.on`, options.on ?? {}, result !== undefined),
    rows: {
      operation: definition.name,
      provider: provider.name,
      keyScope: provider.keyScope,
      amountOf: local as AmountOf,
    },
    remote,
    result,
  };
}

function checkedActions(
  path: string,
  given: Partial<Readonly<Record<ActedClass, Action>>>,
  hasResult: boolean,
): Readonly<Record<ActedClass, Action>> {
  assertKnownKeys(path, given, Object.keys(reconciliationDefaults.on));
  const on = { ...reconciliationDefaults.on, ...given };
  for (const [name, action] of Object.entries(on) as [ActedClass, unknown][]) {
    if (typeof action === "function") continue;
    oneOf(`${path}.${name}`, action, applicable.includes(name) ? ["report", "apply"] : ["report"]);
  }
  if (on.remoteWithoutDone === "apply" && !hasResult) {
    throw new TypeError(
      `reconciliation.result is missing: it makes of a row what commit gets; without it set ${path}.remoteWithoutDone to "report"`,
    );
  }
  return on;
}
