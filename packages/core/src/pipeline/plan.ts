import type { Clock } from "../clock/clock.ts";
import type { Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Effect, Failure } from "../failure/failure.ts";
import type { Gate } from "./gate.ts";

/**
 * What a policy tells a pipeline about itself, so that the pipeline can check the composition, work out the worst
 * case, and run the policies as one. A policy without a plan works as well; a pipeline then knows nothing of it.
 */
export type PolicyPlan =
  | DeadlinePlan
  | AttemptTimeoutPlan
  | RetryPlan
  | HedgePlan
  | GatePlan
  | BulkheadPlan
  | RateLimitPlan
  | FallbackPlan
  | FaultInjectionPlan
  | FailWhenPlan
  | PipelinePlan
  | OtherPlan;

interface Planned {
  /** The `name` option of the policy. */
  readonly name?: string | undefined;
}

export interface DeadlinePlan extends Planned {
  readonly kind: "deadline";
  readonly totalMs: number;
  readonly core?: DeadlineCore | undefined;
}

export interface AttemptTimeoutPlan extends Planned {
  readonly kind: "attemptTimeout";
  /** The longest, where it follows the observed latency. */
  readonly timeoutMs: number;
  /** The shortest, where it follows the observed latency; undefined where it is always the same. */
  readonly adaptiveMinMs?: number | undefined;
  readonly core?: AttemptTimeoutCore | undefined;
}

export interface RetryPlan extends Planned {
  readonly kind: "retry";
  readonly maxRetries: number;
  /** Longest wait before the given retry, jitter included. The first retry is 1. */
  readonly backoffCeilingsMs: (retry: number) => number;
  /** Shortest wait before the first retry, jitter included. @defaultValue 0 */
  readonly leastWaitMs?: number | undefined;
  /** Whether it also waits and tries again after rejections by our own policies. @defaultValue false */
  readonly evenIfRejected?: boolean | undefined;
  readonly budget: PlannedBudget | undefined;
  /** The decisions of the retry. A retry without it still works in a pipeline, only not as a part of one run. */
  readonly core?: RetryCore | undefined;
}

export interface HedgePlan extends Planned {
  readonly kind: "hedge";
  readonly maxHedges: number;
  /** Undefined when it follows the observed latency. */
  readonly delayMs: number | undefined;
  /** The share of the calls within whose time it waits, where it follows the observed latency. */
  readonly percentile?: number | undefined;
  readonly budget: PlannedBudget | undefined;
}

export interface GatePlan extends Planned {
  readonly kind: "gate";
  readonly policy:
    | "circuitBreaker"
    | "keyedBreaker"
    | "concurrencyLimit"
    | "rateLimit"
    | "adaptiveConcurrency"
    | "adaptiveThrottle"
    | "loadShedding";
  readonly gate: Gate;
  /** The gate's own clock; undefined where it is given the time of each call's clock. */
  readonly clock?: Clock | undefined;
  /** Calls at a time, where the gate limits them; the most, where the limit moves. */
  readonly limit?: number | undefined;
  /** The least that a limit that moves comes to. */
  readonly minLimit?: number | undefined;
  readonly rate?: PlannedRate | undefined;
  /** What each of its rejections tells the caller to wait, where that is always the same. */
  readonly retryAfterMs?: number | undefined;
  /** Calls at a time that a half-open breaker lets through. */
  readonly probes?: number | undefined;
}

export interface BulkheadPlan extends Planned {
  readonly kind: "bulkhead";
  readonly limit: number;
  readonly maxWaiting: number;
  readonly queueTimeoutMs: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** How many calls in which time. */
export interface PlannedRate {
  readonly permits: number;
  readonly perMs: number;
  readonly burst: number;
}

/** A rate limit that is no gate, because calls wait for it or differ in their cost. */
export interface RateLimitPlan extends Planned {
  readonly kind: "rateLimit";
  readonly rate: PlannedRate;
  /** 0 where nobody waits. */
  readonly maxWaitMs: number;
}

export interface FallbackPlan extends Planned {
  readonly kind: "fallback";
  /** Whether a function of the user's answers, which may do anything. */
  readonly handled: boolean;
}

export interface FaultInjectionPlan extends Planned {
  readonly kind: "faultInjection";
  /** The longest that it holds a call up when it is enabled; `Infinity` for a call that hangs. */
  readonly addsMs: number;
}

export interface FailWhenPlan extends Planned {
  readonly kind: "failWhen";
  readonly classify: (result: unknown) => Failure | undefined;
}

/** A pipeline in a pipeline; its policies stand in its place. */
export interface PipelinePlan extends Planned {
  readonly kind: "pipeline";
  /** Outermost first. */
  readonly policies: readonly Policy[];
}

/** Of a policy of one's own that wants to be named. */
export interface OtherPlan extends Planned {
  readonly kind: "custom";
  /** The longest that the policy itself adds, where it is known. */
  readonly addsMs?: number | undefined;
}

/** What the worst case needs to know about a budget of extra load. Plans that share one share the object. */
export interface PlannedBudget {
  /** Extra calls for each first call in the long run: 0.2 is 20 %. Range: >= 0. */
  readonly ratio: number;
  /** Extra calls a second on top of these. @defaultValue 0 */
  readonly minPerSecond?: number | undefined;
}

/**
 * The decisions of a retry without its waiting, so that they are the same wherever the retry runs. It holds no
 * state of a single call; what it needs from one is handed in.
 */
export interface RetryCore {
  /** A call begins, before its first attempt. */
  began?(context: CallContext): void;
  /** An attempt has succeeded; the call is over. */
  succeeded?(attempt: number, context: CallContext): void;
  /**
   * An attempt has failed, for whatever reason, and the call was not aborted. Reports its events, and reserves
   * what a budget must give for the retry.
   *
   * @param attempt - Counts the first call as 1.
   * @param worst - Of this attempt and those before it.
   * @param previousWaitMs - The wait before this attempt; 0 for the first.
   * @returns milliseconds until the next attempt, 0 or more; or -1: this attempt stays the last.
   */
  next(attempt: number, error: unknown, worst: Effect, previousWaitMs: number, context: CallContext): number;
  /** The retry that `next` announced is not made, because the call was aborted during the wait. */
  withdrawn?(attempt: number, context: CallContext): void;
}

/** What a deadline knows and reports. */
export interface DeadlineCore {
  readonly totalMs: number;
  /** The deadline passed; reports it. */
  exceeded(effect: Effect, context: CallContext): Failure;
  /** Something inside noticed first that the deadline has passed; reports it. */
  noticed(effect: Effect, context: CallContext): void;
  late(outcome: "success" | "failure", lateMs: number, context: CallContext): void;
}

/** What a timeout of one attempt knows and reports. */
export interface AttemptTimeoutCore {
  /** For the attempt that begins. */
  timeoutMs(context: CallContext): number;
  /** The attempt took too long; reports it. */
  timedOut(attempt: number, timeoutMs: number, effect: Effect, context: CallContext): Failure;
  late(outcome: "success" | "failure", lateMs: number, context: CallContext): void;
}

const planKey: unique symbol = Symbol.for("outrigger.plan") as never;

/** The same policy, with what it tells about itself. */
export function withPlan<P extends Policy>(policy: P, plan: PolicyPlan): P {
  return Object.defineProperty(policy, planKey, { value: plan, configurable: true });
}

/** What the policy told about itself; undefined for one that was written without a plan. */
export function planOf(policy: Policy): PolicyPlan | undefined {
  return (policy as { readonly [planKey]?: PolicyPlan })[planKey];
}

/** The name of the function that makes such a policy; `policy` for one that is not of this package. */
export function factoryOf(plan: PolicyPlan | undefined): string {
  if (plan === undefined || plan.kind === "custom") return "policy";
  if (plan.kind === "gate") return plan.policy;
  return plan.kind === "attemptTimeout" && plan.adaptiveMinMs !== undefined
    ? "adaptiveAttemptTimeout"
    : plan.kind;
}

/** `circuitBreaker "toss"` */
export function titleOf(plan: PolicyPlan): string {
  const factory = plan.kind === "custom" ? "a policy of your own" : factoryOf(plan);
  return plan.name === undefined ? factory : `${factory} ${JSON.stringify(plan.name)}`;
}
