export {
  type BreakerOptions,
  type BreakerSnapshot,
  breakerDefaults,
  type CircuitBreaker,
  circuitBreaker,
} from "./breaker/breaker.ts";
export { type BreakerMove, type BreakerState, breakerTable, stepBreaker } from "./breaker/breaker-states.ts";
export {
  type LoadBudget,
  type LoadBudgetOptions,
  type LoadBudgetSnapshot,
  loadBudget,
  loadBudgetDefaults,
  type Reservation,
  type SharedLoadBudget,
} from "./budget/load-budget.ts";
export { type Clock, type Random, systemClock, systemRandom, type Timer } from "./clock/clock.ts";
export {
  type ConcurrencyLimit,
  type ConcurrencyLimitOptions,
  type ConcurrencySnapshot,
  concurrencyDefaults,
  concurrencyLimit,
} from "./concurrency/concurrency-limit.ts";
export type { Call, Policy } from "./context/call.ts";
export { CallContext, type CallOptions } from "./context/call-context.ts";
export { execute } from "./context/execute.ts";
export { type DeadlineOptions, deadline } from "./deadline/deadline.ts";
export {
  type Duration,
  type DurationRange,
  durationMs,
  durationText,
  formatDuration,
  show,
} from "./duration/duration.ts";
export { type Event, EventStream, isolated, type Listener } from "./events/events.ts";
export type {
  AttemptTimedOut,
  BreakerClosed,
  BreakerHalfOpened,
  BreakerOpened,
  CallRejected,
  DeadlineExceeded,
  LateResult,
  LimitReached,
  PolicyEvent,
  RetryRefused,
  RetryScheduled,
} from "./events/policy-event.ts";
export {
  coreFailureCodes,
  type Effect,
  Failure,
  type FailureInit,
  type FailureKind,
  type Verdict,
  verdictOf,
  worseEffect,
} from "./failure/failure.ts";
export {
  assertKnownKeys,
  assertObject,
  integerIn,
  join,
  nonEmptyString,
  oneOf,
  ratioIn,
} from "./options/options.ts";
export { functionAt, type PolicyOptions } from "./options/policy-options.ts";
export { type Gate, type GateOutcome, gatePolicy } from "./pipeline/gate.ts";
export { pipeline } from "./pipeline/pipeline.ts";
export {
  type AttemptTimeoutPlan,
  type BulkheadPlan,
  type DeadlinePlan,
  type FailWhenPlan,
  type GatePlan,
  type HedgePlan,
  type OtherPlan,
  type PipelinePlan,
  type PlannedBudget,
  type PolicyPlan,
  planOf,
  type RetryCore,
  type RetryPlan,
  withPlan,
} from "./pipeline/plan.ts";
export {
  type Backoff,
  backoffDefaults,
  decorrelated,
  type ExponentialOptions,
  exponential,
  fixed,
  type LinearOptions,
  linear,
} from "./retry/backoff.ts";
export {
  decideRetry,
  type FailedAttempt,
  type RetryCondition,
  type RetryDecision,
  type RetryRules,
} from "./retry/decide-retry.ts";
export type { Jitter } from "./retry/jitter.ts";
export { type Retry, type RetryOptions, type RetrySnapshot, retry, retryDefaults } from "./retry/retry.ts";
export { type AttemptTimeoutOptions, attemptTimeout } from "./timeout/attempt-timeout.ts";
