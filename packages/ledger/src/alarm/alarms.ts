import { formatDuration, isolated, type Timer } from "@outrigger/core";
import type { PgTx } from "../drivers/pg.ts";
import type { Ledger } from "../ledger.ts";
import { exact, plus } from "../reconcile/amount.ts";
import { codeOf } from "../run/describe.ts";
import { type Internals, internalsOf } from "../run/internals.ts";
import { type AtRisk, readAtRisk } from "./at-risk.ts";
import { type AlarmName, type AlarmOptions, type AlarmSettings, checkedAlarms } from "./options.ts";

/** Something that a person should know now. */
export interface Alarm {
  readonly alarm: AlarmName;
  /** Of `moneyAtRisk`. */
  readonly currency: string | undefined;
  /** What it is now, and from what on it is an alarm: `"12m"`, `"3"`, `"1200000"`. */
  readonly value: string;
  readonly limit: string;
  /** Milliseconds since 1970, by this process's clock. */
  readonly raisedAtMs: number;
  /** For people, with what is at risk. */
  readonly message: string;
}

export interface AlarmChange extends Alarm {
  readonly type: "alarmRaised" | "alarmCleared";
  /** The same for the same alarm, in every process: for a pager that brings together what belongs together. */
  readonly dedupeKey: string;
  /** Null as long as the ledger could not be looked at. */
  readonly atRisk: AtRisk | null;
}

export interface AlarmSnapshot {
  /** When the ledger was last looked at with success, milliseconds since 1970; null before. */
  readonly lookedAtMs: number | null;
  readonly raised: readonly Alarm[];
  /** As it was then. */
  readonly atRisk: AtRisk | null;
}

/** Watches what is at risk, and tells once when it becomes too much and once when it is over. */
export interface Alarms {
  /**
   * Looks now, and again and again. Starting twice does nothing.
   *
   * @throws TypeError when money is to be watched, and no operation of this ledger says what it moves.
   */
  start(): void;
  stop(): Promise<void>;
  /** Looks now. Never fails: a ledger that cannot be looked at is an alarm. */
  look(): Promise<AlarmSnapshot>;
  /** What the last look saw. Asks nobody. */
  snapshot(): AlarmSnapshot;
}

/** A statement that fails once is a blip. */
const failuresBeforeBlind = 2;

/**
 * Alarms of one ledger. Several processes may watch it, and each tells its own listener: let one do it, or give the
 * pager `dedupeKey`.
 *
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function createAlarms<Tx = PgTx>(ledger: Ledger<Tx>, options: AlarmOptions): Alarms {
  return new Watch(internalsOf<Tx>("ledger", ledger), checkedAlarms(options));
}

/** Whether it is one now, and in which words. */
interface Reading extends Pick<Alarm, "alarm" | "currency" | "value" | "limit"> {
  readonly raised: boolean;
}

class Watch<Tx> implements Alarms {
  readonly #internals: Internals<Tx>;
  readonly #settings: AlarmSettings;
  readonly #tell: (change: AlarmChange) => void;
  readonly #raised = new Map<string, Alarm>();
  #atRisk: AtRisk | null = null;
  #lookedAtMs: number | null = null;
  #failures = 0;
  #started = false;
  #timer: Timer | undefined;
  #looking: Promise<AlarmSnapshot> | undefined;

  constructor(internals: Internals<Tx>, settings: AlarmSettings) {
    this.#internals = internals;
    this.#settings = settings;
    this.#tell = isolated(settings.onAlarm);
  }

  start(): void {
    if (this.#started) return;
    const { definitions } = this.#internals;
    if (
      this.#settings.moneyAtRisk.size > 0 &&
      [...definitions.values()].every(({ amount }) => amount === undefined)
    ) {
      throw new TypeError(
        "alarms.moneyAtRisk can see no money: give an operation amount: (input) => ({ value, currency })",
      );
    }
    this.#started = true;
    this.#arm(0);
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#timer?.cancel();
    await this.#looking;
  }

  look(): Promise<AlarmSnapshot> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  snapshot(): AlarmSnapshot {
    return { lookedAtMs: this.#lookedAtMs, raised: [...this.#raised.values()], atRisk: this.#atRisk };
  }

  #arm(delayMs: number): void {
    if (!this.#started) return;
    this.#timer = this.#internals.engine.clock.setTimer(delayMs, () => {
      void this.look().finally(() => this.#arm(this.#settings.everyMs));
    });
  }

  async #look(): Promise<AlarmSnapshot> {
    const { engine, definitions } = this.#internals;
    try {
      this.#atRisk = await readAtRisk(engine.store, definitions);
      this.#lookedAtMs = engine.clock.wallNow();
      this.#failures = 0;
      this.#settle(blindness(0));
      for (const reading of readingsOf(this.#settings, this.#atRisk)) this.#settle(reading);
    } catch (error) {
      this.#failures += 1;
      engine.emit({ type: "databaseFailed", during: "alarms", code: codeOf(error) });
      // What was raised stays: that nothing can be seen does not mean that it is over.
      this.#settle(blindness(this.#failures));
    }
    return this.snapshot();
  }

  #settle({ raised, ...reading }: Reading): void {
    const { engine, schema } = this.#internals;
    const { alarm, currency, value, limit } = reading;
    const key = currency === undefined ? alarm : `${alarm}:${currency}`;
    const before = this.#raised.get(key);
    if (!raised && before === undefined) return;
    const now: Alarm = {
      ...reading,
      raisedAtMs: before?.raisedAtMs ?? engine.clock.wallNow(),
      message: messageOf(reading, this.#atRisk),
    };
    if (raised) this.#raised.set(key, now);
    else this.#raised.delete(key);
    // It is known already; only what it says of itself is new.
    if (raised && before !== undefined) return;
    const type = raised ? "alarmRaised" : "alarmCleared";
    engine.emit({ type, alarm, currency, value, limit });
    this.#tell({ ...now, type, dedupeKey: `outrigger/${schema}/${key}`, atRisk: this.#atRisk });
  }
}

function blindness(failures: number): Reading {
  return {
    alarm: "blind",
    currency: undefined,
    value: String(failures),
    limit: String(failuresBeforeBlind),
    raised: failures >= failuresBeforeBlind,
  };
}

function readingsOf(
  { oldestUnknownMs, manual, moneyAtRisk }: AlarmSettings,
  atRisk: AtRisk,
): readonly Reading[] {
  const readings: Reading[] = [];
  if (oldestUnknownMs !== undefined) {
    const ms = atRisk.oldestUnknownMs ?? 0;
    readings.push({
      alarm: "oldestUnknown",
      currency: undefined,
      value: wholeSeconds(ms),
      limit: formatDuration(oldestUnknownMs),
      raised: atRisk.oldestUnknownMs !== null && ms >= oldestUnknownMs,
    });
  }
  if (manual !== undefined) {
    readings.push({
      alarm: "manual",
      currency: undefined,
      value: String(atRisk.manual),
      limit: String(manual),
      raised: atRisk.manual >= manual,
    });
  }
  for (const [currency, limit] of moneyAtRisk) {
    const value = atRisk.amounts.find((each) => each.currency === currency)?.amount ?? "0";
    const { units, scale } = limit.exact;
    const raised = plus(exact(value), { units: -units, scale }).units >= 0n;
    readings.push({ alarm: "moneyAtRisk", currency, value, limit: limit.text, raised });
  }
  return readings;
}

function wholeSeconds(ms: number): string {
  return formatDuration(Math.floor(ms / 1_000) * 1_000);
}

function messageOf(
  { alarm, currency, value, limit }: Omit<Reading, "raised">,
  atRisk: AtRisk | null,
): string {
  const said = {
    oldestUnknown: `the oldest unknown outcome is ${value} old (limit ${limit})`,
    manual: `${value} ${value === "1" ? "operation waits" : "operations wait"} for a person (limit ${limit})`,
    moneyAtRisk: `${value} ${currency} are at risk (limit ${limit})`,
    blind: `the ledger could not be looked at ${value} times in a row`,
  }[alarm];
  if (atRisk === null || alarm === "blind") return said;
  const { operations, amounts, unpriced, partial } = atRisk;
  const parts = [
    `${partial ? "more than " : ""}${operations} ${operations === 1 ? "operation" : "operations"}`,
    ...amounts.map((each) => `${each.amount} ${each.currency}`),
    ...(unpriced === 0 ? [] : [`${unpriced} without an amount`]),
  ];
  return `${said}; at risk: ${parts.join(", ")}`;
}
