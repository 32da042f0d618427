/**
 * A list as PostgreSQL reads it: libraries differ in what they make of an array, and some need to have asked the server
 * for its types first. Everything else goes through as it is.
 */
export function parameter(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return `{${value.map(element).join(",")}}`;
}

function element(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return `"${String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
