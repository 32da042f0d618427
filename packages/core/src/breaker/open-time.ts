import type { Random } from "../clock/clock.ts";

export interface OpenTimeRules {
  /** Of the first opening. */
  readonly firstMs: number;
  /** By which each consecutive opening is longer than the one before. Range: >= 1. */
  readonly factor: number;
  readonly maxMs: number;
  /** Share of the time that chance may add. Range: 0 to 1. */
  readonly jitter: number;
  /** After being closed for this long, the next opening is a first one again. */
  readonly resetAfterMs: number;
  /** Longest wait that the other side may ask for; 0 does not listen to it. */
  readonly maxRetryAfterMs: number;
}

/**
 * How long a circuit stays open: the configured time or what the failure that opened it asked for, whichever is
 * longer, and chance on top, so that many processes do not come back at one moment. Never shorter than asked.
 *
 * @param opening - Counts consecutive openings from 1.
 */
export function openTimeMs(
  rules: OpenTimeRules,
  opening: number,
  retryAfterMs: number | undefined,
  random: Random,
): number {
  const { firstMs, factor, maxMs, jitter, maxRetryAfterMs } = rules;
  // A power that overflows is Infinity, and the maximum stands.
  const configuredMs = Math.min(maxMs, firstMs * factor ** (opening - 1));
  const asked = retryAfterMs ?? 0;
  const askedMs = asked > 0 ? Math.min(asked, maxRetryAfterMs) : 0;
  const baseMs = Math.max(configuredMs, askedMs);
  return jitter === 0 ? baseMs : baseMs * (1 + jitter * random());
}
