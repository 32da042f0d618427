import type { ResponseHeaders } from "./response.ts";

/** What an answer says of one quota. */
export interface RateLimit {
  /** The provider's name of the quota. */
  readonly policy: string;
  /** Units left now. */
  readonly remaining: number | undefined;
  /** When the quota is full again, counted from the answer. At most {@link longestRateLimitMs}. */
  readonly resetMs: number | undefined;
  /** Units per window. */
  readonly quota: number | undefined;
  /** At most {@link longestRateLimitMs}. */
  readonly windowMs: number | undefined;
}

/** Longest time taken at its word: a quota that is full again in more than a week is no reason to wait. */
export const longestRateLimitMs: number = 7 * 86_400_000;

/**
 * The quotas that the headers `RateLimit` and `RateLimit-Policy` of an answer speak of, by name. Empty when there are
 * none; a field that is malformed is as good as absent, as the draft demands.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html
 */
export function rateLimitsOf(headers: ResponseHeaders): readonly RateLimit[] {
  const limits = itemsOf(headers["ratelimit"]);
  const policies = itemsOf(headers["ratelimit-policy"]);
  if (limits === undefined && policies === undefined) return [];
  const names = new Set([...(limits?.keys() ?? []), ...(policies?.keys() ?? [])]);
  return [...names].map((policy) => ({
    policy,
    remaining: limits?.get(policy)?.get("r"),
    resetMs: inMs(limits?.get(policy)?.get("t")),
    quota: policies?.get(policy)?.get("q"),
    windowMs: inMs(policies?.get(policy)?.get("w")),
  }));
}

/** How long nothing will be let through: until the last of the quotas that are used up is full again. */
export function usedUpForMs(headers: ResponseHeaders): number | undefined {
  // Nearly no answer has one, and this is asked for every failure.
  if (headers["ratelimit"] === undefined) return undefined;
  const waitsMs = rateLimitsOf(headers).map(({ remaining, resetMs }) =>
    remaining === 0 ? (resetMs ?? 0) : 0,
  );
  const longestMs = Math.max(0, ...waitsMs);
  return longestMs === 0 ? undefined : longestMs;
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.min(seconds * 1_000, longestRateLimitMs);
}

/** More than any provider has quotas for. */
const longestField = 2_000;

// The parts of a list of RFC 9651, each tried where the one before ended.
const name = /"((?:[ !#-[\]-~]|\\["\\])*)"|([A-Za-z*][\w!#$%&'*+.^`|~:/-]*)/y;
const parameter = /; *([a-z*][\w.*-]*)(?:=("(?:[ !#-[\]-~]|\\["\\])*"|[^\s",;]+))?/y;
const comma = /[ \t]*,[ \t]*/y;
const integer = /^\d{1,15}$/;

/** Integer parameters of each member, by the member's name. Undefined when the field is absent or malformed. */
function itemsOf(
  field: string | readonly string[] | undefined,
): ReadonlyMap<string, ReadonlyMap<string, number>> | undefined {
  const text = typeof field === "string" ? field : field?.join(", ");
  if (text === undefined || text.length > longestField) return undefined;
  const items = new Map<string, ReadonlyMap<string, number>>();
  let at = 0;
  const next = (part: RegExp): RegExpExecArray | null => {
    part.lastIndex = at;
    const match = part.exec(text);
    if (match !== null) at = part.lastIndex;
    return match;
  };
  do {
    const item = next(name);
    if (item === null) return undefined;
    const numbers = new Map<string, number>();
    for (let match = next(parameter); match !== null; match = next(parameter)) {
      const [, key = "", value = ""] = match;
      if (integer.test(value)) numbers.set(key, Number(value));
    }
    items.set(item[1] ?? item[2] ?? "", numbers);
  } while (next(comma) !== null);
  return at === text.length ? items : undefined;
}
