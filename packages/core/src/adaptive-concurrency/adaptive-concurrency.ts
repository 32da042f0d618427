import { systemClock, systemRandom } from "../clock/clock.ts";
import type { Policy } from "../context/call.ts";
import { assertOptions } from "../options/options.ts";
import { clockAt, observerOf, policyOptionKeys } from "../options/policy-options.ts";
import { randomAt } from "../options/user-functions.ts";
import { gatePolicy } from "../pipeline/gate.ts";
import {
  type AdaptiveAlgorithm,
  type AdaptiveConcurrencyOptions,
  type AdaptiveConcurrencyRules,
  adaptiveRuleKeys,
  adaptiveSettings,
  initialLimit,
} from "./adaptive-concurrency-options.ts";
import { AdaptiveGate } from "./adaptive-gate.ts";
import { chooseAlgorithm } from "./choose-algorithm.ts";
import { describeMove } from "./describe-move.ts";
import { Limiter } from "./limiter.ts";

/** Plain JSON. */
export interface AdaptiveConcurrencySnapshot {
  readonly kind: "adaptiveConcurrency";
  readonly name: string | undefined;
  readonly algorithm: AdaptiveAlgorithm;
  readonly limit: number;
  /** Calls let in at a time; below `limit` while the latency without load is measured. */
  readonly allowed: number;
  readonly min: number;
  readonly max: number;
  /** Slots taken, those of work that outlived its caller included. */
  readonly inUse: number;
  /** Slots held only by work that goes on although its caller has been answered. */
  readonly outliving: number;
  /** What latencies are compared with: without load, or the long average of `gradient2`. Undefined while unknown. */
  readonly baselineMs: number | undefined;
  /** Mean latency of the last window that was judged; undefined before the first. */
  readonly latencyMs: number | undefined;
  /** Why the limit moved the last time: "20 to 18: a call timed out or was throttled". */
  readonly lastChange: string | undefined;
  /** Calls turned away since the start. */
  readonly rejected: number;
  /** Calls that timed out or were throttled since the start. */
  readonly drops: number;
}

export type AdaptiveConcurrency = Policy & {
  snapshot(): AdaptiveConcurrencySnapshot;
  /**
   * Changes what is given and keeps the rest, the limit as far as the new bounds allow it, and who is in. What was
   * measured is kept unless the algorithm changes. `undefined` stands for the default.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: AdaptiveConcurrencyRules): void;
};

/**
 * Lets as many calls run at a time as the other side can take, and rejects the rest at once. How many that is, it
 * learns from the latency of calls that succeed and from calls that time out or are throttled.
 *
 * A slot is held until the call truly ends, also when its caller has already gone. Calls that are rejected over
 * there for good, aborted calls and rejections by our own policies teach it nothing. While fewer than half of the
 * slots are used the limit does not rise, because nothing can be known about it.
 *
 * @throws {@link Failure} `ADAPTIVE_LIMIT_REACHED` with effect `none`, kind `rejected` and `retryAfterMs`.
 */
export function adaptiveConcurrency(options: AdaptiveConcurrencyOptions = {}): AdaptiveConcurrency {
  const path = "adaptiveConcurrency";
  assertOptions(path, options, [...adaptiveRuleKeys, "initial", "clock", "random", ...policyOptionKeys]);
  const { initial, clock = systemClock, name, onEvent, ...rules } = options;
  clockAt(`${path}.clock`, clock);
  const random = randomAt(`${path}.random`, options.random ?? systemRandom);
  const observer = observerOf(path, { name, onEvent });
  let given: AdaptiveConcurrencyRules = rules;
  let settings = adaptiveSettings(path, given);
  const limiter = new Limiter(
    settings,
    chooseAlgorithm(settings, random, initialLimit(path, initial, settings)),
  );
  const gate = new AdaptiveGate(settings, limiter, observer);
  const plan = {
    kind: "gate",
    policy: "adaptiveConcurrency",
    name,
    // The most that can run; the limit of now may be far below.
    get limit(): number {
      return settings.max;
    },
    get minLimit(): number {
      return settings.min;
    },
    get retryAfterMs(): number {
      return settings.retryAfterMs;
    },
  } as const;
  return Object.assign(gatePolicy(gate, plan, clock), {
    snapshot: (): AdaptiveConcurrencySnapshot => ({
      kind: "adaptiveConcurrency",
      name,
      algorithm: settings.algorithm.kind,
      limit: limiter.limit,
      allowed: limiter.allowed,
      min: settings.min,
      max: settings.max,
      inUse: limiter.inUse,
      outliving: limiter.outliving,
      baselineMs: limiter.baselineMs,
      latencyMs: limiter.usualMs === 0 ? undefined : limiter.usualMs,
      lastChange: limiter.lastMove === undefined ? undefined : describeMove(limiter.lastMove),
      rejected: gate.rejected,
      drops: gate.drops,
    }),
    reconfigure(change: AdaptiveConcurrencyRules): void {
      assertOptions(path, change, adaptiveRuleKeys);
      const merged = merge(given, change);
      const next = adaptiveSettings(path, merged);
      const kept = next.algorithm.kind === settings.algorithm.kind ? limiter.baselineMs : undefined;
      limiter.change(next, chooseAlgorithm(next, random, limiter.limit, kept), clock.now());
      given = merged;
      settings = next;
      gate.settings = next;
      gate.report(clock.now());
    },
  });
}

/** Another algorithm leaves the options of the one before behind. */
function merge(given: AdaptiveConcurrencyRules, change: AdaptiveConcurrencyRules): AdaptiveConcurrencyRules {
  if (change.algorithm === undefined || change.algorithm === given.algorithm) return { ...given, ...change };
  const { gradient, gradient2, vegas, aimd, ...common } = given;
  return { ...common, ...change };
}
