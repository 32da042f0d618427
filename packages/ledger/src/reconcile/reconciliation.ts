import { assertKnownKeys, functionAt, type Timer } from "@outrigger/core";
import type { PgTx } from "../drivers/pg.ts";
import type { Ledger } from "../ledger.ts";
import { codeOf } from "../run/describe.ts";
import { type Internals, internalsOf } from "../run/internals.ts";
import { actOnFindings } from "./act.ts";
import { readDay } from "./day.ts";
import { dayMs, dayOf, rangeOfDay } from "./days.ts";
import { checkedReconciliation, type ReconciliationOptions, type ReconciliationSettings } from "./options.ts";
import { type ReconciliationReport, reportOf } from "./report.ts";
import type { RemoteRows, TimeRange } from "./rows.ts";
import { ReconciliationTables } from "./tables.ts";

export interface ReconcileOptions {
  /** Reads these days again, the first and the last one included; their results are replaced. */
  readonly from: string;
  readonly to: string;
  /** Another source for them: a statement that was corrected. @defaultValue the reconciliation's own */
  readonly remote?: (range: TimeRange) => RemoteRows;
}

export interface Reconciled {
  /** The days that were done. */
  readonly days: readonly string[];
  readonly findings: number;
}

/** Compares a provider's list with the ledger, day by day. */
export interface Reconciliation {
  /**
   * Does every day that is old enough and not done yet, and what earlier runs left to be done about findings. One that
   * was ended half way goes on after the last key that is stored.
   *
   * @throws Failure `TAKEN_OVER` when another process took it up meanwhile; whatever the source throws, with nothing
   * stored of the day it was read for.
   */
  run(days?: ReconcileOptions): Promise<Reconciled>;
  /** What was found, from the first to the last of these days. */
  report(days: { readonly from: string; readonly to: string }): Promise<ReconciliationReport>;
  /** Runs by itself. What goes wrong is told as an event, and tried again. Starting twice does nothing. */
  start(): void;
  /** Ends after what is under way is stored. */
  stop(): Promise<void>;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function createReconciliation<I, R, Tx = PgTx>(
  ledger: Ledger<Tx>,
  options: ReconciliationOptions<Tx, I, R>,
): Reconciliation {
  const internals = internalsOf<Tx>("ledger", ledger);
  return new Runner(internals, checkedReconciliation(options, internals));
}

class Runner<Tx> implements Reconciliation {
  readonly #internals: Internals<Tx>;
  readonly #settings: ReconciliationSettings;
  readonly #tables: ReconciliationTables<Tx>;
  #timer: Timer | undefined;
  #running: Promise<unknown> | undefined;
  #started = false;
  #stopping = false;

  constructor(internals: Internals<Tx>, settings: ReconciliationSettings) {
    this.#internals = internals;
    this.#settings = settings;
    this.#tables = new ReconciliationTables(internals.engine.store, internals.schema, settings.name);
  }

  async run(days?: ReconcileOptions): Promise<Reconciled> {
    if (days !== undefined) {
      assertKnownKeys("run options", days, ["from", "to", "remote"]);
      if (days.remote !== undefined) functionAt("run.remote", days.remote);
      this.#range("run", days);
    }
    const { fence, doneDay, day: halfDay, afterKey } = await this.#tables.take();
    // What was left before is done first: the days' results may depend on it.
    await this.#act();
    const done: string[] = [];
    let findings = 0;
    const remote = days?.remote ?? this.#settings.remote;
    for (let day = days?.from ?? this.#firstAfter(doneDay); this.#isDue(day, days); day = this.#next(day)) {
      if (this.#stopping) break;
      const resume = days === undefined && day === halfDay ? afterKey : null;
      findings += await this.#day(fence, day, { remote, afterKey: resume, again: days !== undefined });
      done.push(day);
    }
    return { days: done, findings };
  }

  async report(days: { readonly from: string; readonly to: string }): Promise<ReconciliationReport> {
    assertKnownKeys("report options", days, ["from", "to"]);
    this.#range("report", days);
    const { name, rows } = this.#settings;
    const [totals, findings] = [
      await this.#tables.totals(days.from, days.to),
      await this.#tables.findings(days.from, days.to, findingsInReport + 1),
    ];
    return reportOf(
      { name, operation: rows.operation, provider: rows.provider, ...days },
      totals,
      findings,
      findingsInReport,
    );
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#stopping = false;
    this.#arm(0);
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#stopping = true;
    this.#timer?.cancel();
    await this.#running;
    this.#stopping = false;
  }

  #arm(delayMs: number): void {
    if (!this.#started) return;
    const { clock, emit } = this.#internals.engine;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#running = this.run()
        .catch((error: unknown) => {
          emit({ type: "reconciliationFailed", name: this.#settings.name, code: codeOf(error) });
        })
        .finally(() => this.#arm(this.#settings.everyMs));
    });
  }

  async #day(
    fence: number,
    day: string,
    {
      remote,
      afterKey,
      again,
    }: { remote: (range: TimeRange) => RemoteRows; afterKey: string | null; again: boolean },
  ): Promise<number> {
    const { engine } = this.#internals;
    const { offset, overlapMs, youngForMs, name } = this.#settings;
    const range = rangeOfDay("day", day, offset);
    const around = { fromAtMs: range.fromAtMs - overlapMs, toAtMs: range.toAtMs + overlapMs };
    const youngFromAtMs = engine.clock.wallNow() - youngForMs;
    let findings = 0;
    let begun = afterKey !== null;
    for await (const part of readDay(engine, this.#settings, {
      range,
      remote: remote(around),
      afterKey,
      youngFromAtMs,
    })) {
      // Only when the whole source has been read: a day whose list breaks off keeps the results that it had.
      if (!begun) await this.#tables.beginDay(fence, day, again);
      begun = true;
      await this.#tables.keep(fence, again ? null : part.afterKey, part.totals, part.findings);
      findings += part.findings.length;
    }
    await this.#tables.endDay(fence, day, !again);
    await this.#act();
    engine.emit({ type: "dayReconciled", name, day, findings });
    return findings;
  }

  async #act(): Promise<void> {
    const { engine, definitions } = this.#internals;
    const definition = definitions.get(this.#settings.rows.operation);
    if (definition !== undefined) await actOnFindings(engine, definition, this.#settings, this.#tables);
  }

  #firstAfter(doneDay: string | null): string {
    const { fromDay } = this.#settings;
    const next = doneDay === null ? fromDay : this.#next(doneDay);
    return next > fromDay ? next : fromDay;
  }

  #next(day: string): string {
    const { offset } = this.#settings;
    return dayOf(rangeOfDay("day", day, offset).fromAtMs + dayMs, offset);
  }

  #isDue(day: string, days: ReconcileOptions | undefined): boolean {
    if (days !== undefined) return day <= days.to;
    const { toAtMs } = rangeOfDay("day", day, this.#settings.offset);
    return toAtMs + this.#settings.youngForMs <= this.#internals.engine.clock.wallNow();
  }

  #range(path: string, { from, to }: { readonly from: string; readonly to: string }): void {
    rangeOfDay(`${path}.from`, from, this.#settings.offset);
    rangeOfDay(`${path}.to`, to, this.#settings.offset);
    if (from > to) throw new RangeError(`${path}.from ${from} is after ${path}.to ${to}`);
  }
}

/** What a page can show; the totals count all. */
const findingsInReport = 5_000;
