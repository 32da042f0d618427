import { assertKnownKeys } from "@outrigger/core";
import type { Operation } from "../operation.ts";
import type { PreparedRequest } from "../transport/request.ts";
import { addHeaders, type RequestHeaders } from "./headers.ts";
import { checkKey, quoted } from "./key.ts";
import type { PathParams } from "./path-template.ts";
import { encodeQuery, type Query } from "./query.ts";

export interface RequestOptions {
  /** Values for the `{name}` places of the path. */
  readonly params?: PathParams | undefined;
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; give its `content-type` in `headers`. */
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
export function prepare(
  operation: Operation,
  options: RequestOptions,
  { prefix, newKey, maxResponseBytes }: PrepareSettings,
): { readonly request: PreparedRequest; readonly key: string | undefined } {
  assertKnownKeys("", options, known);
  const headers = new Map(operation.headers);
  if (options.headers !== undefined)
    addHeaders(headers, "headers", options.headers, operation.refusedHeaders);
  const body = bodyOf(operation, options, headers);
  const key = keyOf(operation, options, newKey);
  if (operation.key !== undefined && key !== undefined) {
    headers.set(operation.key.header, operation.key.quoted ? quoted(key) : key);
  }
  if (!headers.has("accept")) headers.set("accept", "application/json");
  return {
    key,
    request: {
      operation: operation.name,
      method: operation.method,
      target: `${prefix}${operation.path(options.params ?? {})}${encodeQuery(options.query)}`,
      headers: [...headers].flat(),
      body,
      repeatable: operation.repeatable,
      contract: operation.contract,
      readMs: operation.timeout.readMs,
      maxResponseBytes,
      progress: { attempts: 0, writtenBefore: false, current: undefined },
    },
  };
}

function keyOf(operation: Operation, options: RequestOptions, newKey: () => string): string | undefined {
  if (operation.key === undefined) {
    if (options.key === undefined) return undefined;
    throw new RangeError(
      "key must not be given: the operation declares no idempotency header, so it would not be sent",
    );
  }
  return checkKey(options.key ?? newKey());
}

function bodyOf(
  operation: Operation,
  options: RequestOptions,
  headers: Map<string, string>,
): Uint8Array | undefined {
  const { json, body } = options;
  if (json === undefined && body === undefined) return undefined;
  if (json !== undefined && body !== undefined) throw new TypeError("json and body must not both be given");
  if (bodiless.has(operation.method)) {
    throw new TypeError(`a ${operation.method} request carries no body: use query or params`);
  }
  if (json === undefined) {
    if (!headers.has("content-type"))
      throw new TypeError("headers must hold content-type when body is given");
    return typeof body === "string" ? Buffer.from(body) : body;
  }
  if (!headers.has("content-type")) headers.set("content-type", "application/json");
  return Buffer.from(serialize(json));
}

function serialize(json: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(json);
  } catch (cause) {
    throw new TypeError("json cannot be written as JSON: it holds a bigint or refers to itself", { cause });
  }
  if (text === undefined)
    throw new TypeError(`json must be a value that JSON can express; got a ${typeof json}`);
  return text;
}
