import type { Failure } from "@outrigger/core";
import { invalidRequest, ledgerFailureCodes } from "../failure.ts";

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
  return invalidRequest(
    ledgerFailureCodes.inputInvalid,
    `${path} is ${what}, which would not come back from JSON: ${hint}`,
  );
}
