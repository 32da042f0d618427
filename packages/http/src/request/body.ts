import { types } from "node:util";
import { kindOf } from "../options/plain-object.ts";

/** What is sent, and the content type that goes with it where nobody gives one. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
}

export function jsonBody(json: unknown): Body {
  return { bytes: Buffer.from(serialize(json)), contentType: "application/json" };
}

/**
 * A body that a caller gave as it is.
 *
 * Bytes are copied: whoever reuses the array would otherwise change what a retry sends under the same key.
 */
export function rawBody(body: unknown): Body {
  if (typeof body === "string") return { bytes: Buffer.from(body), contentType: undefined };
  if (types.isUint8Array(body)) return { bytes: Buffer.from(body), contentType: undefined };
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
