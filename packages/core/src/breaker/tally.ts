import { durationText } from "../duration/duration.ts";
import { type CircuitRules, failuresNeeded } from "./circuit-rules.ts";
import {
  type OutcomeWindow,
  type SavedWindow,
  type WindowShape,
  windowOf,
  withoutBad,
} from "./outcome-window.ts";

export interface SavedTally {
  readonly windows: readonly SavedWindow[];
  readonly slowWindow?: SavedWindow | undefined;
  readonly consecutiveFailures: number;
}

const noWindows: readonly OutcomeWindow[] = [];

/**
 * What a closed circuit remembers, and whether that is reason enough to open.
 *
 * How a call ended and whether it was slow are counted apart, because a slow call is known before its end: it
 * counts once among the slow ones, and once more among the failed ones if it then fails.
 *
 * Until the first slow call the two counts are of the same calls, so the second window is only made then, out of
 * the first: most of a hundred thousand keyed circuits never see a slow call.
 */
export class Tally {
  /** Of the first rule; a list of its own for a single window would be a tenth of an idle circuit's memory. */
  readonly #first: OutcomeWindow | undefined;
  readonly #others: readonly OutcomeWindow[];
  /** Slow calls among those whose pace is known; undefined while these are the calls of `#first`, and none slow. */
  #slow: OutcomeWindow | undefined;
  /** What `#slow` is made of when it is needed; undefined where slow calls are not looked for. */
  readonly #slowShape: WindowShape | undefined;
  /** Failures since the last success, in the order in which calls ended: an answer speaks for its own moment. */
  #inARow = 0;

  constructor({ trips, slowCall }: CircuitRules) {
    const [first, ...others] = trips;
    this.#first = first === undefined ? undefined : windowOf(first.window);
    this.#others = others.length === 0 ? noWindows : others.map(({ window }) => windowOf(window));
    this.#slowShape = slowCall?.window;
    // Without a window of outcomes there is none that it could be made out of later.
    this.#slow = slowCall === undefined || first !== undefined ? undefined : windowOf(slowCall.window);
  }

  record(failed: boolean, nowMs: number): void {
    this.#inARow = failed ? this.#inARow + 1 : 0;
    this.#first?.record(failed, nowMs);
    if (this.#others.length > 0) for (const window of this.#others) window.record(failed, nowMs);
  }

  /** A call that turned out to be fast counts with its outcome, which must be recorded right after. */
  recordPace(slow: boolean, nowMs: number): void {
    if (slow) this.countPaceApart(nowMs);
    this.#slow?.record(slow, nowMs);
  }

  /** Whether the outcomes are no longer those of the calls whose pace is known: some were slow, or are not known. */
  get countsPaceApart(): boolean {
    return this.#slow !== undefined;
  }

  countPaceApart(nowMs: number): void {
    this.#slow ??= this.#slowWindow(nowMs);
  }

  /** Nothing bad is remembered, so there is no reason to open: what nearly every call finds. */
  get isFlawless(): boolean {
    if (this.#inARow > 0 || this.#others.length > 0 || this.#slow !== undefined) return false;
    return this.#first === undefined || this.#first.failures === 0;
  }

  /** Why the circuit must open; undefined while it must not. */
  reasonToOpen(rules: CircuitRules, nowMs: number): string | undefined {
    const { consecutiveFailures, trips, slowCall } = rules;
    if (this.#inARow >= consecutiveFailures) {
      return `${this.#inARow} calls failed in a row; ${consecutiveFailures} needed`;
    }
    // By index: this runs with every call, and an iterator costs as much as the counting.
    for (let index = 0; index < trips.length; index += 1) {
      const rule = trips[index];
      const window = this.#window(index);
      if (rule === undefined || window === undefined) continue;
      const { failureRatio, minimumCalls } = rule;
      if (isReached(window, failureRatio, minimumCalls, nowMs)) return reasonOf(window, failureRatio);
    }
    if (slowCall === undefined || this.#slow === undefined) return undefined;
    const { ratio, minimumCalls, afterMs } = slowCall;
    return isReached(this.#slow, ratio, minimumCalls, nowMs)
      ? reasonOf(this.#slow, ratio, tookLong(afterMs))
      : undefined;
  }

  /** Of what is shown; the other windows are asked only when they are judged or saved. */
  expire(nowMs: number): void {
    this.#first?.expire(nowMs);
    this.#slow?.expire(nowMs);
  }

  clear(): void {
    this.#first?.clear();
    for (const window of this.#others) window.clear();
    this.#slow?.clear();
    // Both windows are empty, so they are of the same calls again.
    if (this.#first !== undefined) this.#slow = undefined;
    this.#inARow = 0;
  }

  /** As if it had been there from the start: the calls so far, none of them slow. */
  #slowWindow(nowMs: number): OutcomeWindow | undefined {
    if (this.#slowShape === undefined) return undefined;
    const window = windowOf(this.#slowShape);
    if (this.#first !== undefined) window.load(withoutBad(this.#first.save(nowMs)), nowMs, nowMs);
    return window;
  }

  get consecutiveFailures(): number {
    return this.#inARow;
  }

  /** Of the first rule; of the failures in a row where there is no other rule. */
  get failures(): number {
    return this.#first?.failures ?? this.#inARow;
  }

  get calls(): number {
    return this.#first?.calls ?? this.#inARow;
  }

  get slow(): { readonly slow: number; readonly calls: number } {
    return this.#slow === undefined
      ? { slow: 0, calls: this.calls }
      : { slow: this.#slow.failures, calls: this.#slow.calls };
  }

  save(nowMs: number): SavedTally {
    return {
      windows:
        this.#first === undefined ? [] : [this.#first, ...this.#others].map((each) => each.save(nowMs)),
      slowWindow: (this.#slow ?? this.#slowWindow(nowMs))?.save(nowMs),
      consecutiveFailures: this.#inARow,
    };
  }

  /** What was saved `nowMs - thenMs` ago, as far as it fits the windows; a rule finds its window by its place. */
  load(saved: SavedTally, thenMs: number, nowMs: number): void {
    for (const [index, from] of saved.windows.entries()) this.#window(index)?.load(from, thenMs, nowMs);
    this.#loadSlow(saved, thenMs, nowMs);
    this.#inARow = saved.consecutiveFailures;
  }

  /** Where slow calls were not looked for before, the pace of none of the calls is known. */
  #loadSlow({ windows, slowWindow }: SavedTally, thenMs: number, nowMs: number): void {
    if (this.#slowShape === undefined) return;
    const [outcomes] = windows;
    const noneSlow = outcomes === undefined ? undefined : JSON.stringify(withoutBad(outcomes));
    const isKnown = this.#first !== undefined && noneSlow !== undefined;
    if (isKnown && noneSlow === JSON.stringify(slowWindow)) return;
    this.#slow = windowOf(this.#slowShape);
    if (slowWindow !== undefined) this.#slow.load(slowWindow, thenMs, nowMs);
  }

  #window(index: number): OutcomeWindow | undefined {
    return index === 0 ? this.#first : this.#others[index - 1];
  }
}

/** What fits the new rules, while the calls that run will still be counted. */
export function tallyAfterChange(before: Tally | undefined, rules: CircuitRules, nowMs: number): Tally {
  const tally = new Tally(rules);
  if (before !== undefined) tally.load(before.save(nowMs), nowMs, nowMs);
  if (before === undefined || before.countsPaceApart) tally.countPaceApart(nowMs);
  return tally;
}

export function tookLong(afterMs: number): string {
  return `took ${durationText(afterMs)} or longer`;
}

function isReached(window: OutcomeWindow, ratio: number, minimumCalls: number, nowMs: number): boolean {
  window.expire(nowMs);
  const { calls, failures } = window;
  return failures > 0 && calls >= minimumCalls && failures / calls >= ratio;
}

function reasonOf(window: OutcomeWindow, ratio: number, did?: string): string {
  return `${window.describe(did)}; at least ${failuresNeeded(ratio, window.calls)} needed`;
}
