import { systemClock, systemRandom } from "../clock/clock.ts";
import type { Policy } from "../context/call.ts";
import { assertOptions } from "../options/options.ts";
import { clockAt, observerOf, policyOptionKeys } from "../options/policy-options.ts";
import { randomAt } from "../options/user-functions.ts";
import { gatePolicy } from "../pipeline/gate.ts";
import {
  type AdaptiveThrottleOptions,
  type AdaptiveThrottleRules,
  throttleRuleKeys,
  throttleSettings,
} from "./adaptive-throttle-options.ts";
import { Throttle } from "./throttle.ts";
import { ThrottleGate } from "./throttle-gate.ts";

/** Plain JSON. */
export interface AdaptiveThrottleSnapshot {
  readonly kind: "adaptiveThrottle";
  readonly name: string | undefined;
  readonly k: number;
  readonly windowMs: number;
  readonly maxRejection: number;
  /** Of the window, those that were turned away here included. */
  readonly requests: number;
  /** Of the window. */
  readonly accepts: number;
  /** With which the next call is turned away. Range: 0 to `maxRejection`. */
  readonly rejectionProbability: number;
  /** Calls turned away since the start. */
  readonly rejected: number;
}

export type AdaptiveThrottle = Policy & {
  snapshot(): AdaptiveThrottleSnapshot;
  /**
   * Changes what is given and keeps the rest, and what was counted as far as it fits a new window. `undefined`
   * stands for the default.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: AdaptiveThrottleRules): void;
};

/**
 * Turns away a share of the calls while the other side accepts fewer than one in `k`, so that it is sent about `k`
 * times what it can take, instead of everything or, as a breaker does, nothing.
 *
 * A call that is turned away counts as a request, so the share grows until the rest is accepted; it never grows
 * above `maxRejection`, and after twice as many rejections in a row as that leaves for one call, the next call is
 * let through in any case.
 *
 * @throws {@link Failure} `ADAPTIVE_THROTTLED` with effect `none`, kind `rejected` and `retryAfterMs`.
 * @see Site Reliability Engineering, chapter 21, "Client-side throttling"
 */
export function adaptiveThrottle(options: AdaptiveThrottleOptions = {}): AdaptiveThrottle {
  const path = "adaptiveThrottle";
  assertOptions(path, options, [...throttleRuleKeys, "clock", "random", ...policyOptionKeys]);
  const { clock = systemClock, name, onEvent, ...rules } = options;
  clockAt(`${path}.clock`, clock);
  const random = randomAt(`${path}.random`, options.random ?? systemRandom);
  const observer = observerOf(path, { name, onEvent });
  let given: AdaptiveThrottleRules = rules;
  const settings = throttleSettings(path, given);
  const throttle = new Throttle(settings, random);
  const gate = new ThrottleGate(settings, throttle, observer);
  const policy = gatePolicy(gate, { kind: "gate", policy: "adaptiveThrottle", name }, clock);
  return Object.assign(policy, {
    snapshot(): AdaptiveThrottleSnapshot {
      const { k, windowMs, maxRejection } = gate.settings;
      const probability = throttle.probability(clock.now());
      return {
        kind: "adaptiveThrottle",
        name,
        k,
        windowMs,
        maxRejection,
        requests: throttle.requests,
        accepts: throttle.accepts,
        rejectionProbability: probability,
        rejected: gate.rejected,
      };
    },
    reconfigure(change: AdaptiveThrottleRules): void {
      assertOptions(path, change, throttleRuleKeys);
      const merged = { ...given, ...change };
      const next = throttleSettings(path, merged);
      throttle.change(next, clock.now());
      given = merged;
      gate.settings = next;
    },
  });
}
