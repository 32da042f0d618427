import { type Duration, durationMs } from "@outrigger/core";
import type { Which, WhichSaga } from "@outrigger/ledger";
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
export function states<S extends string>(
  { text }: Session,
  given: readonly string[],
  known: readonly S[],
): readonly S[] {
  return given
    .flatMap((each) => each.split(","))
    .map((each) => {
      const found = known.find((state) => state === each.trim().toUpperCase());
      if (found !== undefined) return found;
      throw new Stop(exitCodes.usage, text.usage.badState(safe(each), known.join(", ")));
    });
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const visible = /^[\x21-\x7e]{1,255}$/;

export function idAt({ text }: Session, value: string): string {
  if (uuid.test(value)) return value;
  throw new Stop(exitCodes.usage, text.usage.badAfter);
}

/** An operation by its id, or by its name and its key. */
export function which({ text }: Session, words: readonly string[]): Which {
  const named = nameAndKey(words, text.usage.badWhich);
  return typeof named === "string" ? named : { operation: named.name, key: named.key };
}

/** A saga in the same way. */
export function whichSaga({ text }: Session, words: readonly string[]): WhichSaga {
  const named = nameAndKey(words, text.usage.badWhichSaga);
  return typeof named === "string" ? named : { saga: named.name, key: named.key };
}

function nameAndKey(
  words: readonly string[],
  complaint: string,
): string | { readonly name: string; readonly key: string } {
  const [name = "", key] = words;
  if (words.length === 1 && uuid.test(name)) return name;
  if (words.length === 2 && key !== undefined && visible.test(key) && visible.test(name))
    return { name, key };
  throw new Stop(exitCodes.usage, complaint);
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
