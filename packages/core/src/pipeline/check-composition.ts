import type { Policy } from "../context/call.ts";
import { durationText } from "../duration/duration.ts";
import { type PolicyPlan, planOf, titleOf } from "./plan.ts";

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
 * - A timeout of an attempt around a queue in which a call may wait for longer reports our own queue as an attempt
 *   that took too long, and a breaker around both opens for it.
 * - A breaker around a retry, and none inside, sees one outcome for several calls; open, it cannot stop the
 *   retries of the calls it has let in, which is when they hurt.
 * - A retry whose first wait does not fit into the deadline around it never retries; one that waits out our own
 *   rejections never does when they last as long as the deadline.
 * - Hedging without a budget doubles the load on a service exactly when it is slow; a hedge that waits for longer
 *   than the calls may take is never sent.
 * - A half-open breaker with more probes than an inner limit has slots turns its own probes away. Of a limit that
 *   adapts only the least is sure, and after an outage that is where it is.
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
  checkTwice(outer, inner);
  checkTimes(outer, inner);
  checkRetry(outer, inner, all);
  checkHedge(outer, inner, all);
  checkProbes(outer, inner);
}

function checkTwice(outer: Placed, inner: Placed): void {
  const counts = ["gate", "bulkhead", "rateLimit"].includes(outer.plan.kind);
  if (outer.policy !== inner.policy || !counts) return;
  refuse(
    `${nameOf(outer)} and ${nameOf(inner)} are one object, which would count each call twice`,
    "leave one of them out",
  );
}

function checkTimes(outer: Placed, inner: Placed): void {
  const outerMs = longestMs(outer.plan);
  const innerMs = shortestMs(inner.plan);
  if (outerMs !== undefined && innerMs !== undefined && innerMs > outerMs) {
    const never = isAdaptive(inner.plan)
      ? `is never shorter than ${durationText(innerMs)} and`
      : `of ${durationText(innerMs)}`;
    refuse(
      `${nameOf(inner)} ${never} could never end anything, because ${nameOf(outer)} ends it ` +
        `after ${durationText(outerMs)}`,
      `make the inner one shorter than ${durationText(outerMs)}, or the outer one longer`,
    );
  }
  const waitMs = queueMs(inner.plan);
  if (outer.plan.kind === "attemptTimeout" && waitMs !== undefined && waitMs >= outer.plan.timeoutMs) {
    refuse(
      `${nameOf(outer)} of ${durationText(outer.plan.timeoutMs)} would end calls that wait for ${nameOf(inner)}, ` +
        `for up to ${durationText(waitMs)}, and report our own queue as an attempt that took too long`,
      "put the timeout inside, or let nobody wait for so long",
    );
  }
}

function checkRetry(outer: Placed, inner: Placed, all: readonly Placed[]): void {
  const { plan } = inner;
  if (plan.kind !== "retry") return;
  if (outer.plan.kind === "attemptTimeout") {
    refuse(
      `${nameOf(outer)} stands around ${nameOf(inner)} and would bound all attempts together`,
      "put it inside the retry, or use a deadline",
    );
  }
  if (plan.maxRetries === 0) return;
  const within = all.filter(({ place }) => place > inner.place);
  if (isBreaker(outer.plan) && !within.some((each) => isBreaker(each.plan))) {
    refuse(
      `${nameOf(outer)} stands around ${nameOf(inner)}: it would see one outcome for up to ` +
        `${plan.maxRetries + 1} calls, and could not stop retries while it is open`,
      "put the breaker inside the retry",
    );
  }
  if (outer.plan.kind !== "deadline") return;
  const { totalMs } = outer.plan;
  if ((plan.leastWaitMs ?? 0) >= totalMs) {
    refuse(
      `${nameOf(inner)} waits for at least ${durationText(plan.leastWaitMs ?? 0)} and could never retry, because ` +
        `${nameOf(outer)} ends the call after ${durationText(totalMs)}`,
      "make the backoff shorter, or the deadline longer",
    );
  }
  if (plan.evenIfRejected !== true) return;
  for (const each of within) {
    const waitMs = retryAfterMs(each.plan);
    if (waitMs === undefined || waitMs < totalMs) continue;
    refuse(
      `${nameOf(inner)} shall also retry rejections, and could never retry those of ${nameOf(each)}, which say to ` +
        `wait for ${durationText(waitMs)}, because ${nameOf(outer)} ends the call after ${durationText(totalMs)}`,
      "make its retryAfter shorter, or leave evenIfRejected out",
    );
  }
}

function checkHedge(outer: Placed, inner: Placed, all: readonly Placed[]): void {
  const [hedge, limit] = inner.plan.kind === "hedge" ? [inner, outer] : [outer, inner];
  if (hedge.plan.kind !== "hedge" || hedge.plan.delayMs === undefined) return;
  const limitMs = longestMs(limit.plan);
  if (limitMs === undefined || hedge.plan.delayMs < limitMs) return;
  // With a retry between them, the hedge waits for all attempts together.
  const between = all.some(
    ({ place, plan }) => plan.kind === "retry" && place > outer.place && place < inner.place,
  );
  if (limit === inner && between) return;
  refuse(
    `${nameOf(hedge)} waits for ${durationText(hedge.plan.delayMs)} and could never be sent, because ` +
      `${nameOf(limit)} ends the call after ${durationText(limitMs)}`,
    `make its delay shorter than ${durationText(limitMs)}`,
  );
}

function checkProbes(outer: Placed, inner: Placed): void {
  const probes = outer.plan.kind === "gate" ? outer.plan.probes : undefined;
  const slots = slotsOf(inner.plan);
  if (probes === undefined || slots === undefined || probes <= slots) return;
  const adapts = inner.plan.kind === "gate" && inner.plan.minLimit !== undefined;
  const has = adapts ? `may have come down to ${slots}` : `has ${slots}`;
  refuse(
    `${nameOf(outer)} lets ${probes} probes through at a time, but ${nameOf(inner)} ${has} ` +
      `${slots === 1 ? "slot" : "slots"} and would turn the others away`,
    `use at most ${slots} probes, or a higher ${adapts ? "min" : "limit"}`,
  );
}

/** After which a policy ends what is inside in any case. */
function longestMs(plan: PolicyPlan): number | undefined {
  if (plan.kind === "deadline") return plan.totalMs;
  return plan.kind === "attemptTimeout" ? plan.timeoutMs : undefined;
}

/** Before which it never does. */
function shortestMs(plan: PolicyPlan): number | undefined {
  if (plan.kind === "deadline") return plan.totalMs;
  return plan.kind === "attemptTimeout" ? (plan.adaptiveMinMs ?? plan.timeoutMs) : undefined;
}

function isAdaptive(plan: PolicyPlan): boolean {
  return plan.kind === "attemptTimeout" && plan.adaptiveMinMs !== undefined;
}

/** How long a call may wait for its turn there; undefined where nobody waits. */
function queueMs(plan: PolicyPlan): number | undefined {
  if (plan.kind === "bulkhead") return plan.maxWaiting > 0 ? plan.queueTimeoutMs : undefined;
  return plan.kind === "rateLimit" && plan.maxWaitMs > 0 ? plan.maxWaitMs : undefined;
}

function retryAfterMs(plan: PolicyPlan): number | undefined {
  return plan.kind === "gate" || plan.kind === "bulkhead" ? plan.retryAfterMs : undefined;
}

function isBreaker(plan: PolicyPlan): boolean {
  return plan.kind === "gate" && (plan.policy === "circuitBreaker" || plan.policy === "keyedBreaker");
}

function slotsOf(plan: PolicyPlan): number | undefined {
  if (plan.kind === "bulkhead") return plan.limit + plan.maxWaiting;
  return plan.kind === "gate" ? (plan.minLimit ?? plan.limit) : undefined;
}

/** `attemptTimeout "charge" (pipeline[3])` */
function nameOf({ place, plan }: Placed): string {
  return `${titleOf(plan)} (pipeline[${place}])`;
}

function refuse(problem: string, fix: string): never {
  throw new RangeError(`${problem}; ${fix}`);
}
