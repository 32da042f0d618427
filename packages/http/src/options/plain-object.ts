/**
 * Refuses anything but a plain object. The entries of a `Map` and of every other instance are elsewhere than in its
 * own properties, so they would be left out without a word.
 *
 * @param allowed - What may be given, for the message.
 * @param fix - What to write instead.
 * @throws TypeError that names the path and the value's type, never the value, which may be a secret.
 */
export function assertPlainObject(
  path: string,
  value: unknown,
  allowed: string,
  fix: string,
): asserts value is object {
  if (isPlain(value)) return;
  throw new TypeError(`${path} must be ${allowed}; got ${kindOf(value)}: write ${fix}`);
}

function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // `Object.prototype`, also that of another realm such as a test runner's, is the one that has none itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A value's type, in words that show nothing of it: "a string", "an array", "a Map". */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return withArticle(typeof value);
  const maker: unknown = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  const name = typeof maker === "function" ? maker.name : "";
  return name === "" || name === "Object" ? "an object" : withArticle(name);
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) && !/^U(?:int|RL)/.test(noun) ? "an" : "a"} ${noun}`;
}
