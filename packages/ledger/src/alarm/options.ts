import {
  assertKnownKeys,
  assertObject,
  type Duration,
  durationMs,
  functionAt,
  integerIn,
} from "@outrigger/core";
import { type Exact, exact, exactAmount } from "../reconcile/amount.ts";
import type { AlarmChange } from "./alarms.ts";

/**
 * What can be wrong.
 *
 * - `oldestUnknown`: an outcome has been unknown, or a cancel unconfirmed, for too long.
 * - `manual`: so many operations wait for a person.
 * - `moneyAtRisk`: so much of a currency is in operations of which nobody knows how they end.
 * - `blind`: the ledger could not be looked at, so nothing of the above is known.
 */
export type AlarmName = "oldestUnknown" | "manual" | "moneyAtRisk" | "blind";

export interface AlarmOptions {
  /** The age at which an unknown outcome is news; false for never. @defaultValue "10m" */
  readonly oldestUnknown?: Duration | false;
  /** How many operations in MANUAL are news; false for none. Range: integer >= 1. @defaultValue 1 */
  readonly manual?: number | false;
  /** By currency, as exact decimals: `{ KRW: "1000000" }`. Needs `amount` in the definitions. @defaultValue {} */
  readonly moneyAtRisk?: Readonly<Record<string, string>>;
  /** How often to look. @defaultValue "30s" */
  readonly every?: Duration;
  /** Hears of each alarm once when it is raised, and once when it is over. What it throws is dropped. */
  readonly onAlarm: (change: AlarmChange) => void;
}

/**
 * What holds where an option is left out.
 *
 * - `oldestUnknown` 10 m: an inquiry usually answers within seconds; a provider that is down for longer is worth a look,
 *   long before the ledger itself gives up after an hour.
 * - `manual` 1: nothing happens to it by itself.
 * - `every` 30 s: sooner nobody would act, and a look costs one indexed read while nothing is unknown.
 */
export const alarmDefaults: {
  readonly oldestUnknown: Duration;
  readonly manual: number;
  readonly every: Duration;
} = {
  oldestUnknown: "10m",
  manual: 1,
  every: "30s",
};

/** The options, read and checked. */
export interface AlarmSettings {
  readonly oldestUnknownMs: number | undefined;
  readonly manual: number | undefined;
  readonly moneyAtRisk: ReadonlyMap<string, { readonly text: string; readonly exact: Exact }>;
  readonly everyMs: number;
  readonly onAlarm: (change: AlarmChange) => void;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedAlarms(options: AlarmOptions): AlarmSettings {
  const at = "alarms";
  assertKnownKeys(at, options, [...Object.keys(alarmDefaults), "moneyAtRisk", "onAlarm"]);
  const { oldestUnknown, manual, every } = { ...alarmDefaults, ...options };
  functionAt(`${at}.onAlarm`, options.onAlarm);
  return {
    oldestUnknownMs: oldestUnknown === false ? undefined : durationMs(`${at}.oldestUnknown`, oldestUnknown),
    manual: manual === false ? undefined : integerIn(`${at}.manual`, manual, 1),
    moneyAtRisk: checkedLimits(`${at}.moneyAtRisk`, options.moneyAtRisk ?? {}),
    everyMs: durationMs(`${at}.every`, every),
    onAlarm: options.onAlarm,
  };
}

function checkedLimits(path: string, limits: unknown): AlarmSettings["moneyAtRisk"] {
  assertObject(path, limits);
  return new Map(
    Object.entries(limits).map(([currency, limit]) => {
      const text = exactAmount(`${path}.${currency}`, limit, currency);
      if (/^(-|0$)/.test(text)) {
        throw new RangeError(`${path}.${currency} must be more than 0; got ${text}`);
      }
      return [currency, { text, exact: exact(text) }];
    }),
  );
}
