import { show } from "@outrigger/core";
import { assertPlainObject, kindOf } from "../options/plain-object.ts";

/** Names and values. */
export type RequestHeaders = Readonly<Record<string, string>> | Headers;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Tab, visible ASCII and Latin-1: what a header can carry. CR, LF and NUL would end or split it. */
const value = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that say where a message begins and ends, or that belong to the connection: they are the transport's. */
const reserved: ReadonlyMap<string, string> = new Map([
  ["host", "it follows from baseUrl"],
  ["content-length", "it follows from the body"],
  ["transfer-encoding", "it follows from the body"],
  ["connection", "connections belong to the pool"],
  ["keep-alive", "connections belong to the pool"],
  ["proxy-connection", "connections belong to the pool"],
  ["proxy-authorization", "connections belong to the pool"],
  ["upgrade", "connections belong to the pool"],
  ["http2-settings", "connections belong to the pool"],
  ["te", "trailers are not read"],
  ["trailer", "trailers are not sent"],
  ["expect", "the body is sent with the head"],
  ["accept-encoding", "compressed answers are not read"],
]);

/**
 * Checks headers and adds them to `into`, where a later value replaces an earlier one of the same name.
 *
 * @param into - By name in lower case.
 * @param refused - Further names that may not be given, each with its reason.
 * @throws RangeError that names the header and never shows its value, which may be a secret.
 */
export function addHeaders(
  into: Map<string, string>,
  path: string,
  headers: unknown,
  refused?: ReadonlyMap<string, string>,
): void {
  for (const [name, text] of entriesOf(path, headers)) {
    if (!token.test(name)) {
      // Not shown: a whole line, secret and all, may have been taken for a name.
      const at = [...name].findIndex((character) => !token.test(character)) + 1;
      const why = at === 0 ? "it is empty" : `its character ${at} cannot stand in one`;
      throw new RangeError(`${path} has a name that is not a header name: ${why}`);
    }
    const lower = name.toLowerCase();
    const why = reserved.get(lower) ?? refused?.get(lower);
    if (why !== undefined) throw new RangeError(`${path}.${name} must not be given: ${why}`);
    if (typeof text !== "string") {
      throw new RangeError(`${path}.${name} must be a string; got ${kindOf(text)}`);
    }
    if (!value.test(text)) {
      throw new RangeError(
        `${path}.${name} holds a character that a header cannot carry (CR, LF, NUL or beyond Latin-1)`,
      );
    }
    into.set(lower, text);
  }
}

function entriesOf(path: string, headers: unknown): Iterable<[string, unknown]> {
  // By shape: undici and a test runner bring classes of their own.
  if (headers instanceof Headers || Object.prototype.toString.call(headers) === "[object Headers]") {
    return (headers as Headers).entries();
  }
  assertPlainObject(
    path,
    headers,
    "a plain object or a Headers",
    '{ "x-name": "value" }, or Object.fromEntries(…) of pairs',
  );
  return Object.entries(headers);
}

/** @throws RangeError that names the option. */
export function headerName(path: string, name: unknown): string {
  if (typeof name !== "string" || !token.test(name)) {
    throw new RangeError(`${path} must be a header name, such as "Idempotency-Key"; got ${show(name)}`);
  }
  const why = reserved.get(name.toLowerCase());
  if (why !== undefined) throw new RangeError(`${path} must not be ${show(name)}: ${why}`);
  return name.toLowerCase();
}
