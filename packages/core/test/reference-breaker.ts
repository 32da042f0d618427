import type { BreakerState } from "../src/breaker/breaker-states.ts";
import type { Outcome } from "../src/breaker/circuit.ts";
import type { ForcedState } from "../src/breaker/forced.ts";

export interface ReferenceRules {
  /** Milliseconds of a time window, or outcomes of a count window. */
  readonly window: { readonly ms: number } | { readonly count: number };
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openForMs: number;
  readonly probes: number;
  readonly maxHalfOpenMs: number;
  /** Infinity where failures in a row do not matter. */
  readonly consecutiveFailures?: number;
  readonly slowCall?: { readonly afterMs: number; readonly ratio: number; readonly minimumCalls: number };
}

interface Era {
  readonly state: BreakerState;
  readonly sinceMs: number;
  /** Half-open eras that follow each other are one trial. */
  readonly trial: number;
}

export interface ReferenceCall {
  /** Undefined for a call that was let through while the breaker was disabled. */
  readonly era: Era | undefined;
  readonly admittedAtMs: number;
  outcome?: Outcome;
}

interface End {
  readonly era: Era;
  readonly atMs: number;
  readonly bad: boolean;
}

/**
 * The breaker told as a story: it remembers every era and every call, and works each answer out from them, where
 * the real one keeps counters, rings and lists.
 */
export class ReferenceBreaker {
  readonly #rules: ReferenceRules;
  readonly #eras: Era[] = [{ state: "closed", sinceMs: 0, trial: 0 }];
  readonly #calls: ReferenceCall[] = [];
  /** What counted, in the order in which it came: ends, bad where they failed; paces, bad where they were slow. */
  readonly #ends: End[] = [];
  readonly #paces: (End & { readonly call: ReferenceCall })[] = [];
  /** Calls that ended in the era that admitted them, and said something. */
  readonly #inTime = new Set<ReferenceCall>();
  #forced: ForcedState | undefined;

  constructor(rules: ReferenceRules) {
    this.#rules = rules;
  }

  state(nowMs: number): BreakerState {
    this.#look(nowMs);
    return this.#era.state;
  }

  admit(nowMs: number): ReferenceCall | undefined {
    if (this.#forced === "disabled") return { era: undefined, admittedAtMs: nowMs };
    if (this.state(nowMs) === "open") return undefined;
    if (this.#isFull()) {
      if (nowMs < this.#newestProbeAtMs() + this.#rules.maxHalfOpenMs) return undefined;
      this.#begin("halfOpen", nowMs, this.#era.trial);
    }
    const call: ReferenceCall = { era: this.#era, admittedAtMs: nowMs };
    this.#calls.push(call);
    return call;
  }

  /** When a call may be let through; undefined while one would be. */
  comeBackAtMs(nowMs: number): number | undefined {
    if (this.state(nowMs) === "open") {
      return this.#forced === "open"
        ? nowMs + this.#rules.openForMs
        : this.#era.sinceMs + this.#rules.openForMs;
    }
    return this.#isFull() ? Math.max(nowMs, this.#newestProbeAtMs() + this.#rules.maxHalfOpenMs) : undefined;
  }

  settle(call: ReferenceCall, outcome: Outcome, atMs: number): void {
    if (call.outcome !== undefined) return;
    // A call without slow-call rules is not looked at when it ends; what is due by time waits for the next question.
    if (this.#rules.slowCall !== undefined) this.#findSlow(atMs);
    call.outcome = outcome;
    if (call.era === undefined || call.era !== this.#era || outcome === "ignored") return;
    this.#inTime.add(call);
    if (this.#forced === "disabled") return;
    const wasSlow = this.#paces.some((pace) => pace.call === call);
    if (!wasSlow) this.#paces.push({ era: call.era, atMs, bad: false, call });
    this.#ends.push({ era: call.era, atMs, bad: outcome === "failure" });
    this.#judge(atMs);
  }

  force(to: ForcedState, nowMs: number): void {
    this.#look(nowMs);
    this.#forced = to;
    const state = to === "open" ? "open" : "closed";
    if (this.#era.state !== state) this.#begin(state, nowMs);
  }

  release(nowMs: number): void {
    if (this.#forced === "open") this.#begin("halfOpen", nowMs);
    this.#forced = undefined;
  }

  /** Failures and calls that count now; meaningless while open. */
  counts(nowMs: number): readonly [number, number] {
    return this.#share(this.#ends, nowMs);
  }

  #share(all: readonly End[], nowMs: number): readonly [number, number] {
    let ends = all.filter(({ era }) => era.trial === this.#era.trial);
    if (this.#era.state === "closed") ends = this.#inWindow(ends, nowMs);
    return [ends.filter(({ bad }) => bad).length, ends.length];
  }

  get #era(): Era {
    return this.#eras.at(-1) ?? { state: "closed", sinceMs: 0, trial: 0 };
  }

  #begin(state: BreakerState, sinceMs: number, trial: number = this.#eras.length): void {
    if (trial !== this.#era.trial) {
      // Nothing of an earlier trial or closed time is ever asked for again.
      for (const list of [this.#calls, this.#ends, this.#paces]) list.length = 0;
    }
    this.#eras.push({ state, sinceMs, trial });
  }

  #look(nowMs: number): void {
    const { state, sinceMs } = this.#era;
    const due = state === "open" && this.#forced === undefined && nowMs >= sinceMs + this.#rules.openForMs;
    if (due) this.#begin("halfOpen", nowMs);
    this.#findSlow(nowMs);
  }

  #findSlow(nowMs: number): void {
    const { slowCall } = this.#rules;
    if (slowCall === undefined) return;
    const known = new Set(this.#paces.map(({ call }) => call));
    const era = this.#era;
    const found = this.#calls.filter(
      (call) =>
        call.era === era &&
        call.outcome === undefined &&
        !known.has(call) &&
        nowMs - call.admittedAtMs >= slowCall.afterMs,
    );
    if (found.length === 0 || this.#forced === "disabled") return;
    for (const call of found) this.#paces.push({ era, atMs: nowMs, bad: true, call });
    this.#judge(nowMs);
  }

  #judge(nowMs: number): void {
    const { failureRatio, minimumCalls, probes, consecutiveFailures = Infinity, slowCall } = this.#rules;
    const [failures, calls] = this.counts(nowMs);
    if (this.#era.state === "closed") {
      if (this.#forced !== undefined) return;
      const [slow, paced] = this.#share(this.#paces, nowMs);
      const byRatio = calls >= minimumCalls && failures / calls >= failureRatio;
      const inARow = this.#ends.filter(({ era }) => era === this.#era).slice(-consecutiveFailures);
      const byRow = inARow.length === consecutiveFailures && inARow.every(({ bad }) => bad);
      const bySlow =
        slowCall !== undefined &&
        paced >= slowCall.minimumCalls &&
        slow > 0 &&
        slow / paced >= slowCall.ratio;
      if (byRatio || byRow || bySlow) this.#begin("open", nowMs);
      return;
    }
    const slowProbes = this.#paces.filter(
      ({ era, bad, call }) =>
        bad &&
        era.trial === this.#era.trial &&
        // Of a call that was replaced, or that said nothing, its pace does not count either.
        (call.outcome === undefined ? era === this.#era : this.#inTime.has(call)),
    ).length;
    if (failures / probes >= failureRatio || (slowCall && slowProbes / probes >= slowCall.ratio)) {
      this.#begin("open", nowMs);
    } else if (calls === probes) {
      this.#begin("closed", nowMs);
    }
  }

  #inWindow(ends: End[], nowMs: number): End[] {
    const { window } = this.#rules;
    if ("count" in window) return ends.slice(-window.count);
    const tenth = (atMs: number): number => Math.floor(atMs / (window.ms / 10));
    return ends.filter(({ atMs }) => tenth(nowMs) - tenth(atMs) < 10);
  }

  #isFull(): boolean {
    if (this.#era.state !== "halfOpen") return false;
    const running = this.#calls.filter((call) => call.era === this.#era && call.outcome === undefined);
    const answered = this.#ends.filter(({ era }) => era.trial === this.#era.trial);
    return running.length + answered.length >= this.#rules.probes;
  }

  #newestProbeAtMs(): number {
    const probes = this.#calls.filter(({ era }) => era?.trial === this.#era.trial);
    return Math.max(...probes.map(({ admittedAtMs }) => admittedAtMs));
  }
}
