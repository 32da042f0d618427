import type { Policy } from "../context/call.ts";
import { show } from "../duration/duration.ts";
import { assertOptions } from "../options/options.ts";
import { functionAt } from "../options/policy-options.ts";
import { flattened } from "./fuse.ts";
import { type Pipeline, pipeline } from "./pipeline.ts";
import { factoryOf, planOf } from "./plan.ts";

/** Policies by their place in the recommended order, outermost first. Each may be left out. */
export interface StandardPolicies {
  /** Answers when everything else has failed, also when the time is up. */
  readonly fallback?: Policy | undefined;
  /** Bounds everything that follows, together. */
  readonly deadline?: Policy | undefined;
  /** Sends another call when the first one is slow. */
  readonly hedge?: Policy | undefined;
  /** Each attempt asks breaker and limits again, and holds no slot while it waits. */
  readonly retry?: Policy | undefined;
  /** Sees each attempt; outside of the limits, so that an open circuit takes no slot. */
  readonly breaker?: Policy | undefined;
  /** Concurrency, rate, shedding; one of them or several. */
  readonly limits?: Policy | readonly Policy[] | undefined;
  /** Inside the limits: a slot is held by what truly runs, and waiting for one is not the other side's slowness. */
  readonly attemptTimeout?: Policy | undefined;
  /** All of the above go by its judgement. */
  readonly failWhen?: Policy | undefined;
  /** Innermost, so that every policy meets a fault as it would meet a real one. */
  readonly faultInjection?: Policy | undefined;
}

type Place = keyof StandardPolicies;

/** The places, outermost first, and what makes the policies that belong there. */
const places: { readonly [P in Place]-?: readonly string[] } = {
  fallback: ["fallback"],
  deadline: ["deadline"],
  hedge: ["hedge"],
  retry: ["retry"],
  breaker: ["circuitBreaker", "keyedBreaker"],
  limits: [
    "concurrencyLimit",
    "bulkhead",
    "rateLimit",
    "loadShedding",
    "adaptiveConcurrency",
    "adaptiveThrottle",
  ],
  attemptTimeout: ["attemptTimeout", "adaptiveAttemptTimeout"],
  failWhen: ["failWhen"],
  faultInjection: ["faultInjection"],
};
const order = Object.keys(places) as readonly Place[];

/**
 * A pipeline in the recommended order, whatever the order in which its policies are given. A policy of one's own may
 * stand in any place. `failover` is no policy but a call made of several, each with a pipeline of its own: it stands
 * in the place of the call.
 *
 * @throws TypeError for an unknown place, or for a policy that belongs elsewhere, naming the place, what was given
 * and what belongs there; and what {@link pipeline} throws.
 */
export function standardPipeline(policies: StandardPolicies): Pipeline {
  assertOptions("standardPipeline", policies, order);
  return pipeline(...order.flatMap((place) => policiesAt(place, policies[place])));
}

function policiesAt(place: Place, given: Policy | readonly Policy[] | undefined): readonly Policy[] {
  if (given === undefined) return [];
  const path = `standardPipeline.${place}`;
  if (!Array.isArray(given)) {
    assertBelongs(path, place, given);
    return [given as Policy];
  }
  if (place !== "limits") throw new TypeError(`${path} takes one policy; got ${show(given)}`);
  for (const [index, policy] of given.entries()) assertBelongs(`${path}[${index}]`, place, policy);
  return given;
}

function assertBelongs(path: string, place: Place, given: unknown): asserts given is Policy {
  functionAt(path, given);
  // A pipeline in a place stands for what is in it.
  for (const policy of flattened([given as Policy])) {
    const factory = factoryOf(planOf(policy));
    if (factory === "policy" || places[place].includes(factory)) continue;
    const where = order.find((each) => places[each].includes(factory));
    const fix = where === undefined ? "" : `, which belongs in standardPipeline.${where}`;
    throw new TypeError(`${path} takes ${oneOfThem(places[place])}; got ${factory}(…)${fix}`);
  }
}

/** "bulkhead(…), rateLimit(…) or loadShedding(…)" */
function oneOfThem(factories: readonly string[]): string {
  const calls = factories.map((each) => `${each}(…)`);
  const last = calls.pop() ?? "";
  return calls.length === 0 ? last : `${calls.join(", ")} or ${last}`;
}
