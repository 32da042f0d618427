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
  const pairs: string[] = [];
  for (const [name, value] of entriesOf(query)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      pairs.push(`${encodeText(`query name ${show(name)}`, name)}=${encodeValue(name, each)}`);
    }
  }
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function entriesOf(query: unknown): Iterable<[string, unknown]> {
  // By shape: a test runner brings a class of its own.
  if (
    query instanceof URLSearchParams ||
    Object.prototype.toString.call(query) === "[object URLSearchParams]"
  ) {
    return (query as URLSearchParams).entries();
  }
  assertPlainObject(
    "query",
    query,
    "a plain object or a URLSearchParams",
    "{ name: value }, or new URLSearchParams(…) of a string or of pairs",
  );
  return Object.entries(query);
}

function encodeValue(name: string, value: unknown): string {
  const usable =
    typeof value === "string" ||
    typeof value === "boolean" ||
    typeof value === "bigint" ||
    (typeof value === "number" && Number.isFinite(value));
  if (!usable)
    throw new RangeError(`query.${name} must be a string, a finite number or a boolean; got ${show(value)}`);
  return encodeText(`query.${name}`, String(value));
}
