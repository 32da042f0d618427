import {
  Circuit,
  type CircuitHost,
  type Outcome,
  type Transition,
  turnedAway,
} from "../src/breaker/circuit.ts";
import type { CircuitRules } from "../src/breaker/circuit-rules.ts";
import type { WindowShape } from "../src/breaker/outcome-window.ts";
import { CallSlots } from "../src/breaker/slow-calls.ts";

/** Rules with one ratio, as most tests need them; `more` for the rest. */
export interface SimpleRules {
  readonly window: WindowShape;
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openForMs: number;
  readonly probes: number;
  readonly maxHalfOpenMs: number;
}

export function circuitRules(simple: SimpleRules, more: Partial<CircuitRules> = {}): CircuitRules {
  const { window, failureRatio, minimumCalls, openForMs, probes, maxHalfOpenMs } = simple;
  return {
    trips: [{ window, failureRatio, minimumCalls }],
    consecutiveFailures: Number.POSITIVE_INFINITY,
    slowCall: undefined,
    openTime: {
      firstMs: openForMs,
      factor: 1,
      maxMs: openForMs,
      jitter: 0,
      resetAfterMs: 60_000,
      maxRetryAfterMs: 300_000,
    },
    probes,
    probeFailureRatio: failureRatio,
    maxHalfOpenMs,
    rampUpMs: 0,
    ...more,
  };
}

/** Leave to make one call, as an object that keeps the engine's promise: it settles once. */
export interface Permit {
  settle(outcome: Outcome, nowMs: number, error?: unknown): void;
}

/** A circuit with rules that can be replaced, and what it told. */
export class Bench implements CircuitHost {
  rules: CircuitRules;
  readonly slots: CallSlots = new CallSlots();
  readonly moves: Transition[] = [];
  readonly releases: string[] = [];
  readonly circuit: Circuit;
  random: () => number = () => 0.5;
  onMove: (transition: Transition) => void = () => {};

  constructor(rules: CircuitRules) {
    this.rules = rules;
    this.circuit = new Circuit(this);
  }

  admit(nowMs: number): Permit | undefined {
    const token = this.circuit.admit(nowMs);
    if (token === turnedAway) return undefined;
    let settled = false;
    return {
      settle: (outcome, atMs, error) => {
        if (!settled) this.circuit.settle(token, outcome, atMs, error);
        settled = true;
      },
    };
  }

  change(rules: CircuitRules, nowMs: number): void {
    this.rules = rules;
    this.circuit.rulesChanged(nowMs);
  }

  moved(transition: Transition): void {
    this.moves.push(transition);
    this.onMove(transition);
  }

  released(reason: string): void {
    this.releases.push(reason);
  }
}
