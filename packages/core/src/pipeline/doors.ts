import type { Clock } from "../clock/clock.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Failure } from "../failure/failure.ts";
import type { Gate, GateOutcome } from "./gate.ts";
import type { GatePlan } from "./plan.ts";

/** An attempt, and what it holds of the gates that let it in. */
export interface Visitor {
  readonly context: CallContext;
  readonly input: unknown;
  readonly startedAtMs: number;
  /** Of the first two gates, which are all that most attempts meet; -1 where it was not let in. */
  token0: number;
  token1: number;
  /** Where there are more gates, or gates with a clock that is not the call's. */
  visits: Visit[] | undefined;
}

export interface Visit {
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

  /** The gate that a call meets first; undefined where there is none, or where a gate has a clock of its own. */
  outermost(context: CallContext): Gate | undefined {
    if (!this.#few || (this.#clock !== undefined && this.#clock !== context.clock)) return undefined;
    return this.#first;
  }

  /** Lets in whom the outermost gate has let in. @returns the rejection of the gate that does not. */
  enter(visitor: Visitor): Failure | undefined {
    if (this.#first === undefined) return undefined;
    if (visitor.token0 < 0) return this.#enterEach(visitor);
    const second = this.#second;
    if (second === undefined) return undefined;
    const { context, input, startedAtMs } = visitor;
    const token = second.admit(startedAtMs, context, input);
    if (token < 0) return second.rejection(startedAtMs, context, input);
    visitor.token1 = token;
    return undefined;
  }

  /** Gives back every token, the innermost first, as when the gates wrap each other. Once for each attempt. */
  leave(visitor: Visitor, outcome: GateOutcome, error: unknown): void {
    const { context, token0, token1, startedAtMs } = visitor;
    if (token0 < 0) {
      if (visitor.visits !== undefined) this.#leaveEach(visitor.visits, context, outcome, error);
      return;
    }
    const nowMs = context.clock.now();
    if (token1 >= 0) {
      const second = this.#second as Gate;
      second.settle(token1, outcome, nowMs, startedAtMs, error);
      if (this.#secondWaits) workEnds(second, token1, context, nowMs, context.clock);
    }
    const first = this.#first as Gate;
    first.settle(token0, outcome, nowMs, startedAtMs, error);
    if (this.#firstWaits) workEnds(first, token0, context, nowMs, context.clock);
  }

  #enterEach(visitor: Visitor): Failure | undefined {
    const visits: Visit[] = [];
    visitor.visits = visits;
    const { context, input } = visitor;
    for (const { gate, clock = context.clock } of this.gates) {
      const startedAtMs = clock === context.clock ? visitor.startedAtMs : clock.now();
      const token = gate.admit(startedAtMs, context, input);
      if (token < 0) return gate.rejection(startedAtMs, context, input);
      visits.push({ gate, clock, token, startedAtMs });
    }
    return undefined;
  }

  #leaveEach(visits: readonly Visit[], context: CallContext, outcome: GateOutcome, error: unknown): void {
    for (const { gate, clock, token, startedAtMs } of visits.toReversed()) {
      const nowMs = clock.now();
      gate.settle(token, outcome, nowMs, startedAtMs, error);
      if (gate.workEnded !== undefined) workEnds(gate, token, context, nowMs, clock);
    }
  }
}

function workEnds(gate: Gate, token: number, context: CallContext, nowMs: number, clock: Clock): void {
  if (context.isOutlived) context.whenWorkEnds(() => gate.workEnded?.(token, clock.now()));
  else gate.workEnded?.(token, nowMs);
}
