import type { Policy } from "../context/call.ts";
import { durationText } from "../duration/duration.ts";
import type { AttemptTimeoutPlan, BulkheadPlan, DeadlinePlan, GatePlan, PolicyPlan } from "./plan.ts";
import { planOf } from "./plan.ts";

interface Placed {
  readonly place: number;
  readonly policy: Policy;
  readonly plan: PolicyPlan;
}

/**
 * Refuses a composition in which a policy could never do what it is there for. What is merely unusual is allowed:
 * a limit around a retry (it holds its slot during the waits), a retry around another, a deadline for each attempt.
 *
 * - A timeout inside a shorter deadline or timeout never fires, and neither does a deadline.
 * - A timeout of an attempt around a retry bounds all attempts together, so it is no timeout of an attempt.
 * - A breaker around a retry, and none inside, sees one outcome for several calls; open, it cannot stop the
 *   retries of the calls it has let in, which is when they hurt.
 * - Hedging without a budget doubles the load on a service exactly when it is slow.
 * - A half-open breaker with more probes than an inner limit has slots turns its own probes away.
 * - One breaker or limit twice in a pipeline counts each call twice; a limit of one would never let any through.
 *
 * @param policies - Each by itself, outermost first.
 * @throws RangeError that names both policies, their places and the fix.
 */
export function checkComposition(policies: readonly Policy[]): void {
  const placed = policies.flatMap((policy, place): Placed[] => {
    const plan = planOf(policy);
    return plan === undefined ? [] : [{ place, policy, plan }];
  });
  for (const [index, inner] of placed.entries()) {
    if (inner.plan.kind === "hedge" && inner.plan.budget === undefined) {
      refuse(
        `${nameOf(inner)} has no budget, and would double the load on a service that is slow already`,
        "give it the budget that the retry has",
      );
    }
    for (const outer of placed.slice(0, index)) checkPair(outer, inner, placed);
  }
}

function checkPair(outer: Placed, inner: Placed, all: readonly Placed[]): void {
  if (outer.policy === inner.policy && (outer.plan.kind === "gate" || outer.plan.kind === "bulkhead")) {
    refuse(
      `${nameOf(outer)} and ${nameOf(inner)} are one object, which would count each call twice`,
      "leave one of them out",
    );
  }
  const outerMs = limitMs(outer.plan);
  const innerMs = limitMs(inner.plan);
  if (outerMs !== undefined && innerMs !== undefined && innerMs > outerMs) {
    refuse(
      `${nameOf(inner)} of ${durationText(innerMs)} could never end anything, because ${nameOf(outer)} ends it ` +
        `after ${durationText(outerMs)}`,
      `make the inner one shorter than ${durationText(outerMs)}, or the outer one longer`,
    );
  }
  if (outer.plan.kind === "attemptTimeout" && inner.plan.kind === "retry") {
    refuse(
      `${nameOf(outer)} stands around ${nameOf(inner)} and would bound all attempts together`,
      "put it inside the retry, or use a deadline",
    );
  }
  if (isBreaker(outer.plan) && inner.plan.kind === "retry" && inner.plan.maxRetries > 0) {
    if (!all.some(({ place, plan }) => place > inner.place && isBreaker(plan))) {
      refuse(
        `${nameOf(outer)} stands around ${nameOf(inner)}: it would see one outcome for up to ` +
          `${inner.plan.maxRetries + 1} calls, and could not stop retries while it is open`,
        "put the breaker inside the retry",
      );
    }
  }
  const probes = outer.plan.kind === "gate" ? outer.plan.probes : undefined;
  const slots = slotsOf(inner.plan);
  if (probes !== undefined && slots !== undefined && probes > slots) {
    refuse(
      `${nameOf(outer)} lets ${probes} probes through at a time, but ${nameOf(inner)} has ${slots} ` +
        `${slots === 1 ? "slot" : "slots"} and would turn the others away`,
      `use at most ${slots} probes, or a higher limit`,
    );
  }
}

function limitMs(plan: PolicyPlan): number | undefined {
  if (isDeadline(plan)) return plan.totalMs;
  return isAttemptTimeout(plan) ? plan.timeoutMs : undefined;
}

function isDeadline(plan: PolicyPlan): plan is DeadlinePlan {
  return plan.kind === "deadline";
}

function isAttemptTimeout(plan: PolicyPlan): plan is AttemptTimeoutPlan {
  return plan.kind === "attemptTimeout";
}

function isBreaker(plan: PolicyPlan): plan is GatePlan {
  return plan.kind === "gate" && (plan.policy === "circuitBreaker" || plan.policy === "keyedBreaker");
}

function slotsOf(plan: PolicyPlan): number | undefined {
  if (isBulkhead(plan)) return plan.limit + plan.maxWaiting;
  return plan.kind === "gate" && plan.policy === "concurrencyLimit" ? plan.limit : undefined;
}

function isBulkhead(plan: PolicyPlan): plan is BulkheadPlan {
  return plan.kind === "bulkhead";
}

/** `attemptTimeout "charge" (pipeline[3])` */
function nameOf({ place, plan }: Placed): string {
  const kind = plan.kind === "gate" ? plan.policy : plan.kind;
  return `${kind}${plan.name === undefined ? "" : ` ${JSON.stringify(plan.name)}`} (pipeline[${place}])`;
}

function refuse(problem: string, fix: string): never {
  throw new RangeError(`${problem}; ${fix}`);
}
