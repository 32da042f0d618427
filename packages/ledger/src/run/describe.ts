import type { OperationRow } from "../store/operation-row.ts";
import { storableText } from "../store/storable-text.ts";

/** What every event says of the operation it is about. */
export function about(row: OperationRow): { id: string; operation: string; key: string; provider: string } {
  return { id: row.id, operation: row.operation, key: row.key, provider: row.provider };
}

/** Never throws: what users' functions throw may be anything. */
export function messageOf(error: unknown): string {
  return textOf(error instanceof Error ? read(error, "message") : error);
}

/** Never throws. */
export function codeOf(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null ? read(error, "code") : undefined;
  return typeof code === "string" ? storableText(code) : undefined;
}

/** Text of anything; an object that has none says so. Never throws. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return String(value);
  } catch {
    return "(a value without text)";
  }
}

function read(holder: object, name: string): unknown {
  try {
    return Reflect.get(holder, name);
  } catch {
    return undefined;
  }
}
