import { assertKnownKeys, type Duration, durationMs, integerIn, join, oneOf } from "@outrigger/core";
import {
  type AnswerContract,
  type AnswerLists,
  answerListKeys,
  parseAnswerRules,
} from "./classify/answer-contract.ts";
import { kindOf } from "./options/plain-object.ts";
import {
  type OperationTimeouts,
  type OperationTimeoutsMs,
  parseOperationTimeouts,
} from "./options/timeouts.ts";
import { addHeaders, type HeaderList, headerName, type RequestHeaders } from "./request/headers.ts";
import { type PathTemplate, pathTemplate } from "./request/path-template.ts";

export type HttpMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** The provider remembers keys, and answers a repeated request as it answered the first. */
export interface KeyedIdempotency {
  /** The header that carries the key: `"Idempotency-Key"`. */
  readonly header: string;
  /** How long the provider remembers a key, by its documentation. At least the total timeout. */
  readonly window: Duration;
  /** Send the key in quotes, as the Idempotency-Key draft has it. Most providers want it bare. @defaultValue false */
  readonly quoted?: boolean | undefined;
}

export interface OperationOptions extends AnswerLists {
  readonly method: HttpMethod;
  /** Below `baseUrl`, with `{name}` for parameters: `"/v1/orders/{orderId}"`. */
  readonly path: string;
  /**
   * What makes it safe to send the request twice.
   *
   * - `"natural"`: its meaning does. @defaultValue for GET, HEAD, OPTIONS, PUT and DELETE
   * - `"none"`: nothing does. @defaultValue for POST and PATCH, unless the integration has an `idempotency` of its own
   * - a key that the provider honours.
   *
   * GET, HEAD and OPTIONS only read, so they may be repeated whatever is said here.
   */
  readonly idempotency?: "natural" | "none" | KeyedIdempotency | undefined;
  /** Sent with every request of the operation; they replace the integration's. */
  readonly headers?: RequestHeaders | undefined;
  readonly timeout?: OperationTimeouts | undefined;
  /** Redirects that are followed, for a GET or HEAD. Range: integer, 0 to 10. @defaultValue the integration's, which is 0 */
  readonly redirects?: number | undefined;
  /**
   * `"own"` gives the operation a circuit of its own, with the integration's breaker options: an inquiry that works is
   * then not cut off by charges that fail, which is when it is needed.
   *
   * @defaultValue "shared": one circuit with all other operations that share it
   */
  readonly breaker?: "own" | "shared" | undefined;
}

/** An operation, read and checked. */
export interface Operation {
  readonly name: string;
  readonly method: HttpMethod;
  readonly path: PathTemplate;
  readonly key: { readonly header: string; readonly quoted: boolean; readonly windowMs: number } | undefined;
  readonly repeatable: boolean;
  readonly contract: AnswerContract;
  /** Of the integration and of the operation. */
  readonly headers: HeaderList;
  /** Names that a request may not set, with the reason. */
  readonly refusedHeaders: ReadonlyMap<string, string>;
  readonly timeout: OperationTimeoutsMs;
  readonly redirects: number;
  readonly breaker: "own" | "shared";
}

export interface OperationDefaults {
  readonly headers: RequestHeaders;
  readonly timeout: OperationTimeouts;
  readonly answers: AnswerLists;
  /** Of POST and PATCH operations that declare nothing else. */
  readonly idempotency: KeyedIdempotency | undefined;
  readonly redirects: number;
  /** The integration has a circuit breaker. */
  readonly breaker: boolean;
}

export const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const readMethods: ReadonlySet<HttpMethod> = new Set(["GET", "HEAD", "OPTIONS"]);
/** RFC 9110, section 9.2.2. */
const idempotentMethods: ReadonlySet<HttpMethod> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** @throws RangeError or TypeError that names the option and the fix. */
export function parseOperation(
  name: string,
  options: OperationOptions,
  defaults: OperationDefaults,
): Operation {
  const path = `operations.${name}`;
  assertKnownKeys(path, options, [
    "method",
    "path",
    "idempotency",
    ...answerListKeys,
    "headers",
    "timeout",
    "redirects",
    "breaker",
  ]);
  const method = oneOf(join(path, "method"), options.method, methods);
  const timeout = parseOperationTimeouts(join(path, "timeout"), options.timeout ?? {}, defaults.timeout);
  const inherited = idempotentMethods.has(method) ? "natural" : (defaults.idempotency ?? "none");
  const idempotency = options.idempotency ?? inherited;
  const keyPath = options.idempotency === undefined ? "idempotency" : join(path, "idempotency");
  const key = typeof idempotency === "string" ? undefined : parseKeyed(keyPath, idempotency, timeout);
  if (key === undefined && idempotency !== "natural" && idempotency !== "none") {
    throw new RangeError(
      `${join(path, "idempotency")} must be "natural", "none" or { header: "Idempotency-Key", window: "1d" }, ` +
        `with the time for which the provider remembers a key; got ${kindOf(idempotency)}`,
    );
  }

  const refusedHeaders = new Map<string, string>();
  if (key !== undefined) refusedHeaders.set(key.header, "pass it as key");
  const headers: string[] = [];
  addHeaders(headers, "headers", defaults.headers, refusedHeaders);
  addHeaders(headers, join(path, "headers"), options.headers ?? {}, refusedHeaders);

  const readOnly = readMethods.has(method);
  return {
    name,
    method,
    path: pathTemplate(join(path, "path"), options.path),
    key,
    repeatable: readOnly || key !== undefined || idempotency === "natural",
    contract: {
      readOnly,
      keyed: key !== undefined,
      ...parseAnswerRules(path, options, defaults.answers),
    },
    headers,
    refusedHeaders,
    timeout,
    redirects: parseRedirects(path, options.redirects, method, defaults.redirects),
    breaker: parseBreaker(join(path, "breaker"), options.breaker, defaults.breaker),
  };
}

/** What a request belongs to that fits no declared operation; called by its method. */
export function implicitOperation(method: HttpMethod, defaults: OperationDefaults): Operation {
  // Its path is never filled in: whoever comes this way brings one.
  return parseOperation(method, { method, path: "/" }, defaults);
}

/** More are a loop. */
const mostRedirects = 10;

/** @throws RangeError also for a method whose redirects are never followed. */
export function parseRedirects(
  path: string,
  own: number | undefined,
  method: HttpMethod,
  otherwise: number,
): number {
  const isFollowed = method === "GET" || method === "HEAD";
  if (own === undefined) return isFollowed ? otherwise : 0;
  const redirects = integerIn(join(path, "redirects"), own, 0, mostRedirects);
  if (redirects === 0 || isFollowed) return redirects;
  throw new RangeError(
    `${join(path, "redirects")} must be left out: a ${method} is never sent on to where an answer says`,
  );
}

function parseBreaker(path: string, value: unknown, available: boolean): "own" | "shared" {
  const breaker = oneOf(path, value ?? "shared", ["own", "shared"]);
  if (breaker === "shared" || available) return breaker;
  throw new RangeError(
    `${path} is "own", but breaker is false, so there are no options for it: remove one of them`,
  );
}

function parseKeyed(
  path: string,
  idempotency: KeyedIdempotency,
  timeout: OperationTimeoutsMs,
): NonNullable<Operation["key"]> {
  assertKnownKeys(path, idempotency, ["header", "window", "quoted"]);
  const windowMs = durationMs(join(path, "window"), idempotency.window);
  const totalMs = durationMs("timeout.total", timeout.total);
  if (windowMs < totalMs) {
    throw new RangeError(
      `${join(path, "window")} (${idempotency.window}) is shorter than timeout.total (${timeout.total}): ` +
        "a retry could come after the provider has forgotten the key",
    );
  }
  const { quoted = false } = idempotency;
  if (typeof quoted !== "boolean") throw new TypeError(`${join(path, "quoted")} must be true or false`);
  return { header: headerName(join(path, "header"), idempotency.header), quoted, windowMs };
}
