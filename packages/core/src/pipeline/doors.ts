import type { Clock } from "../clock/clock.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Failure } from "../failure/failure.ts";
import type { Gate, GateOutcome } from "./gate.ts";
import type { GatePlan } from "./plan.ts";

/** An attempt, and what it holds of the gates that let it in. */
export interface Visitor extends CallContext {
  readonly startedAtMs: number;
  readonly input: unknown;
  /** How many let it in. */
  admitted: number;
  /** Of the first two, which are all that most attempts meet. */
  token0: number;
  token1: number;
  /** Where there are more gates, or gates with a clock that is not the call's. */
  visits: Visit[] | undefined;
}

interface Visit {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly token: number;
  readonly startedAtMs: number;
}

/** The gates of a pipeline in a row, outermost first. */
export class Doors {
  readonly gates: readonly GatePlan[];
  readonly #first: Gate | undefined;
  readonly #second: Gate | undefined;
  readonly #firstWaits: boolean;
  readonly #secondWaits: boolean;
  readonly #few: boolean;
  /** The one clock that the gates have, where they have one. */
  readonly #clock: Clock | undefined;

  constructor(gates: readonly GatePlan[]) {
    this.gates = gates;
    this.#first = gates[0]?.gate;
    this.#second = gates[1]?.gate;
    this.#firstWaits = this.#first?.workEnded !== undefined;
    this.#secondWaits = this.#second?.workEnded !== undefined;
    const clocks = new Set(gates.flatMap(({ clock }) => clock ?? []));
    this.#few = gates.length <= 2 && clocks.size <= 1;
    this.#clock = [...clocks][0];
  }

  /** @returns the rejection of the gate that does not let the attempt in. */
  enter(visitor: Visitor): Failure | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    if (!this.#few || (this.#clock !== undefined && this.#clock !== visitor.clock)) {
      return this.#enterEach(visitor);
    }
    const nowMs = visitor.startedAtMs;
    const token = first.admit(nowMs, visitor, visitor.input);
    if (token < 0) return first.rejection(nowMs, visitor, visitor.input);
    visitor.token0 = token;
    visitor.admitted = 1;
    const second = this.#second;
    if (second === undefined) return undefined;
    const other = second.admit(nowMs, visitor, visitor.input);
    if (other < 0) return second.rejection(nowMs, visitor, visitor.input);
    visitor.token1 = other;
    visitor.admitted = 2;
    return undefined;
  }

  /** Gives back every token, the innermost first, as when the gates wrap each other. Once for each attempt. */
  leave(visitor: Visitor, outcome: GateOutcome, error: unknown): void {
    const { admitted } = visitor;
    if (admitted === 0) return;
    if (visitor.visits !== undefined) {
      this.#leaveEach(visitor.visits, visitor, outcome, error);
      return;
    }
    const nowMs = visitor.clock.now();
    const { startedAtMs } = visitor;
    const second = this.#second;
    if (admitted === 2 && second !== undefined) {
      second.settle(visitor.token1, outcome, nowMs, startedAtMs, error);
      if (this.#secondWaits) workEnds(second, visitor.token1, visitor, nowMs, visitor.clock);
    }
    const first = this.#first;
    if (first === undefined) return;
    first.settle(visitor.token0, outcome, nowMs, startedAtMs, error);
    if (this.#firstWaits) workEnds(first, visitor.token0, visitor, nowMs, visitor.clock);
  }

  #enterEach(visitor: Visitor): Failure | undefined {
    const visits: Visit[] = [];
    visitor.visits = visits;
    for (const { gate, clock = visitor.clock } of this.gates) {
      const startedAtMs = clock === visitor.clock ? visitor.startedAtMs : clock.now();
      const token = gate.admit(startedAtMs, visitor, visitor.input);
      if (token < 0) return gate.rejection(startedAtMs, visitor, visitor.input);
      visits.push({ gate, clock, token, startedAtMs });
      visitor.admitted += 1;
    }
    return undefined;
  }

  #leaveEach(visits: readonly Visit[], visitor: Visitor, outcome: GateOutcome, error: unknown): void {
    for (const { gate, clock, token, startedAtMs } of visits.toReversed()) {
      const nowMs = clock.now();
      gate.settle(token, outcome, nowMs, startedAtMs, error);
      if (gate.workEnded !== undefined) workEnds(gate, token, visitor, nowMs, clock);
    }
  }
}

function workEnds(gate: Gate, token: number, visitor: Visitor, nowMs: number, clock: Clock): void {
  if (visitor.isOutlived) visitor.whenWorkEnds(() => gate.workEnded?.(token, clock.now()));
  else gate.workEnded?.(token, nowMs);
}
