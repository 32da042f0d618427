import { type Clock, systemClock } from "../clock/clock.ts";
import type { Policy } from "../context/call.ts";
import { durationMs, show } from "../duration/duration.ts";
import { assertObject, assertOptions, nonEmptyString, oneOf } from "../options/options.ts";
import { clockAt, observerOf, policyOptionKeys } from "../options/policy-options.ts";
import { type Gate, gatePolicy } from "../pipeline/gate.ts";
import { BreakerHost } from "./breaker-host.ts";
import { type BreakerOptions, type BreakerRules, breakerRuleKeys } from "./breaker-options.ts";
import { Circuit } from "./circuit.ts";
import { type CircuitSnapshot, isFiniteNumber, savedCircuit } from "./circuit-snapshot.ts";
import { type Forced, type ForcedState, type ForceOptions, forcedStates } from "./forced.ts";

/** Plain JSON. */
export interface BreakerSnapshot extends CircuitSnapshot {
  readonly kind: "circuitBreaker";
  readonly name: string | undefined;
  readonly shadow: boolean;
  /** Wall time, so that another process can tell how old this is. */
  readonly takenAtMs: number;
}

export type CircuitBreaker = Policy & {
  snapshot(): BreakerSnapshot;
  /**
   * Goes on from a snapshot, also from one of another process that has been through JSON. Time has passed for it
   * as the wall clock says; what does not fit the rules is left out. Calls that run now no longer count.
   *
   * @throws TypeError or RangeError that names what is not as `snapshot` writes it; nothing is changed then.
   */
  restore(snapshot: unknown): void;
  /**
   * Changes what is given from the next decision on and keeps the other rules; `undefined` stands for the default.
   * `count` and `window` replace each other, and `trip` replaces the options that it stands in place of; an option
   * that is an object (`slowCall`, `openFor`) is replaced as a whole. State, counts and calls in flight are kept; of
   * a window what fits the new one.
   *
   * @throws TypeError or RangeError as at construction; nothing is changed then.
   */
  reconfigure(change: BreakerRules): void;
  /**
   * An operator's will above the rules, until it is released with `undefined` or its time is over. A circuit that
   * was forced open then lets probes decide.
   */
  force(to: ForcedState | undefined, options: ForceOptions): void;
};

/**
 * Stops calling what keeps failing: closed, it counts outcomes; open, it rejects at once; half-open, it lets a few
 * probes through and decides by them. All calls that are wrapped with one breaker share its state.
 *
 * It has no timer: it turns half-open when the first call after `openFor` asks. Outcomes of calls that started
 * before the last change of state move nothing. Half-open closes when all probes have answered and fewer than
 * `probeFailureRatio` of them failed, and opens as soon as that many have.
 *
 * @throws {@link Failure} `BREAKER_OPEN` with effect `none`, and `retryAfterMs`, the time until a call may be let
 * through.
 */
export function circuitBreaker(options: BreakerOptions = {}): CircuitBreaker {
  const path = "circuitBreaker";
  assertOptions(path, options, [...breakerRuleKeys, "clock", "random", ...policyOptionKeys]);
  const { clock = systemClock, random } = options;
  clockAt(`${path}.clock`, clock);
  const host = new BreakerHost(path, options, observerOf(path, options), random);
  const { name } = host;
  const circuit = new Circuit(host);

  const gate: Gate = {
    admit: (nowMs, context) => host.admit(circuit, nowMs, context),
    rejection: (nowMs, context) => host.rejection(circuit, nowMs, context),
    settle(token, outcome, nowMs, _startedAtMs, error) {
      circuit.settle(token, host.judge(outcome, error), nowMs, error);
    },
  };
  const plan = {
    kind: "gate",
    policy: "circuitBreaker",
    name,
    // May be changed while calls run.
    get probes(): number {
      return host.rules.probes;
    },
  } as const;
  return Object.assign(gatePolicy(gate, plan, clock), {
    snapshot: () => breakerSnapshot(host, circuit, clock),
    restore(snapshot: unknown): void {
      restoreCircuit("snapshot", snapshot, circuit, clock);
    },
    reconfigure(change: BreakerRules): void {
      assertOptions(path, change, breakerRuleKeys);
      host.reconfigure(change);
      circuit.rulesChanged(clock.now());
    },
    force(to: ForcedState | undefined, given: ForceOptions): void {
      forceCircuit(`${path}.force`, host, circuit, to, given, clock.now());
    },
  });
}

export function breakerSnapshot(host: BreakerHost, circuit: Circuit, clock: Clock): BreakerSnapshot {
  return {
    kind: "circuitBreaker",
    name: host.name,
    ...circuit.snapshot(clock.now()),
    shadow: host.shadow,
    takenAtMs: clock.wallNow(),
  };
}

/** @throws TypeError or RangeError that names the path of what is wrong, before anything is changed. */
export function restoreCircuit(path: string, snapshot: unknown, circuit: Circuit, clock: Clock): void {
  assertObject(path, snapshot);
  const { takenAtMs } = snapshot;
  if (!isFiniteNumber(takenAtMs)) {
    throw new RangeError(`${path}.takenAtMs must be milliseconds since 1970; got ${show(takenAtMs)}`);
  }
  const saved = savedCircuit(`${path}.saved`, snapshot["saved"]);
  // A wall clock that was set back meanwhile must not make the snapshot come from the future.
  const elapsedMs = Math.max(0, clock.wallNow() - takenAtMs);
  circuit.restore(saved, elapsedMs, clock.now());
}

/** @throws TypeError or RangeError that names the path of what is wrong. */
export function forceCircuit(
  path: string,
  host: BreakerHost,
  circuit: Circuit,
  to: unknown,
  options: ForceOptions,
  nowMs: number,
): void {
  const state = to === undefined ? undefined : oneOf(path, to, forcedStates);
  assertOptions(`${path} options`, options, state === undefined ? ["reason"] : ["reason", "for"]);
  const reason = nonEmptyString(`${path}.reason`, options.reason);
  if (state === undefined) {
    circuit.release(reason, nowMs);
    return;
  }
  const forMs = options.for === undefined ? Number.POSITIVE_INFINITY : durationMs(`${path}.for`, options.for);
  const forced: Forced = { to: state, reason, untilMs: nowMs + forMs };
  circuit.force(forced, nowMs);
  host.forced(circuit);
}
