import type { CallContext } from "../context/call-context.ts";
import type { Failure } from "../failure/failure.ts";
import { answerOf } from "../options/user-functions.ts";
import type { Gate, GateOutcome } from "../pipeline/gate.ts";
import type { BreakerHost } from "./breaker-host.ts";
import { type Circuit, turnedAway } from "./circuit.ts";
import type { KeyedCircuits } from "./keyed-circuits.ts";

/**
 * Many circuits behind one door. A token is the number of a place in which circuit and permit are kept until the
 * attempt is answered; places are used again, so their number is that of the attempts that run at a time.
 */
export class KeyedGate implements Gate {
  readonly #key: (input: unknown, context: CallContext) => string;
  readonly #circuits: KeyedCircuits;
  readonly #host: BreakerHost;
  readonly #circuitAt: (Circuit | undefined)[] = [];
  /** The circuit's permit; of a free place the next free one. */
  readonly #permitAt: number[] = [];
  #free = -1;
  /** Of the call that was just turned away. */
  #closedDoor: Circuit | undefined;

  constructor(
    key: (input: unknown, context: CallContext) => string,
    circuits: KeyedCircuits,
    host: BreakerHost,
  ) {
    this.#key = key;
    this.#circuits = circuits;
    this.#host = host;
  }

  admit(nowMs: number, context: CallContext, input: unknown): number {
    const circuit = this.#circuits.use(this.#keyOf(input, context), nowMs);
    const permit = this.#host.admit(circuit, nowMs, context);
    if (permit === turnedAway) {
      this.#closedDoor = circuit;
      return -1;
    }
    const place = this.#free === -1 ? this.#permitAt.length : this.#free;
    if (place === this.#free) this.#free = this.#permitAt[place] ?? -1;
    this.#circuitAt[place] = circuit;
    this.#permitAt[place] = permit;
    return place;
  }

  rejection(nowMs: number, context: CallContext, input: unknown): Failure {
    const circuit = this.#closedDoor ?? this.#circuits.use(this.#keyOf(input, context), nowMs);
    this.#closedDoor = undefined;
    return this.#host.rejection(circuit, nowMs, context);
  }

  settle(place: number, outcome: GateOutcome, nowMs: number, _startedAtMs: number, error: unknown): void {
    const circuit = this.#circuitAt[place];
    const permit = this.#permitAt[place];
    if (circuit === undefined || permit === undefined) return;
    this.#circuitAt[place] = undefined;
    this.#permitAt[place] = this.#free;
    this.#free = place;
    circuit.settle(permit, this.#host.judge(outcome, error), nowMs, error);
  }

  #keyOf(input: unknown, context: CallContext): string {
    const key: unknown = answerOf(this.#key, input, context);
    return typeof key === "string" ? key : "";
  }
}
