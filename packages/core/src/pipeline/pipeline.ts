import type { Policy } from "../context/call.ts";
import { functionAt } from "../options/policy-options.ts";
import { withPlan } from "./plan.ts";

/**
 * Composes policies, the outermost first: `pipeline(deadline("5s"), retry(), attemptTimeout("1s"))`.
 *
 * @throws TypeError that names the place of what is not a policy.
 */
export function pipeline(...policies: readonly Policy[]): Policy {
  for (const [index, policy] of policies.entries()) functionAt(`pipeline[${index}]`, policy);
  return withPlan((next) => policies.reduceRight((inner, policy) => policy(inner), next), {
    kind: "pipeline",
    policies,
  });
}
