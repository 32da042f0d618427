import { assertKnownKeys, nonEmptyString } from "@outrigger/core";
import type { Catalogue } from "./calls/catalogue.ts";
import type { Operation } from "./operation.ts";
import { methods } from "./operation.ts";
import { assertPlainObject, kindOf } from "./options/plain-object.ts";
import { foreignBody, type RawBody } from "./request/body.ts";
import { checkBounds } from "./request/checks.ts";
import { addHeaders, addPairs, getHeader, type RequestHeaders, setHeader } from "./request/headers.ts";
import { checkKey, quoted } from "./request/key.ts";
import {
  finish,
  type HttpCallOptions,
  type Prepared,
  type PrepareSettings,
  refuseStreamOptions,
  sharedKeys,
} from "./request/prepare.ts";
import { type Target, targetOf } from "./request/target.ts";

/** A request as another HTTP client has it: a method and a URL instead of an operation's name. */
export interface ExchangeRequest extends HttpCallOptions {
  /** GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in any case. */
  readonly method: string;
  /** Absolute, at or below `baseUrl`; or a path and query (`"/v1/charges?limit=3"`), which are put below `baseUrl`. */
  readonly url: string | URL;
  /** They replace the operation's and the integration's. A name that stands in several pairs becomes one list. */
  readonly headers?: RequestHeaders | Iterable<readonly [string, string]> | undefined;
  /** Its content type is in `headers`; that of a form or a Blob follows from it. A stream is sent once, see `replay`. */
  readonly body?: RawBody | URLSearchParams | FormData | undefined;
  /**
   * Idempotency key, for an operation that honours one.
   *
   * @defaultValue what the request's own key header says; a new one for each call without it
   */
  readonly key?: string | undefined;
  /**
   * The declared operation that this is; its method and path have to fit.
   *
   * @defaultValue the one whose method and path fit, the path with fewest open places first; without one, an operation
   * that is called by its method and has what the integration declares
   */
  readonly operation?: string | undefined;
  /**
   * Hand the body of a success out as it comes, unless its head says that it is small (at most 64 KiB) or `successCodes`
   * are declared: then it is read first, and handed out of memory.
   *
   * @defaultValue false
   */
  readonly stream?: boolean | undefined;
}

/**
 * A client that reads its answers as streams has most of them small, and is better served if such an answer is whole
 * when it gets it: a break in its middle is retried then, and its connection is back although nobody may ever read it.
 */
const wholeUpToBytes = 64 * 1024;

const known: readonly string[] = [...sharedKeys, "method", "url", "operation", "stream"];

/** @throws RangeError or TypeError that names the field; a value that may be a secret is never shown. */
export function prepareExchange(
  exchange: ExchangeRequest,
  catalogue: Catalogue,
  settings: PrepareSettings,
): Prepared & { readonly operation: Operation } {
  assertPlainObject("the request", exchange, "a plain object", "{ method: …, url: … }");
  assertKnownKeys("", exchange, known);
  checkBounds(exchange);
  const target = targetOf(catalogue.baseUrl, exchange.url);
  const operation = operationOf(exchange, target, catalogue);
  const headers = [...operation.headers];
  addAll(headers, exchange.headers);
  const key = keyOf(operation, exchange, headers);
  if (exchange.body === undefined) refuseStreamOptions(exchange);
  const body =
    exchange.body === undefined ? undefined : foreignBody(exchange.body, exchange, settings.replay);
  // A success that is told by a code of the body is one only when the body has been read.
  const answer =
    exchange.stream === true && operation.contract.successCodes === undefined ? "stream" : "whole";
  const parts = { target: target.target, headers, body, key, accept: "*/*", answer, redirects: 0 } as const;
  const prepared = finish(operation, parts, exchange, settings);
  const request = answer === "stream" ? { ...prepared.request, wholeUpToBytes } : prepared.request;
  return { ...prepared, request, operation };
}

function operationOf(exchange: ExchangeRequest, { path }: Target, catalogue: Catalogue): Operation {
  const method = methodOf(exchange.method);
  if (exchange.operation === undefined) return catalogue.fitting(method, path);
  const operation = catalogue.named(nonEmptyString("operation", exchange.operation));
  if (operation === undefined) throw new RangeError("operation must be one that the integration declares");
  if (operation.method === method && operation.path.matches(path)) return operation;
  throw new RangeError(`method and url must fit the operation ${operation.name}`);
}

function methodOf(given: unknown): Operation["method"] {
  const upper = typeof given === "string" ? given.toUpperCase() : undefined;
  const method = methods.find((each) => each === upper);
  if (method !== undefined) return method;
  const got = typeof given === "string" ? "another" : kindOf(given);
  throw new RangeError(`method must be one of ${methods.join(", ")}; got ${got}`);
}

function addAll(into: string[], headers: unknown): void {
  if (headers === undefined) return;
  const pairs = typeof headers === "object" && headers !== null && Symbol.iterator in headers;
  if (pairs) addPairs(into, "headers", headers as Iterable<[string, string]>);
  else addHeaders(into, "headers", headers);
}

/** A key that stands in the headers, as other clients have it, is the call's key and goes out as it is written there. */
function keyOf(operation: Operation, exchange: ExchangeRequest, headers: string[]): string | undefined {
  if (operation.key === undefined) {
    if (exchange.key === undefined) return undefined;
    throw new RangeError("key must not be given: the operation declares no idempotency header");
  }
  if (exchange.key === undefined) {
    const given = getHeader(headers, operation.key.header);
    return given === undefined ? undefined : checkKey(given);
  }
  const key = checkKey(exchange.key);
  setHeader(headers, operation.key.header, operation.key.quoted ? quoted(key) : key);
  return key;
}
