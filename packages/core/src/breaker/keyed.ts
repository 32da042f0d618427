import { systemClock } from "../clock/clock.ts";
import type { Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs } from "../duration/duration.ts";
import { assertObject, assertOptions, integerIn } from "../options/options.ts";
import { clockAt, functionAt, observerOf, policyOptionKeys } from "../options/policy-options.ts";
import { gatePolicy } from "../pipeline/gate.ts";
import { type BreakerSnapshot, breakerSnapshot, forceCircuit, restoreCircuit } from "./breaker.ts";
import { BreakerHost } from "./breaker-host.ts";
import { type BreakerOptions, type BreakerRules, breakerRuleKeys } from "./breaker-options.ts";
import type { ForcedState, ForceOptions } from "./forced.ts";
import { KeyedCircuits } from "./keyed-circuits.ts";
import { KeyedGate } from "./keyed-gate.ts";

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

/** What can be changed while calls run: everything but `key`, which decides whose counts they are. */
export type KeyedBreakerChange = BreakerRules & Pick<KeyedBreakerOptions, "maxKeys" | "idleFor">;

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
  /** Changes what is given, for every circuit, and keeps the rest, the circuits included; see `circuitBreaker`. */
  reconfigure(change: KeyedBreakerChange): void;
  /** Forces one circuit, which is made if there is none yet; see `circuitBreaker`. */
  force(key: string, to: ForcedState | undefined, options: ForceOptions): void;
};

const tableKeys = ["maxKeys", "idleFor"];
const mostInSnapshot = 1_000;

/**
 * A circuit breaker for each key, so that one host or tenant that fails does not shut out the others. Circuits
 * share their rules; an idle one is a few hundred bytes without any timer.
 *
 * @throws {@link Failure} `BREAKER_OPEN` as `circuitBreaker` does, naming the key.
 */
export function keyedBreaker(options: KeyedBreakerOptions): KeyedBreaker {
  const path = "keyedBreaker";
  const known = ["key", ...tableKeys, ...breakerRuleKeys, "clock", "random", ...policyOptionKeys];
  assertOptions(path, options, known);
  const { clock = systemClock, random, key } = options;
  functionAt(`${path}.key`, key);
  clockAt(`${path}.clock`, clock);
  const { maxKeys, idleForMs } = tableOf(path, options);
  const host = new BreakerHost(path, options, observerOf(path, options), random);
  const circuits = new KeyedCircuits(host, maxKeys, idleForMs);

  const plan = {
    kind: "gate",
    policy: "keyedBreaker",
    name: host.name,
    // May be changed while calls run.
    get probes(): number {
      return host.rules.probes;
    },
  } as const;
  return Object.assign(gatePolicy(new KeyedGate(key, circuits, host), plan, clock), {
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
    reconfigure(change: KeyedBreakerChange): void {
      assertOptions(path, change, [...tableKeys, ...breakerRuleKeys]);
      const table = tableOf(path, change);
      host.reconfigure(change);
      if ("maxKeys" in change) circuits.maxKeys = table.maxKeys;
      if ("idleFor" in change) circuits.idleForMs = table.idleForMs;
      for (const circuit of circuits.all()) circuit.rulesChanged(clock.now());
    },
    force(of: string, to: ForcedState | undefined, given: ForceOptions): void {
      const nowMs = clock.now();
      forceCircuit(`${path}.force`, host, circuits.use(of, nowMs), to, given, nowMs);
    },
  });
}

function tableOf(path: string, options: Pick<KeyedBreakerOptions, "maxKeys" | "idleFor">): Table {
  const { maxKeys = keyedBreakerDefaults.maxKeys, idleFor = keyedBreakerDefaults.idleFor } = options;
  return {
    maxKeys: integerIn(`${path}.maxKeys`, maxKeys, 1),
    idleForMs: durationMs(`${path}.idleFor`, idleFor),
  };
}

interface Table {
  readonly maxKeys: number;
  readonly idleForMs: number;
}
