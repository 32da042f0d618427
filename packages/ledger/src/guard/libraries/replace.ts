/** Puts another function in the place of one that an object has or inherits; `undo` gives it back. */
export function replaceMethod<Fn extends (...args: never[]) => unknown>(
  holder: object,
  name: string,
  make: (original: Fn) => Fn,
): () => void {
  const own = Object.getOwnPropertyDescriptor(holder, name);
  const original = Reflect.get(holder, name) as Fn;
  const replaced = make(original);
  Object.defineProperty(holder, name, {
    value: replaced,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? false,
  });
  return () => {
    // Whoever replaced it after us calls ours, which does nothing of its own any more.
    if (Reflect.get(holder, name) !== replaced) return;
    if (own === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, own);
  };
}

/** @throws TypeError that says what was expected. */
export function assertMethods(
  path: string,
  value: unknown,
  names: readonly string[],
  what: string,
): asserts value is object {
  const isHolder = (typeof value === "object" && value !== null) || typeof value === "function";
  const missing = names.find((name) => !isHolder || typeof Reflect.get(value, name) !== "function");
  if (missing !== undefined) throw new TypeError(`${path} must be ${what}: it has no function ${missing}`);
}
