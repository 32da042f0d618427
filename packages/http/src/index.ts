export type { HttpAnswer } from "./answer.ts";
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
export type { HttpIntegrationOptions } from "./options/options.ts";
export type { PoolOptions } from "./options/pool-options.ts";
export type { OperationTimeouts, Timeouts } from "./options/timeouts.ts";
export type { TlsOptions } from "./options/tls.ts";
export type { PoolSnapshot } from "./pool/connection-pool.ts";
export { longestRateLimitMs, type RateLimit, rateLimitsOf } from "./rate-limit.ts";
export type { RequestHeaders } from "./request/headers.ts";
export type { PathParams } from "./request/path-template.ts";
export type { RequestOptions } from "./request/prepare.ts";
export type { Query } from "./request/query.ts";
export type { HttpResponse, ResponseHeaders } from "./response.ts";
export { longestRetryAfterMs, parseRetryAfterMs } from "./retry-after.ts";
export type { CallCounts, HttpIntegrationSnapshot } from "./snapshot.ts";
