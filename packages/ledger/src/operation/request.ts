import { createHash } from "node:crypto";
import { Failure, show } from "@outrigger/core";
import { ledgerCodes } from "../store/sql-port.ts";

/** Deeper input is a mistake, and would overflow the stack of whoever reads it. */
const deepest = 200;

/**
 * The JSON of an input that comes back from the database as it was given.
 *
 * An object's property that is `undefined` counts as absent.
 *
 * @throws Failure `INPUT_INVALID` with `effect: "none"` that names the place, for whatever JSON would drop or
 * change: bigint, NaN, Infinity, dates, maps, class instances, functions, holes, cycles.
 */
export function exactJson(path: string, value: unknown): string {
  check(path, value, new Set());
  return JSON.stringify(value);
}

/** A request's fingerprint: equal for equal JSON, whatever the order of the keys. */
export function fingerprintOf(json: string): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(JSON.parse(json))))
    .digest("hex");
}

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
  throw invalid(
    ledgerCodes.keyInvalid,
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

/** Text that PostgreSQL can store: well-formed, without NUL, and of bounded length. */
export function storableText(text: string): string {
  const clean = text.toWellFormed().replaceAll("\0", "\u{fffd}");
  return clean.length > 1_000 ? `${clean.slice(0, 997).toWellFormed()}...` : clean;
}

function check(path: string, value: unknown, above: Set<object>): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return;
    throw unstorable(path, String(value), "JSON has no such number");
  }
  if (typeof value !== "object") {
    const hint = typeof value === "bigint" ? "pass it as a string" : "leave it out, or pass null";
    throw unstorable(path, value === undefined ? "undefined" : `a ${typeof value}`, hint);
  }
  if (above.has(value)) throw unstorable(path, "a cycle", "an object must not contain itself");
  if (above.size >= deepest) throw unstorable(path, "a value", `it is nested deeper than ${deepest} levels`);
  above.add(value);
  if (Array.isArray(value)) {
    // By index, so that holes are seen.
    for (let index = 0; index < value.length; index += 1) check(`${path}[${index}]`, value[index], above);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (
      (prototype !== Object.prototype && prototype !== null) ||
      typeof Reflect.get(value, "toJSON") === "function"
    ) {
      const name = value.constructor?.name;
      throw unstorable(
        path,
        name === undefined ? "an object" : `a ${name}`,
        "pass a plain object, a string or a number",
      );
    }
    for (const [key, each] of Object.entries(value)) {
      if (each !== undefined) check(`${path}.${key}`, each, above);
    }
  }
  above.delete(value);
}

function unstorable(path: string, what: string, hint: string): Failure {
  return invalid(
    ledgerCodes.inputInvalid,
    `${path} is ${what}, which would not come back from JSON: ${hint}`,
  );
}

function invalid(code: string, message: string): Failure {
  return new Failure(message, { code, effect: "none", kind: "rejected", transient: false });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  // Pairs, not an object: integer-like keys would be reordered and "__proto__" would vanish.
  return {
    object: Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, each]) => [key, sorted(each)]),
  };
}
