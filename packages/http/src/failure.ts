import { Failure, type FailureInit } from "@outrigger/core";

const brand: unique symbol = Symbol.for("outrigger.httpFailure") as never;

/**
 * How far an attempt had come.
 *
 * - `acquire`: waiting for a connection of the pool.
 * - `connect`: the connection was being made (DNS, TCP, TLS).
 * - `send`: the request was being written.
 * - `headers`: written; the answer had not begun or its head was not complete.
 * - `body`: the head of the answer was here, its body was not.
 */
export type HttpStage = "acquire" | "connect" | "send" | "headers" | "body";

/** The stable codes of this package. An answer with a status that is no success has `HTTP_<status>`, as `HTTP_503`. */
export const httpFailureCodes = {
  /** The request cannot be sent as it was given; nothing was sent. */
  requestInvalid: "REQUEST_INVALID",
  /** The idempotency key was used for another request; nothing was sent. */
  keyReused: "IDEMPOTENCY_KEY_REUSED",
  /** No connection came free in time. */
  acquireTimeout: "ACQUIRE_TIMEOUT",
  /** So many calls wait for a connection that this one was not let in. */
  poolFull: "POOL_FULL",
  /** `close()` was called. */
  closed: "INTEGRATION_CLOSED",
  /** An HTTP client that the integration is plugged into repeats requests by itself; see the plug-in's page. */
  clientRetries: "CLIENT_RETRIES",
  connectTimeout: "CONNECT_TIMEOUT",
  connectFailed: "CONNECT_FAILED",
  dnsFailed: "DNS_FAILED",
  tlsFailed: "TLS_FAILED",
  /** The proxy was not reached, or gave no way to the service, which has seen nothing. */
  proxyFailed: "PROXY_FAILED",
  /** The service is marked public, and its address is not; nothing was connected to. */
  addressRefused: "ADDRESS_REFUSED",
  /** The connection ended before the answer did. */
  connectionLost: "CONNECTION_LOST",
  /** Over HTTP/2, the service said that it has not processed the request. */
  streamRefused: "STREAM_REFUSED",
  readTimeout: "READ_TIMEOUT",
  responseInvalid: "RESPONSE_INVALID",
  responseTooLarge: "RESPONSE_TOO_LARGE",
  /** The source of the request's body failed, or gave another number of bytes than it said. */
  requestBodyFailed: "REQUEST_BODY_FAILED",
  /** The request's body could be produced only once, and has been. */
  requestBodyConsumed: "REQUEST_BODY_CONSUMED",
  /** Nobody read the body of a streamed answer. */
  responseUnread: "RESPONSE_UNREAD",
} as const;

export interface HttpFailureInit extends FailureInit {
  readonly integration: string;
  readonly operation: string;
  readonly stage?: HttpStage | undefined;
  readonly written?: boolean | undefined;
  readonly reused?: boolean | undefined;
  readonly attempts?: number | undefined;
  readonly response?: ResponseLike | undefined;
  readonly providerCode?: string | undefined;
}

/** What a failure knows of the answer that caused it. */
export interface ResponseLike {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bytes: Uint8Array;
  text(): string;
  json<T = unknown>(): T;
}

/**
 * A call to an HTTP service that did not end well.
 *
 * Its enumerable fields and its message carry no header, no body, no key and no query, so it can be logged. The
 * answer itself is behind {@link HttpFailure.response}, which neither `JSON.stringify` nor `util.inspect` reads.
 */
export class HttpFailure extends Failure {
  override readonly name: string = "HttpFailure";
  readonly integration: string;
  readonly operation: string;
  /** Where the last attempt stood; undefined when a policy rejected the call before the transport saw it. */
  readonly stage: HttpStage | undefined;
  /** Whether bytes of the request may have left this machine, in any attempt. */
  readonly written: boolean;
  /** Whether the last attempt ran on a connection that had served a request before. */
  readonly reused: boolean;
  /** Status of the answer, when its head had arrived. */
  readonly status: number | undefined;
  /** The code in the body of the answer, where `refusals`, `notApplied` or `uncertain` list it. */
  readonly providerCode: string | undefined;
  /** Attempts begun, the first one included; 0 when a policy rejected the call before the first. */
  readonly attempts: number;
  readonly #response: ResponseLike | undefined;

  constructor(message: string, init: HttpFailureInit) {
    super(message, init);
    this.integration = init.integration;
    this.operation = init.operation;
    this.stage = init.stage;
    this.written = init.written ?? false;
    this.reused = init.reused ?? false;
    this.status = init.response?.status;
    this.providerCode = init.providerCode;
    this.attempts = init.attempts ?? 0;
    this.#response = init.response;
    Object.defineProperty(this, brand, { value: true });
  }

  /** The answer, when one came that is no success: a declined card's code is in its body. */
  get response(): ResponseLike | undefined {
    return this.#response;
  }

  /** True across duplicate installs of this package, where `instanceof` is not. */
  static override is(error: unknown): error is HttpFailure {
    return typeof error === "object" && error !== null && brand in error;
  }
}
