import type { BreakerState } from "../src/breaker/breaker-states.ts";
import type { Outcome } from "../src/breaker/circuit.ts";

export interface ReferenceRules {
  /** Milliseconds of a time window, or outcomes of a count window. */
  readonly window: { readonly ms: number } | { readonly count: number };
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openForMs: number;
  readonly probes: number;
  readonly maxHalfOpenMs: number;
}

interface Era {
  readonly state: BreakerState;
  readonly sinceMs: number;
  /** Half-open eras that follow each other are one trial. */
  readonly trial: number;
}

export interface ReferenceCall {
  readonly era: Era;
  readonly admittedAtMs: number;
}

interface End {
  readonly era: Era;
  readonly atMs: number;
  readonly failed: boolean;
}

/**
 * The breaker told as a story: it remembers every era and every call, and works each answer out from them, where
 * the real one keeps counters and a ring.
 */
export class ReferenceBreaker {
  readonly #rules: ReferenceRules;
  readonly #eras: Era[] = [{ state: "closed", sinceMs: 0, trial: 0 }];
  readonly #calls: ReferenceCall[] = [];
  readonly #settled = new Set<ReferenceCall>();
  /** What counted, in the order in which it came. */
  readonly #ends: End[] = [];

  constructor(rules: ReferenceRules) {
    this.#rules = rules;
  }

  state(nowMs: number): BreakerState {
    const { state, sinceMs } = this.#era;
    if (state === "open" && nowMs >= sinceMs + this.#rules.openForMs) this.#begin("halfOpen", nowMs);
    return this.#era.state;
  }

  admit(nowMs: number): ReferenceCall | undefined {
    if (this.state(nowMs) === "open") return undefined;
    if (this.#isFull()) {
      if (nowMs < this.#newestProbeAtMs() + this.#rules.maxHalfOpenMs) return undefined;
      this.#begin("halfOpen", nowMs, this.#era.trial);
    }
    const call = { era: this.#era, admittedAtMs: nowMs };
    this.#calls.push(call);
    return call;
  }

  /** When a call may be let through; undefined while one would be. */
  comeBackAtMs(nowMs: number): number | undefined {
    if (this.state(nowMs) === "open") return this.#era.sinceMs + this.#rules.openForMs;
    return this.#isFull() ? Math.max(nowMs, this.#newestProbeAtMs() + this.#rules.maxHalfOpenMs) : undefined;
  }

  settle(call: ReferenceCall, outcome: Outcome, atMs: number): void {
    if (this.#settled.has(call)) return;
    this.#settled.add(call);
    if (call.era !== this.#era || outcome === "ignored") return;
    this.#ends.push({ era: call.era, atMs, failed: outcome === "failure" });
    const { failureRatio, minimumCalls, probes } = this.#rules;
    const [failures, calls] = this.counts(atMs);
    if (this.#era.state === "closed") {
      if (calls >= minimumCalls && failures / calls >= failureRatio) this.#begin("open", atMs);
    } else if (failures / probes >= failureRatio) {
      this.#begin("open", atMs);
    } else if (calls === probes) {
      this.#begin("closed", atMs);
    }
  }

  /** Failures and calls that count now; meaningless while open. */
  counts(nowMs: number): readonly [number, number] {
    let ends = this.#ends.filter(({ era }) => era.trial === this.#era.trial);
    if (this.#era.state === "closed") ends = this.#inWindow(ends, nowMs);
    return [ends.filter(({ failed }) => failed).length, ends.length];
  }

  get #era(): Era {
    return this.#eras.at(-1) ?? { state: "closed", sinceMs: 0, trial: 0 };
  }

  #begin(state: BreakerState, sinceMs: number, trial: number = this.#eras.length): void {
    this.#eras.push({ state, sinceMs, trial });
  }

  #inWindow(ends: End[], nowMs: number): End[] {
    const { window } = this.#rules;
    if ("count" in window) return ends.slice(-window.count);
    const tenth = (atMs: number): number => Math.floor(atMs / (window.ms / 10));
    return ends.filter(({ atMs }) => tenth(nowMs) - tenth(atMs) < 10);
  }

  #isFull(): boolean {
    if (this.#era.state !== "halfOpen") return false;
    const running = this.#calls.filter((call) => call.era === this.#era && !this.#settled.has(call));
    const answered = this.#ends.filter(({ era }) => era.trial === this.#era.trial);
    return running.length + answered.length >= this.#rules.probes;
  }

  #newestProbeAtMs(): number {
    const probes = this.#calls.filter(({ era }) => era.trial === this.#era.trial);
    return Math.max(...probes.map(({ admittedAtMs }) => admittedAtMs));
  }
}
