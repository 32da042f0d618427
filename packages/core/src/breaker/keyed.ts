import { systemClock } from "../clock/clock.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs } from "../duration/duration.ts";
import { assertKnownKeys, assertObject, integerIn } from "../options/options.ts";
import { functionAt, observerOf, policyOptionKeys } from "../options/policy-options.ts";
import { outcomeOf } from "../pipeline/gate.ts";
import { withPlan } from "../pipeline/plan.ts";
import {
  assertClock,
  type BreakerSnapshot,
  breakerSnapshot,
  forceCircuit,
  restoreCircuit,
} from "./breaker.ts";
import { BreakerHost } from "./breaker-host.ts";
import { type BreakerOptions, type BreakerRules, breakerRuleKeys } from "./breaker-options.ts";
import { turnedAway } from "./circuit.ts";
import type { ForcedState, ForceOptions } from "./forced.ts";
import { KeyedCircuits } from "./keyed-circuits.ts";

export interface KeyedBreakerOptions extends BreakerOptions {
  /**
   * Which circuit a call belongs to: its host, its tenant. What throws, or gives back no string, counts as the
   * key `""`, so that a mistake in it does not stop calls.
   */
  readonly key: (input: unknown, context: CallContext) => string;
  /** Most circuits at a time; over it the least recently used healthy one is forgotten. @defaultValue 10,000 */
  readonly maxKeys?: number | undefined;
  /** A circuit that was not used for this long is forgotten, unless it is open or forced. @defaultValue "10m" */
  readonly idleFor?: Duration | undefined;
}

/**
 * - `maxKeys` 10,000: some five megabytes, and more hosts or tenants than most processes see in ten minutes.
 * - `idleFor` 10 min: sixty windows; what a circuit knew before has no meaning any more.
 */
export const keyedBreakerDefaults: { readonly maxKeys: number; readonly idleFor: Duration } = {
  maxKeys: 10_000,
  idleFor: "10m",
};

/** Plain JSON. */
export interface KeyedBreakerSnapshot {
  readonly kind: "keyedBreaker";
  readonly name: string | undefined;
  readonly shadow: boolean;
  readonly keys: number;
  /** Circuits forgotten since the start. */
  readonly evicted: number;
  /** Those that are not simply closed, by key, the most recently used last; at most 1,000 of them. */
  readonly circuits: Readonly<Record<string, BreakerSnapshot>>;
}

export type KeyedBreaker = Policy & {
  snapshot(): KeyedBreakerSnapshot;
  /** One circuit; undefined where the key has none now. */
  snapshotOf(key: string): BreakerSnapshot | undefined;
  /** Goes on with the circuits of a snapshot; see `circuitBreaker`. Other circuits stay as they are. */
  restore(snapshot: unknown): void;
  /** Other rules for every circuit; `key`, `maxKeys` and `idleFor` stay. See `circuitBreaker`. */
  reconfigure(rules: BreakerRules): void;
  /** Forces one circuit, which is made if there is none yet; see `circuitBreaker`. */
  force(key: string, to: ForcedState | undefined, options: ForceOptions): void;
};

const keyedKeys = ["key", "maxKeys", "idleFor"];
const mostInSnapshot = 1_000;

/**
 * A circuit breaker for each key, so that one host or tenant that fails does not shut out the others. Circuits
 * share their rules; an idle one is a few hundred bytes without any timer.
 *
 * @throws {@link Failure} `BREAKER_OPEN` as `circuitBreaker` does, naming the key.
 */
export function keyedBreaker(options: KeyedBreakerOptions): KeyedBreaker {
  const path = "breaker";
  assertKnownKeys(path, options, [...keyedKeys, ...breakerRuleKeys, "clock", "random", ...policyOptionKeys]);
  const { clock = systemClock, random, key } = options;
  functionAt(`${path}.key`, key);
  assertClock(path, clock);
  if (random !== undefined) functionAt(`${path}.random`, random);
  const maxKeys = integerIn(`${path}.maxKeys`, options.maxKeys ?? keyedBreakerDefaults.maxKeys, 1);
  const idleForMs = durationMs(`${path}.idleFor`, options.idleFor ?? keyedBreakerDefaults.idleFor);
  const host = new BreakerHost(path, options, observerOf(path, options), random);
  const circuits = new KeyedCircuits(host, maxKeys, idleForMs);

  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      const nowMs = clock.now();
      const circuit = circuits.use(keyOf(key, input, context), nowMs);
      const token = host.admit(circuit, nowMs);
      if (token === turnedAway) return Promise.reject(host.rejection(circuit, nowMs));
      return invoke(next, input, context).then(
        (value) => {
          circuit.settle(token, "success", clock.now());
          return value;
        },
        (error: unknown) => {
          const outcome = host.judge(outcomeOf(error, context.abortReason), error);
          circuit.settle(token, outcome, clock.now(), error);
          throw error;
        },
      );
    };
  };
  return Object.assign(withPlan(policy, { kind: "custom", name: host.name }), {
    snapshot(): KeyedBreakerSnapshot {
      const shown: Record<string, BreakerSnapshot> = {};
      let left = mostInSnapshot;
      for (const circuit of circuits.all()) {
        if (circuit.forgettable || left <= 0) continue;
        left -= 1;
        // Not `shown[key] =`: a key may be `__proto__`.
        Object.defineProperty(shown, circuit.key, {
          value: breakerSnapshot(host, circuit, clock),
          enumerable: true,
        });
      }
      const { size: keys, evicted } = circuits;
      return { kind: "keyedBreaker", name: host.name, shadow: host.shadow, keys, evicted, circuits: shown };
    },
    snapshotOf(of: string): BreakerSnapshot | undefined {
      const circuit = circuits.peek(of);
      return circuit === undefined ? undefined : breakerSnapshot(host, circuit, clock);
    },
    restore(snapshot: unknown): void {
      assertObject("snapshot", snapshot);
      const { circuits: saved } = snapshot;
      assertObject("snapshot.circuits", saved);
      for (const [of, one] of Object.entries(saved)) {
        restoreCircuit(`snapshot.circuits.${of}`, one, circuits.use(of, clock.now()), clock);
      }
    },
    reconfigure(rules: BreakerRules): void {
      assertKnownKeys(path, rules, breakerRuleKeys);
      host.reconfigure(rules);
      for (const circuit of circuits.all()) circuit.rulesChanged(clock.now());
    },
    force(of: string, to: ForcedState | undefined, given: ForceOptions): void {
      const nowMs = clock.now();
      forceCircuit(`${path}.force`, host, circuits.use(of, nowMs), to, given, nowMs);
    },
  });
}

function keyOf(
  key: (input: unknown, context: CallContext) => string,
  input: unknown,
  context: CallContext,
): string {
  try {
    const value: unknown = key(input, context);
    return typeof value === "string" ? value : "";
  } catch {
    return "";
  }
}
