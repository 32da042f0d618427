import { assertKnownKeys, integerIn } from "@outrigger/core";
import { acceptedEncodings } from "../decode-body.ts";
import type { Operation } from "../operation.ts";
import { assertPlainObject, kindOf } from "../options/plain-object.ts";
import type { Size } from "../options/size.ts";
import type { PreparedRequest } from "../transport/request.ts";
import {
  type Body,
  type Form,
  formBody,
  jsonBody,
  type RawBody,
  rawBody,
  type StreamedBodyOptions,
  textBody,
} from "./body.ts";
import { checkBounds } from "./checks.ts";
import { addHeaders, getHeader, type RequestHeaders } from "./headers.ts";
import type { headersAtSend } from "./headers-at-send.ts";
import { checkKey, quoted } from "./key.ts";
import type { PathParams } from "./path-template.ts";
import { type ProgressListener, progressOf } from "./progress.ts";
import { encodeQuery, type Query } from "./query.ts";

/** What every way to make a request has in common. */
export interface HttpCallOptions extends StreamedBodyOptions {
  readonly signal?: AbortSignal | undefined;
  /** An instant on the integration's clock; the nearer of it and `timeout.total` ends the call. */
  readonly deadlineAtMs?: number | undefined;
  /**
   * The largest answer that is taken. Range: integer >= 0.
   *
   * @defaultValue the integration's; none for a streamed answer, which is not held in memory
   */
  readonly maxResponseBytes?: number | undefined;
  /** Ask for compressed answers, and decompress them. @defaultValue the integration's */
  readonly decompress?: boolean | undefined;
  /** Told of every chunk that is sent or received. */
  readonly onProgress?: ProgressListener | undefined;
}

export interface RequestOptions extends HttpCallOptions {
  /** Values for the `{name}` places of the path. */
  readonly params?: PathParams | undefined;
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent url-encoded, or as multipart when it is a `FormData`, whose files are read while they are sent. */
  readonly form?: Form | undefined;
  /** Sent as plain text. */
  readonly text?: string | undefined;
  /**
   * Sent as it is; give its `content-type` in `headers`. Bytes are sent as they are now, whatever becomes of them later.
   *
   * A stream is sent once. A retry sends it again only as long as no more of it was read than `replay` keeps; after that
   * a failure says so and is not retried.
   */
  readonly body?: RawBody | undefined;
  /** They replace the operation's and the integration's. */
  readonly headers?: RequestHeaders | undefined;
  /**
   * Idempotency key, for operations that declare one: 1 to 255 visible ASCII characters. Give one that outlives this
   * process where the call must not happen twice after a crash.
   *
   * @defaultValue a new one for each call
   */
  readonly key?: string | undefined;
}

export interface PrepareSettings {
  /** Path in front of the operation's. */
  readonly prefix: string;
  readonly newKey: () => string;
  readonly maxResponseBytes: number;
  readonly replay: Size;
  readonly decompress: boolean;
  readonly headersAtSend: ReturnType<typeof headersAtSend>;
}

/** How the answer is wanted. */
export type AnswerKind = "whole" | "stream";

/** A request that can be sent, and the key that it carries. */
export interface Prepared {
  readonly request: PreparedRequest;
  readonly key: string | undefined;
  /** The caller brought the key, and may have used it before. */
  readonly keyGiven: boolean;
}

const callKeys = [
  "signal",
  "deadlineAtMs",
  "contentLength",
  "replay",
  "maxResponseBytes",
  "decompress",
  "onProgress",
];
/** Names that both ways to make a request have. */
export const sharedKeys: readonly string[] = [...callKeys, "body", "headers", "key"];
const known: readonly string[] = [...sharedKeys, "params", "query", "json", "form", "text"];
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Makes the bytes of a request, once for all its attempts.
 *
 * @throws RangeError or TypeError that names the field; a value that may be a secret is never shown.
 */
export function prepare(
  operation: Operation,
  options: RequestOptions,
  settings: PrepareSettings,
  answer: AnswerKind,
): Prepared {
  assertPlainObject("the options of a request", options, "a plain object", "{ json: … }");
  assertKnownKeys("", options, known);
  checkBounds(options);
  if (answer === "stream" && operation.contract.successCodes !== undefined && !operation.contract.readOnly)
    throw new TypeError(
      "a change with successCodes must be made by request(): stream() hands its answer out before its code is read",
    );
  const headers = [...operation.headers];
  if (options.headers !== undefined)
    addHeaders(headers, "headers", options.headers, operation.refusedHeaders);
  const body = bodyOf(options, settings);
  if (
    body !== undefined &&
    body.contentType === undefined &&
    getHeader(headers, "content-type") === undefined
  )
    throw new TypeError("headers must hold content-type when body is given");
  const target = `${settings.prefix}${operation.path.fill(options.params === undefined ? noParams : options.params)}${encodeQuery(options.query)}`;
  const key = keyOf(operation, options);
  return finish(
    operation,
    { target, headers, body, key, accept: "application/json", answer, redirects: operation.redirects },
    options,
    settings,
  );
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
    /** Where the headers say nothing. */
    readonly accept: string;
    readonly answer: AnswerKind;
    readonly redirects: number;
  },
  options: HttpCallOptions,
  settings: PrepareSettings,
): Prepared {
  const { newKey, maxResponseBytes } = settings;
  const { target, headers, body, answer } = parts;
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
  if (getHeader(headers, "accept") === undefined) headers.push("accept", parts.accept);
  const decode =
    options.decompress === undefined ? settings.decompress : flag("decompress", options.decompress);
  if (decode) headers.push("accept-encoding", acceptedEncodings);
  const content = body?.content;
  const progress = { attempts: 0, writtenBefore: false, current: undefined };
  return {
    key,
    keyGiven: parts.key !== undefined,
    request: {
      operation: operation.name,
      method: operation.method,
      target,
      headers,
      body: content,
      answer,
      decode,
      redirects: parts.redirects,
      headersAtSend: settings.headersAtSend?.(operation, headers),
      signal: options.signal,
      onProgress:
        options.onProgress === undefined
          ? undefined
          : progressOf(options.onProgress, { body: content, progress }),
      repeatable: operation.repeatable,
      contract: operation.contract,
      readMs: operation.timeout.readMs,
      maxResponseBytes: largestAnswer(options, answer, maxResponseBytes),
      progress,
    },
  };
}

function flag(path: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`${path} must be true or false; got ${kindOf(value)}`);
}

function largestAnswer({ maxResponseBytes }: HttpCallOptions, answer: AnswerKind, otherwise: number): number {
  if (maxResponseBytes !== undefined) return integerIn("maxResponseBytes", maxResponseBytes, 0);
  return answer === "stream" ? Number.POSITIVE_INFINITY : otherwise;
}

function keyOf(operation: Operation, { key }: RequestOptions): string | undefined {
  if (key === undefined) return undefined;
  if (operation.key !== undefined) return checkKey(key);
  throw new RangeError(
    "key must not be given: the operation declares no idempotency header, so it would not be sent",
  );
}

function bodyOf(options: RequestOptions, settings: PrepareSettings): Body | undefined {
  const { json, form, text, body } = options;
  if (body === undefined) refuseStreamOptions(options);
  const given = Number(json !== undefined) + Number(form !== undefined) + Number(text !== undefined);
  if (given === 0) return body === undefined ? undefined : rawBody(body, options, settings.replay);
  if (given > 1 || body !== undefined)
    throw new TypeError("json, form, text and body must not be given together: a request has one body");
  if (json !== undefined) return jsonBody(json);
  return form === undefined ? textBody(text) : formBody(form);
}

/** They speak of `body`; beside anything else they would be passed over in silence. */
export function refuseStreamOptions(options: StreamedBodyOptions): void {
  for (const name of ["contentLength", "replay"] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(`${name} must be given with a body: json, form and text have their own length`);
  }
}
