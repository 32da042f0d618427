import { show } from "@outrigger/core";
import { assertPlainObject, kindOf } from "../options/plain-object.ts";

/** Names and values. */
export type RequestHeaders = Readonly<Record<string, string>> | Headers;

/** Names in lower case and values in turn, each name once. */
export type HeaderList = readonly string[];

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
  ["proxy-authenticate", "connections belong to the pool"],
  ["upgrade", "connections belong to the pool"],
  ["http2-settings", "connections belong to the pool"],
  ["te", "trailers are not read"],
  ["trailer", "trailers are not sent"],
  ["expect", "the body is sent with the head"],
  ["accept-encoding", "it follows from the decompress option"],
]);

/** Whether a header is the transport's own, so that no request may set it. */
export function isTransportHeader(name: string): boolean {
  return reserved.has(name.toLowerCase());
}

/**
 * Checks headers and sets them in `into`, where a later value replaces an earlier one of the same name.
 *
 * @param refused - Further names that may not be given, each with its reason.
 * @throws RangeError that names the header and never shows its value, which may be a secret.
 */
export function addHeaders(
  into: string[],
  path: string,
  headers: unknown,
  refused?: ReadonlyMap<string, string>,
): void {
  for (const [name, text] of entriesOf(path, headers)) {
    const lower = checkName(path, name);
    const why = reserved.get(lower) ?? refused?.get(lower);
    if (why !== undefined) throw new RangeError(`${path}.${name} must not be given: ${why}`);
    setHeader(into, lower, checkValue(path, name, text));
  }
}

/**
 * As {@link addHeaders}, for pairs in which a name may stand several times: its values become one list (RFC 9110,
 * section 5.2), those of cookies one cookie string.
 */
export function addPairs(into: string[], path: string, pairs: Iterable<readonly [string, string]>): void {
  const merged = new Map<string, string>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new TypeError(`${path} must be pairs of a name and a value; got ${kindOf(pair)}`);
    }
    const [name, text] = pair as [unknown, unknown];
    const lower = checkName(path, name);
    const before = merged.get(lower);
    const checked = checkValue(path, lower, text);
    merged.set(
      lower,
      before === undefined ? checked : `${before}${lower === "cookie" ? ";" : ","} ${checked}`,
    );
  }
  for (const [name, text] of merged) {
    const why = reserved.get(name);
    if (why !== undefined) throw new RangeError(`${path}.${name} must not be given: ${why}`);
    setHeader(into, name, text);
  }
}

/** @param name - In lower case. */
export function getHeader(list: HeaderList, name: string): string | undefined {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return list[at + 1];
  return undefined;
}

/** @param name - In lower case. */
export function setHeader(list: string[], name: string, text: string): void {
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] !== name) continue;
    list[at + 1] = text;
    return;
  }
  list.push(name, text);
}

function checkName(path: string, name: unknown): string {
  if (typeof name === "string" && token.test(name)) return name.toLowerCase();
  // Not shown: a whole line, secret and all, may have been taken for a name.
  const at = typeof name === "string" ? [...name].findIndex((each) => !token.test(each)) + 1 : 0;
  const why = at === 0 ? "it is empty" : `its character ${at} cannot stand in one`;
  throw new RangeError(`${path} has a name that is not a header name: ${why}`);
}

function checkValue(path: string, name: string, text: unknown): string {
  if (typeof text !== "string") throw new RangeError(`${path}.${name} must be a string; got ${kindOf(text)}`);
  if (!value.test(text)) {
    throw new RangeError(
      `${path}.${name} holds a character that a header cannot carry (CR, LF, NUL or beyond Latin-1)`,
    );
  }
  return text;
}

function entriesOf(path: string, headers: unknown): Iterable<[string, unknown]> {
  // By shape: undici and a test runner bring classes of their own.
  if (isHeaders(headers)) return headers.entries();
  assertPlainObject(
    path,
    headers,
    "a plain object or a Headers",
    '{ "x-name": "value" }, or Object.fromEntries(…) of pairs',
  );
  return Object.entries(headers);
}

function isHeaders(headers: unknown): headers is Headers {
  return headers instanceof Headers || Object.prototype.toString.call(headers) === "[object Headers]";
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
