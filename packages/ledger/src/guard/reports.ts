import type { CallInTransaction, GuardEvent } from "./events.ts";
import type { GuardSettings } from "./options.ts";

interface Reported {
  atMs: number;
  /** Calls that were not reported since. */
  silent: number;
}

/** Says each thing once in a while, with how often it happened, and never more than a log can bear. */
export class Reports {
  /** By place, the one that was reported longest ago first. */
  readonly #places = new Map<string, Reported>();
  readonly #settings: GuardSettings;
  #windowFromMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;
  #dropped = 0;
  #calls = 0;

  constructor(settings: GuardSettings) {
    this.#settings = settings;
  }

  get calls(): number {
    return this.#calls;
  }

  add(report: Omit<CallInTransaction, "type" | "count">): void {
    this.#calls += 1;
    const { clock, reportEveryMs } = this.#settings;
    const nowMs = clock.now();
    const { calledAt, transaction } = report;
    const place = [calledAt[0] ?? report.call.peer, transaction.of, transaction.begunAt[0]].join("\n");
    const known = this.#places.get(place);
    if (known !== undefined && nowMs - known.atMs < reportEveryMs) {
      known.silent += 1;
      return;
    }
    if (!this.#mayReport(nowMs)) {
      this.#dropped += 1;
      return;
    }
    this.#remember(place, nowMs);
    this.#emit({ type: "callInTransaction", ...report, count: (known?.silent ?? 0) + 1 });
  }

  #mayReport(nowMs: number): boolean {
    const { reportEveryMs, reportsAtMost } = this.#settings;
    if (nowMs - this.#windowFromMs >= reportEveryMs) {
      this.#windowFromMs = nowMs;
      this.#inWindow = 0;
      if (this.#dropped > 0) this.#emit({ type: "reportsDropped", count: this.#dropped });
      this.#dropped = 0;
    }
    this.#inWindow += 1;
    return this.#inWindow <= reportsAtMost;
  }

  #remember(place: string, atMs: number): void {
    this.#places.delete(place);
    this.#places.set(place, { atMs, silent: 0 });
    const [oldest] = this.#places.keys();
    if (this.#places.size > placesAtMost && oldest !== undefined) this.#places.delete(oldest);
  }

  #emit(event: GuardEvent): void {
    this.#settings.emit(event);
  }
}

/** Places that are remembered; a program that makes code up as it goes could have any number of them. */
const placesAtMost = 1_000;
