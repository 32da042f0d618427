import type { Policy } from "../context/call.ts";
import { functionAt } from "../options/policy-options.ts";
import { compose } from "./fuse.ts";
import { withPlan } from "./plan.ts";

/**
 * Composes policies, the outermost first: `pipeline(deadline("5s"), retry(), attemptTimeout("1s"))`.
 *
 * Policies of this package that stand in the usual order (deadline, retry, breaker and limits, attempt timeout) run
 * as one, which costs a fraction of what it costs when each wraps the next, and means the same.
 *
 * @throws TypeError that names the place of what is not a policy.
 */
export function pipeline(...policies: readonly Policy[]): Policy {
  for (const [index, policy] of policies.entries()) functionAt(`pipeline[${index}]`, policy);
  return withPlan((next) => compose(policies, next), { kind: "pipeline", policies });
}
