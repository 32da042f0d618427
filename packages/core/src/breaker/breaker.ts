import { type Clock, systemClock } from "../clock/clock.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import { type Duration, durationMs, durationText, show } from "../duration/duration.ts";
import type { PolicyEvent } from "../events/policy-event.ts";
import { coreFailureCodes, Failure, verdictOf } from "../failure/failure.ts";
import { assertKnownKeys, integerIn, ratioIn } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import {
  Circuit,
  type CircuitRules,
  type CircuitSnapshot,
  type Outcome,
  type Transition,
} from "./circuit.ts";
import { CountWindow, TimeWindow } from "./outcome-window.ts";

export interface BreakerOptions extends PolicyOptions {
  /** Outcomes of this long are judged together. Not with `count`. Range: 10 ms or more. @defaultValue "10s" */
  readonly window?: Duration | undefined;
  /** Judges this many outcomes instead of those of a time. Range: integer, 1 to 100,000. */
  readonly count?: number | undefined;
  /** Opens when this share of the calls failed, or more. Range: above 0, at most 1. @defaultValue 0.5 */
  readonly failureRatio?: number | undefined;
  /** Never opens on fewer outcomes. Range: integer >= 1. @defaultValue 20, or `count` where that is smaller */
  readonly minimumCalls?: number | undefined;
  /** How long calls are rejected before probes are let through. @defaultValue "30s" */
  readonly openFor?: Duration | undefined;
  /** Calls that are let through to decide between closed and open. Range: integer, 1 to 1,000. @defaultValue 5 */
  readonly probes?: number | undefined;
  /** After this long without an answer a probe's place is given to another call. @defaultValue "30s" */
  readonly maxHalfOpen?: Duration | undefined;
  /**
   * Whether an error speaks against the other side's health. Asked only about what came from there; rejections
   * by our own policies and aborts never count.
   *
   * @defaultValue failures of kind `failed`; a refusal is an answer, and an answer is healthy
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined;
}

/**
 * - `window` 10 s and `failureRatio` 0.5: more than half of the calls of ten seconds is the usual example;
 *   opossum's defaults are the same.
 * - `minimumCalls` 20: with fewer, a handful of unlucky calls would open it (at 5 % honest errors, 10 of 20 fail
 *   once in ninety million windows, 2 of 3 once in a hundred and forty).
 * - `openFor` 30 s: long enough for a restart or a failover over there; opossum and Envoy start with the same.
 * - `probes` 5: one probe decides by chance, and five at once do no harm.
 * - `maxHalfOpen` 30 s: the longest read timeout that is usual for a new integration (5 to 30 s).
 */
export const breakerDefaults: {
  readonly window: Duration;
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openFor: Duration;
  readonly probes: number;
  readonly maxHalfOpen: Duration;
} = {
  window: "10s",
  failureRatio: 0.5,
  minimumCalls: 20,
  openFor: "30s",
  probes: 5,
  maxHalfOpen: "30s",
};

/** Plain JSON. */
export type BreakerSnapshot = CircuitSnapshot;

export type CircuitBreaker = Policy & { snapshot(): BreakerSnapshot };

/**
 * Stops calling what keeps failing: closed, it counts outcomes; open, it rejects at once; half-open, it lets a few
 * probes through and decides by them. All calls that are wrapped with one breaker share its state.
 *
 * It has no timer: it turns half-open when the first call after `openFor` asks. Outcomes of calls that started
 * before the last change of state move nothing. Half-open closes when all probes have answered and fewer than
 * `failureRatio` of them failed, and opens as soon as that many have.
 *
 * @throws {@link Failure} `BREAKER_OPEN` with effect `none`, and `retryAfterMs`, the time until a call may be let
 * through.
 */
export function circuitBreaker(options: BreakerOptions = {}): CircuitBreaker {
  assertKnownKeys("breaker", options, [...ruleKeys, "isFailure", "clock", ...policyOptionKeys]);
  const rules = rulesOf(options);
  const { isFailure, clock = systemClock } = options;
  if (isFailure !== undefined) functionAt("breaker.isFailure", isFailure);
  functionAt("breaker.clock.now", (clock as Partial<Clock> | null)?.now);
  const { name, emit } = observerOf("breaker", options);

  const circuit = new Circuit(rules, (transition) => emit?.(eventOf(transition, name, rules)));
  const who = name === undefined ? "the circuit breaker" : `the circuit breaker of ${name}`;

  const rejection = (nowMs: number): Failure => {
    const retryAfterMs = circuit.retryAfterMs(nowMs) ?? 0;
    const { state, reason } = circuit.snapshot(nowMs);
    emit?.({ type: "callRejected", name, code: coreFailureCodes.breakerOpen, retryAfterMs });
    const how = state === "open" ? "is open" : "is half-open and has all its probes";
    return new Failure(`${who} ${how}: ${reason}; try again in ${durationText(retryAfterMs)}`, {
      code: coreFailureCodes.breakerOpen,
      effect: "none",
      kind: "rejected",
      retryAfterMs,
    });
  };

  const breaker: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      const nowMs = clock.now();
      const permit = circuit.admit(nowMs);
      if (permit === undefined) return Promise.reject(rejection(nowMs));
      return invoke(next, input, context).then(
        (value) => {
          permit.settle("success", clock.now());
          return value;
        },
        (error: unknown) => {
          permit.settle(outcomeOf(error, isFailure), clock.now());
          throw error;
        },
      );
    };
  };
  return Object.assign(breaker, { snapshot: () => circuit.snapshot(clock.now()) });
}

const ruleKeys = ["window", "count", "failureRatio", "minimumCalls", "openFor", "probes", "maxHalfOpen"];

function rulesOf(options: BreakerOptions): CircuitRules {
  const { count } = options;
  if (count !== undefined && options.window !== undefined) {
    throw new TypeError(
      `breaker.window and breaker.count exclude each other; got ${show(options.window)} and ${show(count)}: ` +
        "leave one out",
    );
  }
  const size = count === undefined ? undefined : integerIn("breaker.count", count, 1, 100_000);
  const minimumCalls = integerIn(
    "breaker.minimumCalls",
    options.minimumCalls ?? Math.min(breakerDefaults.minimumCalls, size ?? Number.POSITIVE_INFINITY),
    1,
  );
  if (size !== undefined && minimumCalls > size) {
    throw new RangeError(
      `breaker.minimumCalls must be at most breaker.count (${size}), or the breaker could never open; ` +
        `got ${minimumCalls}`,
    );
  }
  const duration = (key: "window" | "openFor" | "maxHalfOpen", minMs: number): number =>
    durationMs(`breaker.${key}`, options[key] ?? breakerDefaults[key], { minMs });
  return {
    window: size === undefined ? new TimeWindow(duration("window", 10)) : new CountWindow(size),
    failureRatio: ratioIn("breaker.failureRatio", options.failureRatio ?? breakerDefaults.failureRatio),
    minimumCalls,
    openForMs: duration("openFor", 1),
    probes: integerIn("breaker.probes", options.probes ?? breakerDefaults.probes, 1, 1_000),
    maxHalfOpenMs: duration("maxHalfOpen", 1),
  };
}

function eventOf({ to, reason }: Transition, name: string | undefined, rules: CircuitRules): PolicyEvent {
  if (to === "open") return { type: "breakerOpened", name, reason, openForMs: rules.openForMs };
  return { type: to === "halfOpen" ? "breakerHalfOpened" : "breakerClosed", name, reason };
}

function outcomeOf(error: unknown, isFailure: ((error: unknown) => boolean) | undefined): Outcome {
  const { kind } = verdictOf(error);
  if (kind === "rejected" || kind === "aborted") return "ignored";
  if (isFailure !== undefined) {
    try {
      return isFailure(error) ? "failure" : "success";
    } catch {
      // A broken predicate must not change the call; the default judges instead.
    }
  }
  return kind === "failed" ? "failure" : "success";
}
