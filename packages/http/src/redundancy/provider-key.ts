import { createHash } from "node:crypto";

/**
 * The idempotency key that one provider sees for a logical call.
 *
 * Derived and not drawn, so that the same logical call, also after a restart, has the same key at the same provider;
 * of provider and operation, so that no two of them ever see each other's. 43 letters, digits, `-` and `_`: within what
 * every provider takes (PortOne 16 to 256 of exactly these, Adyen at most 64, Stripe 255, Toss 300).
 */
export function providerKey(
  key: string,
  provider: string,
  operation: string,
  purpose: "call" | "cancel",
): string {
  // A JSON array, so that no two different parts can be joined to the same text.
  return createHash("sha256")
    .update(JSON.stringify([purpose, provider, operation, key]))
    .digest("base64url");
}
