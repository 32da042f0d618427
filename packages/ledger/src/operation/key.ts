import { createHash } from "node:crypto";
import { show } from "@outrigger/core";
import { invalidRequest, ledgerFailureCodes } from "../failure.ts";

/** The longest key that providers' headers and the usual column widths take. */
const longestKey = 255;

/**
 * @throws Failure `KEY_INVALID` with `effect: "none"` that says what is wrong with it.
 */
export function checkedKey(key: unknown): string {
  const problem =
    typeof key !== "string"
      ? `got ${show(key)}`
      : key === ""
        ? "it is empty"
        : key.length > longestKey
          ? `it has ${key.length}`
          : /^[\x21-\x7e]+$/.test(key)
            ? undefined
            : `${show(key)} contains a character outside that range`;
  if (typeof key === "string" && problem === undefined) return key;
  throw invalidRequest(
    ledgerFailureCodes.keyInvalid,
    `key must be 1 to ${longestKey} visible ASCII characters; ${problem}`,
  );
}

/** The key of the cancel that belongs to a key. The same for ever, and never too long. */
export function cancelKeyOf(key: string): string {
  const suffix = ":cancel";
  return key.length + suffix.length <= longestKey
    ? key + suffix
    : createHash("sha256").update(key).digest("hex") + suffix;
}

/**
 * The key that a provider sees. Where it has one list of keys for a whole account, the operation's name is part of it.
 * The same for ever, and never too long.
 */
export function sentKey(operation: string, key: string, scope: "operation" | "account"): string {
  if (scope === "operation") return key;
  const whole = `${operation}:${key}`;
  return whole.length <= longestKey ? whole : createHash("sha256").update(whole).digest("hex");
}
