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

/**
 * With JSON sent as the text that it is. Some drivers write JSON themselves where the server says that it expects some, and
 * would write the ledger's text a second time.
 */
export function statement(text: string, values: readonly unknown[]): string {
  return values.length === 0 ? text : text.replaceAll(/(\$\d+)::(jsonb?)\b/g, "$1::text::$2");
}
