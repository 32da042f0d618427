import { types } from "node:util";
import { assertKnownKeys } from "@outrigger/core";
import type { Operation } from "../operation.ts";
import { assertPlainObject, kindOf } from "../options/plain-object.ts";
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
  assertPlainObject("the options of a request", options, "a plain object", "{ json: … }");
  assertKnownKeys("", options, known);
  checkBounds(options);
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
      target: `${prefix}${operation.path(options.params === undefined ? {} : options.params)}${encodeQuery(options.query)}`,
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

/** What would otherwise fail deep inside the call, with an error that does not say whether anything was sent. */
function checkBounds({ signal, deadlineAtMs }: { signal?: unknown; deadlineAtMs?: unknown }): void {
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new TypeError(`signal must be an AbortSignal; got ${kindOf(signal)}`);
  }
  if (deadlineAtMs === undefined) return;
  if (typeof deadlineAtMs !== "number" || Number.isNaN(deadlineAtMs)) {
    const got = typeof deadlineAtMs === "number" ? "NaN" : kindOf(deadlineAtMs);
    throw new RangeError(
      `deadlineAtMs must be an instant in milliseconds on the integration's clock; got ${got}`,
    );
  }
}

/** By shape, so that a signal of another realm or library is one as well. */
function isAbortSignal(value: unknown): boolean {
  if (value instanceof AbortSignal) return true;
  if (typeof value !== "object" || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === "boolean" &&
    typeof addEventListener === "function" &&
    typeof removeEventListener === "function"
  );
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
    return bytesOf(body);
  }
  if (!headers.has("content-type")) headers.set("content-type", "application/json");
  return Buffer.from(serialize(json));
}

/** A copy: whoever reuses the array would otherwise change what a retry sends under the same key. */
function bytesOf(body: unknown): Uint8Array {
  if (typeof body === "string") return Buffer.from(body);
  if (types.isUint8Array(body)) return Buffer.from(body);
  throw new TypeError(
    `body must be a string or a Uint8Array; got ${kindOf(body)}: read it to its end first, because a retry has to send the same bytes`,
  );
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
