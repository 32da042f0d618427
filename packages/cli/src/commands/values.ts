import { type Duration, durationMs } from "@outrigger/core";
import { type OperationState, operationStates, type Which } from "@outrigger/ledger";
import { exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import { safe } from "../terminal/safe-text.ts";

/* What people type, read once. Each complains in the words of the command line. */

export interface ReadDuration {
  readonly ms: number;
  readonly text: Duration;
}

export function duration({ text }: Session, flag: string, value: string): ReadDuration {
  try {
    return { ms: durationMs(flag, value, { minMs: 0 }), text: value as Duration };
  } catch {
    throw new Stop(exitCodes.usage, text.usage.badDuration(flag));
  }
}

export function wholeNumber(
  { text }: Session,
  flag: string,
  value: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Stop(exitCodes.usage, text.usage.badNumber(flag, `${min} – ${max}`));
}

/** `--state manual,UNKNOWN --state done`. */
export function states({ text }: Session, given: readonly string[]): readonly OperationState[] {
  return given
    .flatMap((each) => each.split(","))
    .map((each) => {
      const found = operationStates.find((state) => state === each.trim().toUpperCase());
      if (found !== undefined) return found;
      throw new Stop(exitCodes.usage, text.usage.badState(safe(each), operationStates.join(", ")));
    });
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const visible = /^[\x21-\x7e]{1,255}$/;

export function idAt({ text }: Session, value: string): string {
  if (uuid.test(value)) return value;
  throw new Stop(exitCodes.usage, text.usage.badAfter);
}

/** An id, or a name and a key. */
export function which({ text }: Session, words: readonly string[]): Which {
  const [first = "", key] = words;
  if (words.length === 1 && uuid.test(first)) return first;
  if (words.length === 2 && key !== undefined && visible.test(key) && visible.test(first)) {
    return { operation: first, key };
  }
  throw new Stop(exitCodes.usage, text.usage.badWhich);
}

export function day({ text }: Session, flag: string, value: string): string {
  const atMs = /^\d{4}-\d\d-\d\d$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(atMs) && new Date(atMs).toISOString().slice(0, 10) === value) return value;
  throw new Stop(exitCodes.usage, text.usage.badDay(flag));
}

export function said(value: string, complaint: string): string {
  if (value.trim() !== "") return value;
  throw new Stop(exitCodes.usage, complaint);
}
