import { usedUpForMs } from "./rate-limit.ts";
import { type ResponseHeaders, single } from "./response.ts";

/** Longest wait taken at its word. A provider that asks for more is not coming back within any call. */
export const longestRetryAfterMs: number = 7 * 86_400_000;

const seconds = /^\d+$/;
/** The three forms of a date that RFC 9110 section 5.6.7 obliges a recipient to read. */
const imfDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const rfc850Date = /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const asctimeDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Milliseconds that a `Retry-After` header asks to wait; undefined when it says nothing that can be read.
 *
 * A date is compared with the answer's own `Date` header when there is one, so that a server whose clock is wrong
 * still gets the distance that it meant. Capped at {@link longestRetryAfterMs}; never below 0.
 *
 * @param wallNowMs - Our wall clock, used where the answer has no `Date`. Milliseconds since 1970.
 * @see RFC 9110, section 10.2.3
 */
export function parseRetryAfterMs(
  value: string | undefined,
  wallNowMs: number,
  date?: string,
): number | undefined {
  const text = value?.trim();
  if (text === undefined || text === "") return undefined;
  if (seconds.test(text)) return Math.min(Number(text) * 1_000, longestRetryAfterMs);
  const untilMs = parseHttpDateMs(text);
  if (untilMs === undefined) return undefined;
  const sinceMs = (date === undefined ? undefined : parseHttpDateMs(date.trim())) ?? wallNowMs;
  return Math.min(Math.max(0, untilMs - sinceMs), longestRetryAfterMs);
}

/**
 * How long an answer asks to wait: by `Retry-After`, and without one by a `RateLimit` that is used up, as the draft of
 * the latter demands.
 *
 * @param wallNowMs - Our wall clock. Milliseconds since 1970.
 */
export function retryAfterOf(headers: ResponseHeaders, wallNowMs: number): number | undefined {
  const retryAfter = single(headers["retry-after"]);
  if (retryAfter === undefined) return usedUpForMs(headers);
  return parseRetryAfterMs(retryAfter, wallNowMs, single(headers["date"])) ?? usedUpForMs(headers);
}

function parseHttpDateMs(text: string): number | undefined {
  let ms = Number.NaN;
  if (imfDate.test(text) || rfc850Date.test(text)) ms = Date.parse(text);
  else if (asctimeDate.test(text)) ms = Date.parse(`${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
