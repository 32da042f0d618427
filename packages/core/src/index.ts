export {
  type AdaptiveConcurrency,
  type AdaptiveConcurrencySnapshot,
  adaptiveConcurrency,
} from "./adaptive-concurrency/adaptive-concurrency.ts";
export {
  type AdaptiveAlgorithm,
  type AdaptiveConcurrencyOptions,
  type AdaptiveConcurrencyRules,
  type AimdOptions,
  adaptiveConcurrencyDefaults,
  type Gradient2Options,
  type GradientOptions,
  type VegasOptions,
} from "./adaptive-concurrency/adaptive-concurrency-options.ts";
export {
  type AdaptiveThrottle,
  type AdaptiveThrottleSnapshot,
  adaptiveThrottle,
} from "./adaptive-throttle/adaptive-throttle.ts";
export {
  type AdaptiveThrottleOptions,
  type AdaptiveThrottleRules,
  adaptiveThrottleDefaults,
} from "./adaptive-throttle/adaptive-throttle-options.ts";
export {
  type AdaptiveAttemptTimeout,
  type AdaptiveAttemptTimeoutChange,
  type AdaptiveAttemptTimeoutOptions,
  type AdaptiveAttemptTimeoutSnapshot,
  adaptiveAttemptTimeout,
  adaptiveAttemptTimeoutDefaults,
} from "./adaptive-timeout/adaptive-attempt-timeout.ts";
export { type BreakerSnapshot, type CircuitBreaker, circuitBreaker } from "./breaker/breaker.ts";
export {
  type BreakerOptions,
  type BreakerRules,
  breakerDefaults,
  type OpenForOptions,
  openForDefaults,
  type SlowCallOptions,
  slowCallDefaults,
  type TripRule,
} from "./breaker/breaker-options.ts";
export { type BreakerMove, type BreakerState, breakerTable, stepBreaker } from "./breaker/breaker-states.ts";
export type { CircuitSnapshot, ForcedSnapshot, SavedCircuit } from "./breaker/circuit-snapshot.ts";
export type { ForcedState, ForceOptions } from "./breaker/forced.ts";
export {
  type KeyedBreaker,
  type KeyedBreakerChange,
  type KeyedBreakerOptions,
  type KeyedBreakerSnapshot,
  keyedBreaker,
  keyedBreakerDefaults,
} from "./breaker/keyed.ts";
export {
  budgetAt,
  type LoadBudget,
  type LoadBudgetChange,
  type LoadBudgetOptions,
  type LoadBudgetSnapshot,
  loadBudget,
  loadBudgetDefaults,
  type Reservation,
  type SharedLoadBudget,
} from "./budget/load-budget.ts";
export {
  type RetryThrottle,
  type RetryThrottleChange,
  type RetryThrottleOptions,
  type RetryThrottleSnapshot,
  retryThrottle,
  retryThrottleDefaults,
} from "./budget/retry-throttle.ts";
export { type Bulkhead, type BulkheadChange, type BulkheadSnapshot, bulkhead } from "./bulkhead/bulkhead.ts";
export {
  type BulkheadOptions,
  type BulkheadQueueOptions,
  bulkheadDefaults,
  type CoDelOptions,
  type FairnessOptions,
  type PriorityOptions,
} from "./bulkhead/bulkhead-options.ts";
export { type Clock, type Random, systemClock, systemRandom, type Timer } from "./clock/clock.ts";
export {
  type ConcurrencyLimit,
  type ConcurrencyLimitChange,
  type ConcurrencyLimitOptions,
  type ConcurrencyLimitSnapshot,
  concurrencyLimit,
  concurrencyLimitDefaults,
} from "./concurrency/concurrency-limit.ts";
export type { Call, Policy } from "./context/call.ts";
export { CallContext, type CallOptions } from "./context/call-context.ts";
export { execute, executeIn, tryExecute } from "./context/execute.ts";
export {
  type ExternalCall,
  type ExternalCallWatch,
  externalCallWatch,
  watchExternalCalls,
} from "./context/external-call.ts";
export { type Deadline, type DeadlineOptions, type DeadlineSnapshot, deadline } from "./deadline/deadline.ts";
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
  AdaptiveLimitChanged,
  AttemptTimedOut,
  BreakerClosed,
  BreakerForced,
  BreakerHalfOpened,
  BreakerOpened,
  BreakerReleased,
  CallRejected,
  CallThrottled,
  CallWouldBeRejected,
  DeadlineExceeded,
  FailedOver,
  FailoverRefused,
  FallbackRefused,
  FallbackUsed,
  FaultInjected,
  HedgeRefused,
  HedgeStarted,
  HedgeWon,
  LateResult,
  LimitReached,
  LoadShed,
  PolicyEvent,
  QueueLeft,
  QueueRejected,
  RateLimited,
  RatePaused,
  RetryRefused,
  RetryScheduled,
  SheddingChanged,
  ThrottlingChanged,
} from "./events/policy-event.ts";
export {
  type Failover,
  type FailoverChange,
  type FailoverOptions,
  type FailoverSnapshot,
  type FailoverTarget,
  failover,
  failoverDefaults,
} from "./failover/failover.ts";
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
export { type RejectionInit, rejection } from "./failure/rejection.ts";
export {
  type FailedCall,
  type Fallback,
  type FallbackChange,
  type FallbackOptions,
  type FallbackSnapshot,
  fallback,
  fallbackDefaults,
} from "./fallback/fallback.ts";
export {
  type FaultInjection,
  type FaultInjectionOptions,
  type FaultInjectionSnapshot,
  faultInjection,
  faultInjectionDefaults,
} from "./fault-injection/fault-injection.ts";
export type {
  ErrorFault,
  Fault,
  HangFault,
  LatencyFault,
  ResultFault,
} from "./fault-injection/faults.ts";
export {
  type Hedge,
  type HedgeChange,
  type HedgeOptions,
  type HedgeSnapshot,
  hedge,
  hedgeDefaults,
} from "./hedge/hedge.ts";
export {
  type LevelCounts,
  type LoadShedding,
  type LoadSheddingChange,
  type LoadSheddingSnapshot,
  loadShedding,
} from "./load-shedding/load-shedding.ts";
export {
  type LoadSheddingOptions,
  loadSheddingDefaults,
  type SheddingLevel,
} from "./load-shedding/load-shedding-options.ts";
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
export { answerOf, randomAt } from "./options/user-functions.ts";
export { type Explanation, explain } from "./pipeline/explain.ts";
export { failWhen } from "./pipeline/fail-when.ts";
export { type Gate, type GateOutcome, gatePolicy } from "./pipeline/gate.ts";
export { type Pipeline, type PipelineSnapshot, pipeline } from "./pipeline/pipeline.ts";
export {
  type AttemptTimeoutCore,
  type AttemptTimeoutPlan,
  type BulkheadPlan,
  type DeadlineCore,
  type DeadlinePlan,
  type FailWhenPlan,
  type FallbackPlan,
  type FaultInjectionPlan,
  type GatePlan,
  type HedgePlan,
  type OtherPlan,
  type PipelinePlan,
  type PlannedBudget,
  type PlannedRate,
  type PolicyPlan,
  planOf,
  type RateLimitPlan,
  type RetryCore,
  type RetryPlan,
  withPlan,
} from "./pipeline/plan.ts";
export { PolicyRegistry, type RegisteredOptions, type Registrable } from "./pipeline/registry.ts";
export type { Result } from "./pipeline/result.ts";
export { type StandardPolicies, standardPipeline } from "./pipeline/standard.ts";
export {
  type RateLimit,
  type RateLimitChange,
  type RateLimitSnapshot,
  rateLimit,
} from "./rate-limit/rate-limit.ts";
export { type RateLimitOptions, rateLimitDefaults } from "./rate-limit/rate-limit-options.ts";
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
export {
  type AttemptTimeout,
  type AttemptTimeoutOptions,
  type AttemptTimeoutSnapshot,
  attemptTimeout,
} from "./timeout/attempt-timeout.ts";
