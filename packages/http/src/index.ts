export type { HttpAnswer, StreamedAnswer } from "./answer.ts";
export type { AnswerLists } from "./classify/answer-contract.ts";
export { type ConnectOptions, connectDefaults, type DnsOptions } from "./connect/connect-options.ts";
export type { HttpEvent } from "./events.ts";
export type { ExchangeRequest } from "./exchange-request.ts";
export {
  HttpFailure,
  type HttpFailureInit,
  type HttpStage,
  httpFailureCodes,
  type ResponseLike,
} from "./failure.ts";
export { type CloseOptions, type HttpIntegration, httpIntegration } from "./integration.ts";
export type { HttpMethod, KeyedIdempotency, OperationOptions } from "./operation.ts";
export { httpDefaults } from "./options/defaults.ts";
export type { Allowed } from "./options/destination.ts";
export type { HttpIntegrationOptions } from "./options/options.ts";
export type { PoolOptions } from "./options/pool-options.ts";
export type { Size } from "./options/size.ts";
export type { OperationTimeouts, Timeouts } from "./options/timeouts.ts";
export type { TlsOptions } from "./options/tls.ts";
export { effectHeader, effectOf, failureOf } from "./plugins/effect-of.ts";
export type { PoolSnapshot } from "./pool/connection-pool.ts";
export { longestRateLimitMs, type RateLimit, rateLimitsOf } from "./rate-limit.ts";
export { innerBudget } from "./redundancy/inner-budget.ts";
export type { RedundancyEvent } from "./redundancy/redundancy-events.ts";
export {
  type ProviderAttempt,
  RedundancyFailure,
  type RedundancyFailureInit,
  redundancyFailureCodes,
  type SettledAs,
} from "./redundancy/redundancy-failure.ts";
export {
  type ProviderIntegration,
  type ProviderOptions,
  type RecoveryOptions,
  type RedundantIntegrationOptions,
  redundancyDefaults,
} from "./redundancy/redundancy-options.ts";
export type {
  ProviderSnapshot,
  RedundantCallCounts,
  RedundantIntegrationSnapshot,
  RedundantOperationSnapshot,
} from "./redundancy/redundancy-snapshot.ts";
export {
  type ProviderAnswer,
  type RedundantCallOptions,
  type RedundantIntegration,
  redundantIntegration,
} from "./redundancy/redundant-integration.ts";
export {
  type HedgeRule,
  type InputOf,
  type OutputOf,
  type ProviderKeys,
  type ProviderRequest,
  type ReadThrough,
  type RedundantOperation,
  type RedundantRead,
  type RedundantWrite,
  redundantRead,
  redundantWrite,
  type Settlement,
  type Settling,
  type WriteThrough,
} from "./redundancy/redundant-operation.ts";
export {
  type StandingMove,
  type StandingState,
  standingTable,
  stepStanding,
} from "./redundancy/standing-table.ts";
export type { Form, RawBody } from "./request/body.ts";
export type { RequestHeaders } from "./request/headers.ts";
export type {
  DeadlineHeader,
  TraceContext,
  TracedAttempt,
  TraceHeaders,
} from "./request/headers-at-send.ts";
export type { PathParams } from "./request/path-template.ts";
export type { HttpCallOptions, RequestOptions } from "./request/prepare.ts";
export type { Progress, ProgressListener } from "./request/progress.ts";
export type { Query } from "./request/query.ts";
export type { HttpResponse, JsonOptions, ResponseHeaders } from "./response.ts";
export { longestRetryAfterMs, parseRetryAfterMs } from "./retry-after.ts";
export {
  type BeingSettled,
  type Problem,
  type ProblemAnswer,
  type ProblemOverride,
  type ProblemRules,
  type ProblemSettings,
  problemDefaults,
  problemOf,
  problemOfError,
  problemSettings,
  type ServerProblemOptions,
} from "./server/problem.ts";
export type { CallCounts, HttpIntegrationSnapshot } from "./snapshot.ts";
export { StreamedResponse } from "./transport/streamed-response.ts";
