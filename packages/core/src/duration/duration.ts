/** A length of time with its unit: `"250ms"`, `"3s"`, `"1.5m"`, `"12h"`, `"15d"`. */
export type Duration = `${number}ms` | `${number}s` | `${number}m` | `${number}h` | `${number}d`;

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const shape = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Longest duration accepted: a century. Beyond it a value is a mistake rather than a wish. */
const longestMs = 36_500 * 86_400_000;

export interface DurationRange {
  /** Range: >= 0. @defaultValue 1 */
  readonly minMs?: number;
  readonly maxMs?: number;
}

/**
 * Milliseconds of a duration given by a user.
 *
 * @param path - Where the value stands (`timeout.read`), for the message.
 * @throws RangeError that names the path, the value and what to write, also for a bare number.
 */
export function durationMs(path: string, value: unknown, range: DurationRange = {}): number {
  if (typeof value === "number") {
    throw new RangeError(
      `${path} must be a duration with a unit, such as "250ms" or "3s"; got the number ${value}: ` +
        (Number.isFinite(value) && value >= 0
          ? `write "${value}ms" if milliseconds were meant`
          : "write a duration"),
    );
  }
  const match = typeof value === "string" ? shape.exec(value) : null;
  const unit = match?.[2];
  if (match === null || unit === undefined) {
    throw new RangeError(
      `${path} must be a duration with a unit (ms, s, m, h or d), such as "250ms" or "3s"; got ${show(value)}`,
    );
  }
  // To the microsecond: in binary fractions "1.005s" would be a hair less than 1005 ms.
  const ms = Math.round(Number(match[1]) * (unitMs[unit] ?? Number.NaN) * 1_000) / 1_000;
  const { minMs = 1, maxMs = longestMs } = range;
  if (!(ms >= minMs && ms <= maxMs)) {
    throw new RangeError(
      `${path} must lie between ${formatDuration(minMs)} and ${formatDuration(maxMs)}; got ${show(value)}`,
    );
  }
  return ms;
}

/** The shortest exact way to write a whole number of milliseconds: 90000 is `"90s"`, 3600000 is `"1h"`. */
export function formatDuration(ms: number): Duration {
  const unit = unitOf(ms);
  return `${ms / (unitMs[unit] ?? 1)}${unit}`;
}

/** A number of milliseconds for people: 90000 is "90 s", 1234.5 is "1235 ms". */
export function durationText(ms: number): string {
  const roundedMs = Math.round(ms);
  const unit = unitOf(roundedMs);
  return `${roundedMs / (unitMs[unit] ?? 1)} ${unit}`;
}

/** The largest unit of which it is a whole number. */
function unitOf(ms: number): "ms" | "s" | "m" | "h" | "d" {
  if (ms < 1_000 || ms % 1_000 !== 0) return "ms";
  if (ms % 60_000 !== 0) return "s";
  if (ms % 3_600_000 !== 0) return "m";
  return ms % 86_400_000 === 0 ? "d" : "h";
}

/** A value as a message can show it: short, quoted, never an object's content (it may hold a secret). */
export function show(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (value === null || ["number", "boolean", "undefined", "bigint"].includes(typeof value))
    return String(value);
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
