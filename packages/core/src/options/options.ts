import { show } from "../duration/duration.ts";

/**
 * Refuses anything but an object whose keys are all known, and suggests the known key that was meant.
 *
 * @throws TypeError that names the path and the key.
 */
export function assertKnownKeys(path: string, value: unknown, known: readonly string[]): void {
  assertObject(path, value);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    const hint = meant === undefined ? `known options: ${known.join(", ")}` : `did you mean "${meant}"?`;
    throw new TypeError(`${join(path, key)} is not an option; ${hint}`);
  }
}

/**
 * The same for the options of a policy, of which none may be `null`: what JSON or YAML leave empty would otherwise
 * pass for the default, and nobody would notice.
 *
 * @throws TypeError that names the path and the key.
 */
export function assertOptions(path: string, value: unknown, known: readonly string[]): void {
  assertKnownKeys(path, value, known);
  for (const [key, each] of Object.entries(value as object)) {
    if (each === null)
      throw new TypeError(`${join(path, key)} must not be null; write a value or leave it out`);
  }
}

/** @throws TypeError that names the path. */
export function assertObject(path: string, value: unknown): asserts value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${path} must be an object; got ${show(value)}`);
  }
}

/** The options of a policy that may also be given its limit alone. @throws TypeError that names both ways. */
export function limitOptions<T extends { readonly limit: number }>(
  path: string,
  given: T | number,
): T | { limit: number } {
  if (typeof given === "number") return { limit: given };
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return given;
  throw new TypeError(
    `${path} must be given a whole number, at least 1, or an object such as { limit: 100 }; got ${show(given)}`,
  );
}

/** @throws RangeError that names the path, the value and the range. */
export function integerIn(
  path: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `between ${min} and ${max}`;
    throw new RangeError(`${path} must be a whole number, ${range}; got ${show(value)}`);
  }
  return value;
}

/**
 * A share of a whole. Above 0, because a threshold of 0 would always be reached.
 *
 * @throws RangeError that names the path, the value and the range; 50 is told to be written as 0.5.
 */
export function ratioIn(path: string, value: unknown, max = 1): number {
  if (typeof value !== "number" || !(value > 0 && value <= max)) {
    const hint =
      typeof value === "number" && value > 1 && value <= 100 ? `: write ${value / 100} for ${value} %` : "";
    throw new RangeError(`${path} must be a ratio above 0 and at most ${max}; got ${show(value)}${hint}`);
  }
  return value;
}

/** @throws RangeError that names the path, the value and the choices. */
export function oneOf<const T extends string>(path: string, value: unknown, choices: readonly T[]): T {
  const choice = choices.find((each) => each === value);
  if (choice === undefined) {
    throw new RangeError(
      `${path} must be one of ${choices.map((each) => `"${each}"`).join(", ")}; got ${show(value)}`,
    );
  }
  return choice;
}

/** @throws TypeError that names the path and the value. */
export function nonEmptyString(path: string, value: unknown): string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new TypeError(`${path} must be a non-empty string; got ${show(value)}`);
  }
  return value;
}

/** A path to a nested option: `timeout` and `read` make `timeout.read`. */
export function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function nearest(key: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((each) => ({ each, distance: editDistance(key.toLowerCase(), each.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.ceil(key.length / 3))
    ? best.each
    : undefined;
}

/** Levenshtein distance: insertions, deletions and substitutions that lead from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
