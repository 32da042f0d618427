import { type Random, systemRandom } from "../clock/clock.ts";
import type { CallContext } from "../context/call-context.ts";
import { durationText } from "../duration/duration.ts";
import type { Listener } from "../events/events.ts";
import type { PolicyEvent } from "../events/policy-event.ts";
import { coreFailureCodes, type Failure } from "../failure/failure.ts";
import { rejection } from "../failure/rejection.ts";
import type { Observer } from "../options/policy-options.ts";
import { randomAt, yesOrNo } from "../options/user-functions.ts";
import { type BreakerRules, changedRules, circuitRules } from "./breaker-options.ts";
import type { BreakerState } from "./breaker-states.ts";
import {
  type Circuit,
  type CircuitHost,
  type Outcome,
  type Transition,
  turnedAway,
  uncounted,
} from "./circuit.ts";
import type { CircuitRules } from "./circuit-rules.ts";
import type { Forced } from "./forced.ts";
import { CallSlots } from "./slow-calls.ts";

/** What stands between a user's options and one circuit or many: rules, events and failures. */
export class BreakerHost implements CircuitHost {
  readonly name: string | undefined;
  readonly random: Random;
  readonly slots: CallSlots = new CallSlots();
  readonly #path: string;
  readonly #emit: Listener<PolicyEvent> | undefined;
  /** As the user wrote them, so that a change of one keeps the others. */
  #given: BreakerRules;
  #rules: CircuitRules;
  #shadow: boolean;
  #isFailure: ((error: unknown) => boolean) | undefined;

  constructor(path: string, options: BreakerRules, observer: Observer, random: Random = systemRandom) {
    this.#path = path;
    this.name = observer.name;
    this.#emit = observer.emit;
    this.random = randomAt(`${path}.random`, random);
    this.#rules = circuitRules(path, options);
    this.#given = { ...options };
    this.#shadow = options.shadow ?? false;
    this.#isFailure = options.isFailure;
  }

  get rules(): CircuitRules {
    return this.#rules;
  }

  get shadow(): boolean {
    return this.#shadow;
  }

  /** Changes what is given and keeps the rest; nothing when one of them is wrong. Tell the circuits. */
  reconfigure(change: BreakerRules): void {
    const given = changedRules(this.#given, change);
    this.#rules = circuitRules(this.#path, given);
    this.#given = given;
    this.#shadow = given.shadow ?? false;
    this.#isFailure = given.isFailure;
  }

  admit(circuit: Circuit, nowMs: number, context: CallContext): number {
    const token = circuit.admit(nowMs);
    if (token !== turnedAway || !this.#shadow) return token;
    this.#emit?.({ type: "callWouldBeRejected", ...this.#facts(circuit, nowMs, context) });
    return uncounted;
  }

  rejection(circuit: Circuit, nowMs: number, { operation }: CallContext): Failure {
    const retryAfterMs = circuit.comeBackAfterMs(nowMs);
    if (this.#emit !== undefined) {
      const { name } = this;
      const { key } = circuit;
      const code = coreFailureCodes.breakerOpen;
      // Written out: an open circuit does this for every call.
      this.#emit(
        key === ""
          ? { type: "callRejected", name, operation, code, retryAfterMs }
          : { type: "callRejected", name, operation, key, code, retryAfterMs },
      );
    }
    const { forced, state, reason, key } = circuit;
    const { name } = this;
    return rejection(
      () =>
        `the circuit breaker${about(" of ", name)}${about(" for ", key)} ${why(forced, state, reason)}; ` +
        `try again in ${durationText(retryAfterMs)}`,
      {
        code: coreFailureCodes.breakerOpen,
        retryAfterMs,
      },
    );
  }

  /** The judgement that counts here: the one that all policies share, unless the user has another. */
  judge(outcome: Outcome, error: unknown): Outcome {
    if (this.#isFailure === undefined || outcome === "ignored") return outcome;
    if (outcome === "success" && error === undefined) return outcome;
    const isFailure = yesOrNo(this.#isFailure, error);
    // A broken predicate must not change the call; the default judges instead.
    if (isFailure === undefined) return outcome;
    return isFailure ? "failure" : "success";
  }

  moved({ to, reason }: Transition, circuit: Circuit): void {
    if (this.#emit === undefined) return;
    const about = { name: this.name, ...keyOf(circuit), reason };
    if (to === "open") this.#emit({ type: "breakerOpened", ...about, openForMs: circuit.openForMs });
    else this.#emit({ type: to === "halfOpen" ? "breakerHalfOpened" : "breakerClosed", ...about });
  }

  released(reason: string, circuit: Circuit): void {
    this.#emit?.({ type: "breakerReleased", name: this.name, ...keyOf(circuit), reason });
  }

  forced(circuit: Circuit): void {
    const { forced } = circuit;
    if (forced === undefined) return;
    const { to, reason } = forced;
    this.#emit?.({ type: "breakerForced", name: this.name, ...keyOf(circuit), to, reason });
  }

  #facts(circuit: Circuit, nowMs: number, { operation }: CallContext): Facts {
    return {
      name: this.name,
      operation,
      ...keyOf(circuit),
      code: coreFailureCodes.breakerOpen,
      retryAfterMs: circuit.comeBackAfterMs(nowMs),
    };
  }
}

interface Facts {
  readonly name: string | undefined;
  readonly operation: string | undefined;
  readonly key?: string;
  readonly code: string;
  readonly retryAfterMs: number;
}

function keyOf({ key }: Circuit): { readonly key?: string } {
  return key === "" ? {} : { key };
}

function about(word: string, whom: string | undefined): string {
  return whom === undefined || whom === "" ? "" : word + whom;
}

function why(forced: Forced | undefined, state: BreakerState, reason: string | undefined): string {
  if (forced !== undefined) return `is forced ${forced.to}: ${forced.reason}`;
  if (state === "open") return `is open: ${reason}`;
  if (state === "halfOpen") return `is half-open and has all its probes: ${reason}`;
  return `has just closed and lets only some calls through: ${reason}`;
}
