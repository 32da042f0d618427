import { show } from "@outrigger/core";
import { assertPlainObject } from "../options/plain-object.ts";
import { encodeText } from "./path-template.ts";

type QueryValue = string | number | bigint | boolean;

/** Query parameters; an array repeats its name, `undefined` leaves the name out. */
export type Query =
  | Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>
  | URLSearchParams;

/** `?a=1&b=2`, or nothing. @throws RangeError that names the parameter and never shows its value. */
export function encodeQuery(query: Query | undefined): string {
  if (query === undefined) return "";
  const pairs = encodePairs("query", query);
  return pairs === "" ? "" : `?${pairs}`;
}

/** `a=1&b=2`. @throws RangeError that names the parameter and never shows its value. */
export function encodePairs(option: string, query: Query): string {
  const pairs: string[] = [];
  for (const [name, value] of entriesOf(option, query)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      pairs.push(`${encodeText(`${option} name ${show(name)}`, name)}=${encodeValue(option, name, each)}`);
    }
  }
  return pairs.join("&");
}

function entriesOf(option: string, query: unknown): Iterable<[string, unknown]> {
  // By shape: a test runner brings a class of its own.
  if (
    query instanceof URLSearchParams ||
    Object.prototype.toString.call(query) === "[object URLSearchParams]"
  ) {
    return (query as URLSearchParams).entries();
  }
  assertPlainObject(
    option,
    query,
    "a plain object or a URLSearchParams",
    "{ name: value }, or new URLSearchParams(…) of a string or of pairs",
  );
  return Object.entries(query);
}

function encodeValue(option: string, name: string, value: unknown): string {
  const usable =
    typeof value === "string" ||
    typeof value === "boolean" ||
    typeof value === "bigint" ||
    (typeof value === "number" && Number.isFinite(value));
  if (!usable)
    throw new RangeError(
      `${option}.${name} must be a string, a finite number or a boolean; got ${show(value)}`,
    );
  return encodeText(`${option}.${name}`, String(value));
}
