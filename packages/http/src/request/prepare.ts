import { assertKnownKeys } from "@outrigger/core";
import type { Operation } from "../operation.ts";
import { assertPlainObject } from "../options/plain-object.ts";
import type { PreparedRequest } from "../transport/request.ts";
import { type Body, jsonBody, rawBody } from "./body.ts";
import { checkBounds } from "./checks.ts";
import { addHeaders, getHeader, type RequestHeaders } from "./headers.ts";
import { checkKey, quoted } from "./key.ts";
import type { PathParams } from "./path-template.ts";
import { encodeQuery, type Query } from "./query.ts";

export interface RequestOptions {
  /** Values for the `{name}` places of the path. */
  readonly params?: PathParams | undefined;
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly json?: unknown;
  /**
   * Sent as it is now, whatever becomes of it later; give its `content-type` in `headers`. Not a stream: a retry has
   * to send the same bytes again.
   */
  readonly body?: string | Uint8Array | undefined;
  /** They replace the operation's and the integration's. */
  readonly headers?: RequestHeaders | undefined;
  /**
   * Idempotency key, for operations that declare one: 1 to 255 visible ASCII characters. Give one that outlives this
   * process where the call must not happen twice after a crash.
   *
   * @defaultValue a new one for each call
   */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** An instant on the integration's clock; the nearer of it and `timeout.total` ends the call. */
  readonly deadlineAtMs?: number | undefined;
}

export interface PrepareSettings {
  /** Path in front of the operation's. */
  readonly prefix: string;
  readonly newKey: () => string;
  readonly maxResponseBytes: number;
}

/** A request that can be sent, and the key that it carries. */
export interface Prepared {
  readonly request: PreparedRequest;
  readonly key: string | undefined;
}

const known: readonly string[] = [
  "params",
  "query",
  "json",
  "body",
  "headers",
  "key",
  "signal",
  "deadlineAtMs",
];
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Makes the bytes of a request, once for all its attempts.
 *
 * @throws RangeError or TypeError that names the field; a value that may be a secret is never shown.
 */
export function prepare(operation: Operation, options: RequestOptions, settings: PrepareSettings): Prepared {
  assertPlainObject("the options of a request", options, "a plain object", "{ json: … }");
  assertKnownKeys("", options, known);
  checkBounds(options);
  const headers = [...operation.headers];
  if (options.headers !== undefined)
    addHeaders(headers, "headers", options.headers, operation.refusedHeaders);
  const body = bodyOf(options);
  if (
    body !== undefined &&
    body.contentType === undefined &&
    getHeader(headers, "content-type") === undefined
  )
    throw new TypeError("headers must hold content-type when body is given");
  const target = `${settings.prefix}${operation.path.fill(options.params === undefined ? noParams : options.params)}${encodeQuery(options.query)}`;
  return finish(operation, { target, headers, body, key: keyOf(operation, options) }, settings);
}

const noParams: PathParams = {};

/** What the two ways to describe a request have in common: its parts are checked, and these are put together here. */
export function finish(
  operation: Operation,
  parts: {
    readonly target: string;
    readonly headers: string[];
    readonly body: Body | undefined;
    /** The caller's, checked; a keyed operation gets a new one without it. */
    readonly key: string | undefined;
    readonly accept?: string;
  },
  { newKey, maxResponseBytes }: PrepareSettings,
): Prepared {
  const { target, headers, body } = parts;
  if (body !== undefined) {
    if (bodiless.has(operation.method))
      throw new TypeError(`a ${operation.method} request carries no body: use query or params`);
    if (body.contentType !== undefined && getHeader(headers, "content-type") === undefined)
      headers.push("content-type", body.contentType);
  }
  const key = operation.key === undefined ? undefined : (parts.key ?? checkKey(newKey()));
  if (
    operation.key !== undefined &&
    key !== undefined &&
    getHeader(headers, operation.key.header) === undefined
  )
    headers.push(operation.key.header, operation.key.quoted ? quoted(key) : key);
  if (getHeader(headers, "accept") === undefined) headers.push("accept", parts.accept ?? "application/json");
  return {
    key,
    request: {
      operation: operation.name,
      method: operation.method,
      target,
      headers,
      body: body?.bytes,
      repeatable: operation.repeatable,
      contract: operation.contract,
      readMs: operation.timeout.readMs,
      maxResponseBytes,
      progress: { attempts: 0, writtenBefore: false, current: undefined },
    },
  };
}

function keyOf(operation: Operation, { key }: RequestOptions): string | undefined {
  if (key === undefined) return undefined;
  if (operation.key !== undefined) return checkKey(key);
  throw new RangeError(
    "key must not be given: the operation declares no idempotency header, so it would not be sent",
  );
}

function bodyOf({ json, body }: RequestOptions): Body | undefined {
  if (json !== undefined && body !== undefined) throw new TypeError("json and body must not both be given");
  if (json !== undefined) return jsonBody(json);
  return body === undefined ? undefined : rawBody(body);
}
