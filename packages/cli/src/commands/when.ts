import type { Text } from "../text/en.ts";

/** What an operation and a saga say of time, by the database's clock. */
export interface Dated {
  readonly state: string;
  readonly nextAt: string | null;
  readonly asOf: string;
}

const steps = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;
const unitOf = { d: "d", h: "h", min: "m", s: "s" } as const;

/** A span in at most two units, rounded down: `1 h 3 min`. */
export function span(text: Text, ms: number): string {
  const { units } = text.when;
  const at = steps.findIndex(([, size]) => ms >= size);
  const big = steps[at];
  if (big === undefined) return `${Math.max(0, Math.floor(ms))}${units.ms}`;
  const first = `${Math.floor(ms / big[1])}${units[unitOf[big[0]]]}`;
  const small = steps[at + 1];
  const rest = small === undefined ? 0 : Math.floor((ms % big[1]) / small[1]);
  return small === undefined || rest === 0 ? first : `${first} ${rest}${units[unitOf[small[0]]]}`;
}

/** The same in the largest unit alone. */
export function shortSpan(text: Text, ms: number): string {
  const big = steps.find(([, size]) => ms >= size);
  if (big === undefined) return `${Math.max(0, Math.floor(ms))}${text.when.units.ms}`;
  return `${Math.floor(ms / big[1])}${text.when.units[unitOf[big[0]]]}`;
}

/** `2026-11-22 16:10:03`, UTC. */
export function clock(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

export function sinceMs(row: Dated, iso: string): number {
  return Date.parse(row.asOf) - Date.parse(iso);
}

/** How much later than it was due it is; negative while there is time. Undefined where nothing is due. */
export function lateMs(row: Dated): number | undefined {
  return row.nextAt === null ? undefined : sinceMs(row, row.nextAt);
}

/** Later than this nobody is about to take it up: resolvers poll several times a second. */
const lateAfterMs = 60_000;

export function isLate(row: Dated): boolean {
  return (lateMs(row) ?? 0) > lateAfterMs;
}

/** When something happens next, in a few words. */
export function next(text: Text, row: Dated): string {
  return row.state === "MANUAL" ? text.when.person : due(text, row);
}

/** The same of what is looked at by itself in any state. */
export function due(text: Text, row: Dated): string {
  const { when } = text;
  const late = lateMs(row);
  if (late === undefined) return when.ended;
  if (late > 1_000) return when.late(shortSpan(text, late));
  return late >= -1_000 ? when.now : when.in(shortSpan(text, -late));
}
