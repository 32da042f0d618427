const visible = /^[\x21-\x7e]{1,255}$/;

/** @throws RangeError that says what a key may be and never shows the key. */
export function checkKey(key: unknown): string {
  if (typeof key !== "string" || !visible.test(key)) {
    const got = typeof key === "string" ? `${key.length} characters` : typeof key;
    throw new RangeError(`key must be 1 to 255 visible ASCII characters, without spaces; got ${got}`);
  }
  return key;
}

/** The key as an RFC 9651 string, which is how the Idempotency-Key draft sends it. */
export function quoted(key: string): string {
  return `"${key.replaceAll(/["\\]/g, "\\$&")}"`;
}
