import { types } from "node:util";
import { integerIn } from "@outrigger/core";
import { newKey } from "../edge/new-key.ts";
import { assertPlainObject, kindOf } from "../options/plain-object.ts";
import { type Size, sizeBytes } from "../options/size.ts";
import type { BodySource } from "../transport/request.ts";
import { multipart, sourceOf } from "./multipart.ts";
import { type BodyStream, isStream, pullFrom } from "./pull.ts";
import { encodePairs, type Query } from "./query.ts";
import { ReplayedSource } from "./replayed-source.ts";

/** What is sent, and the content type that goes with it where nobody gives one. */
export interface Body {
  readonly content: Uint8Array | BodySource;
  readonly contentType: string | undefined;
}

/** A body that says by itself what it is, or that a header says it of. */
export type RawBody = string | Uint8Array | ArrayBuffer | Blob | BodyStream;
/** Fields of a form: sent url-encoded, or as multipart when they are a `FormData`. */
export type Form = Query | FormData;

/** About a body that is a stream. */
export interface StreamedBodyOptions {
  /**
   * Bytes of `body`, where that is a stream and its length is known; it is then sent with a content-length. Another
   * number fails the request. Range: integer >= 0.
   *
   * @defaultValue chunked
   */
  readonly contentLength?: number | undefined;
  /** How much of a stream is kept, to send it again: `"0B"` for nothing. @defaultValue the integration's */
  readonly replay?: Size | undefined;
}

export function jsonBody(json: unknown): Body {
  return { content: Buffer.from(serialize(json)), contentType: "application/json" };
}

export function textBody(text: unknown): Body {
  if (typeof text !== "string") throw new TypeError(`text must be a string; got ${kindOf(text)}`);
  return { content: Buffer.from(text), contentType: "text/plain;charset=UTF-8" };
}

export function formBody(form: unknown): Body {
  if (hasTag(form, "FormData")) {
    if (!isIterable(form))
      throw new TypeError(
        "form must be a FormData that gives its fields, as Node's does: send another one as body, with its content-type",
      );
    const boundary = `form-${newKey()}`;
    return {
      content: multipart(form as FormData, boundary),
      contentType: `multipart/form-data; boundary=${boundary}`,
    };
  }
  if (!hasTag(form, "URLSearchParams")) {
    assertPlainObject("form", form, "a plain object, a URLSearchParams or a FormData", "{ name: value }");
  }
  return {
    content: Buffer.from(encodePairs("form", form as Query)),
    contentType: "application/x-www-form-urlencoded",
  };
}

/** @throws RangeError when the length that was declared is not the body's. */
export function rawBody(body: unknown, options: StreamedBodyOptions, replay: Size): Body {
  const made = contentOf(body, options, replay);
  const { contentLength } = options;
  if (contentLength === undefined) return made;
  integerIn("contentLength", contentLength, 0);
  const { content } = made;
  const length = content instanceof Uint8Array ? content.byteLength : content.length;
  if (length === contentLength) return made;
  throw new RangeError(`contentLength is ${contentLength}, but body has ${length} bytes`);
}

/** Bytes are copied: whoever reuses the array would otherwise change what a retry sends under the same key. */
function contentOf(body: unknown, options: StreamedBodyOptions, replay: Size): Body {
  if (typeof body === "string") return { content: Buffer.from(body), contentType: undefined };
  if (types.isUint8Array(body)) return { content: Buffer.from(body), contentType: undefined };
  if (types.isAnyArrayBuffer(body)) return { content: Buffer.from(body.slice(0)), contentType: undefined };
  if (hasTag(body, "Blob") || hasTag(body, "File")) {
    const blob = body as Blob;
    return { content: sourceOf([blob]), contentType: blob.type === "" ? undefined : blob.type };
  }
  if (isStream(body)) return streamBody(body, options, replay);
  throw new TypeError(
    `body must be a string, bytes, a Blob or a stream; got ${kindOf(body)}: use json or form for anything else`,
  );
}

function streamBody(stream: BodyStream, options: StreamedBodyOptions, otherwise: Size): Body {
  const replay = options.replay ?? otherwise;
  const source = new ReplayedSource(pullFrom(stream), {
    length: options.contentLength,
    replay,
    replayBytes: sizeBytes("replay", replay),
  });
  return { content: source, contentType: undefined };
}

/** What another client has as a body: also forms, which bring their content type. */
export function foreignBody(body: unknown, options: StreamedBodyOptions, replay: Size): Body {
  const isForm = hasTag(body, "FormData") || hasTag(body, "URLSearchParams");
  return isForm ? formBody(body) : rawBody(body, options, replay);
}

/** Says that the call is over, so that nothing is kept for another try. */
export function closeBody(body: BodySource): void {
  if (body instanceof ReplayedSource) body.close();
}

function isIterable(value: unknown): boolean {
  return typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === "function";
}

/** By shape: undici and a test runner bring classes of their own. */
function hasTag(value: unknown, tag: string): boolean {
  return Object.prototype.toString.call(value) === `[object ${tag}]`;
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
