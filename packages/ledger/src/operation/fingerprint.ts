import { hash } from "node:crypto";

/** A request's fingerprint: equal for equal JSON, whatever the order of the keys. */
export function fingerprintOf(json: string): string {
  return hash("sha256", JSON.stringify(sorted(JSON.parse(json))));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  // Pairs, not an object: integer-like keys would be reordered and "__proto__" would vanish.
  return {
    object: Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, each]) => [key, sorted(each)]),
  };
}
