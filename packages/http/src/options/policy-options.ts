import { join, show } from "@outrigger/core";

export const ownName = "it has the integration's; write name beside it";
export const ownEvents = "its events are the integration's; write onEvent beside it";

/**
 * A policy's own options; the policy checks them when it is made. What the integration hands to all its policies is
 * refused here, because it would be overwritten without a word.
 */
export function policyOptions<Options extends object>(
  path: string,
  value: Options | false | undefined,
  fallback: Options,
  given: Readonly<Record<string, string>>,
): Options | false {
  if (value === undefined) return fallback;
  if (value === false) return false;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${path} must be an object of options, or false for none; got ${show(value)}`);
  }
  for (const [key, fix] of Object.entries(given)) {
    if (Object.hasOwn(value, key)) throw new TypeError(`${join(path, key)} must not be given: ${fix}`);
  }
  return value;
}
