import type { Policy } from "../context/call.ts";
import { assertKnownKeys } from "../options/options.ts";
import { functionAt } from "../options/policy-options.ts";
import { type Pipeline, pipeline } from "./pipeline.ts";
import { planOf } from "./plan.ts";

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
  /** Concurrency, rate, shedding. */
  readonly limits?: Policy | readonly Policy[] | undefined;
  /** Inside the limits: a slot is held by what truly runs, and waiting for one is not the other side's slowness. */
  readonly attemptTimeout?: Policy | undefined;
  /** Innermost, so that all of the above go by its judgement. */
  readonly failWhen?: Policy | undefined;
}

const order = [
  "fallback",
  "deadline",
  "hedge",
  "retry",
  "breaker",
  "limits",
  "attemptTimeout",
  "failWhen",
] as const;

/** What the plan of a policy in each place must say, where it has one. */
const kinds: Readonly<Partial<Record<(typeof order)[number], string>>> = {
  fallback: "fallback",
  deadline: "deadline",
  hedge: "hedge",
  retry: "retry",
  attemptTimeout: "attemptTimeout",
  failWhen: "failWhen",
};

/**
 * A pipeline in the recommended order, whatever the order in which its policies are given. `failover` is no policy but
 * a call made of several, each with a pipeline of its own: it stands in the place of the call.
 *
 * @throws TypeError for an unknown place or a policy that belongs elsewhere, and what {@link pipeline} throws.
 */
export function standardPipeline(policies: StandardPolicies): Pipeline {
  assertKnownKeys("standardPipeline", policies, order);
  return pipeline(
    ...order.flatMap((place): readonly Policy[] => {
      const given = policies[place];
      if (given === undefined) return [];
      const list = typeof given === "function" ? [given] : given;
      for (const policy of list) assertBelongs(place, policy);
      return list;
    }),
  );
}

function assertBelongs(place: (typeof order)[number], policy: Policy): void {
  functionAt(`standardPipeline.${place}`, policy);
  const kind = planOf(policy)?.kind;
  const expected = kinds[place];
  if (kind === undefined || kind === "custom" || expected === undefined || kind === expected) return;
  throw new TypeError(`standardPipeline.${place} must be a ${expected} policy; got a ${kind} policy`);
}
