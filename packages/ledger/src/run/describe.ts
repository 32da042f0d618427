import { storableText } from "../store/storable-text.ts";
import type { OperationRow } from "../store/store.ts";

/** What every event says of the operation it is about. */
export function about(row: OperationRow): { id: string; operation: string; key: string; provider: string } {
  return { id: row.id, operation: row.operation, key: row.key, provider: row.provider };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? storableText(code) : undefined;
}
