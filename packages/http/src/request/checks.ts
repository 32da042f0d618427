import { kindOf } from "../options/plain-object.ts";

/** What would otherwise fail deep inside the call, with an error that does not say whether anything was sent. */
export function checkBounds({ signal, deadlineAtMs }: { signal?: unknown; deadlineAtMs?: unknown }): void {
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new TypeError(`signal must be an AbortSignal; got ${kindOf(signal)}`);
  }
  if (deadlineAtMs === undefined) return;
  if (typeof deadlineAtMs !== "number" || Number.isNaN(deadlineAtMs)) {
    const got = typeof deadlineAtMs === "number" ? "NaN" : kindOf(deadlineAtMs);
    throw new RangeError(
      `deadlineAtMs must be an instant in milliseconds on the integration's clock; got ${got}`,
    );
  }
}

/** By shape, so that a signal of another realm or library is one as well. */
function isAbortSignal(value: unknown): boolean {
  if (value instanceof AbortSignal) return true;
  if (typeof value !== "object" || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === "boolean" &&
    typeof addEventListener === "function" &&
    typeof removeEventListener === "function"
  );
}
