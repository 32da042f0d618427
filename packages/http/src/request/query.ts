import { show } from "@outrigger/core";
import { encodeText } from "./path-template.ts";

type QueryValue = string | number | bigint | boolean;

/** Query parameters; an array repeats its name, `undefined` leaves the name out. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;

/** `?a=1&b=2`, or nothing. @throws RangeError that names the parameter and never shows its value. */
export function encodeQuery(query: Query | undefined): string {
  if (query === undefined) return "";
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      pairs.push(`${encodeText(`query name ${show(name)}`, name)}=${encodeValue(name, each)}`);
    }
  }
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
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
