import { createHmac, timingSafeEqual } from "node:crypto";
import {
  assertKnownKeys,
  type Clock,
  type Duration,
  durationMs,
  functionAt,
  oneOf,
  show,
  systemClock,
} from "@outrigger/core";

/** A webhook as it arrived. */
export interface WebhookRequest {
  /** As Node gives them: names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The bytes as they arrived. What was parsed and written again has another signature. */
  readonly body: Uint8Array;
}

/** Says why a request is not the provider's; undefined when it is. May ask others, such as for a key. */
export type Verify = (request: WebhookRequest) => string | undefined | Promise<string | undefined>;

/** What a provider signs, and where it puts it. */
export interface SignatureParts {
  /** One or more: providers sign with the old and the new secret while one is changed. */
  readonly signatures: readonly string[];
  /** What comes before the body in what is signed. @defaultValue "" */
  readonly prefix?: string;
  /** When it was signed, in milliseconds since 1970. It must be part of what is signed. */
  readonly signedAtMs?: number;
}

export interface HmacOptions {
  /** All that are valid now. */
  readonly secrets: readonly (string | Uint8Array)[];
  /** Where the parts stand; undefined when they are not there. */
  readonly parts: (headers: WebhookRequest["headers"]) => SignatureParts | undefined;
  /** @defaultValue "sha256" */
  readonly algorithm?: "sha256" | "sha512";
  /** @defaultValue "hex" */
  readonly encoding?: "hex" | "base64";
  /** How far the time of signing may be from now, either way. @defaultValue "5m" */
  readonly tolerance?: Duration;
  readonly clock?: Clock;
}

/**
 * What holds where an option is left out. `tolerance` 5 m: what Stripe and Standard Webhooks advise; a provider signs
 * anew when it sends again.
 */
export const hmacDefaults: Required<Pick<HmacOptions, "algorithm" | "encoding" | "tolerance">> = {
  algorithm: "sha256",
  encoding: "hex",
  tolerance: "5m",
};

/** Shorter ones can be guessed. */
const shortestSecretBytes = 8;
/** More in one header are somebody trying. */
const signaturesAtMost = 10;

/**
 * Checks an HMAC over `prefix` and the body, in a time that tells nothing of the right one.
 *
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function hmacSignature(options: HmacOptions): Verify {
  assertKnownKeys("hmac", options, ["secrets", "parts", "clock", ...Object.keys(hmacDefaults)]);
  const { secrets, parts, clock = systemClock } = options;
  const { algorithm, encoding, tolerance } = { ...hmacDefaults, ...options };
  functionAt("hmac.parts", parts);
  oneOf("hmac.algorithm", algorithm, ["sha256", "sha512"]);
  oneOf("hmac.encoding", encoding, ["hex", "base64"]);
  const toleranceMs = durationMs("hmac.tolerance", tolerance);
  const keys = checkedSecrets(secrets);
  return ({ headers, body }) => {
    const found = parts(headers);
    if (found === undefined || found.signatures.length === 0) return "it has no signature";
    const { signatures, prefix = "", signedAtMs } = found;
    if (signatures.length > signaturesAtMost) return `it has ${signatures.length} signatures`;
    if (signedAtMs !== undefined) {
      const apartMs = Math.abs(clock.wallNow() - signedAtMs);
      if (!(apartMs <= toleranceMs)) return "its time of signing is missing or too far from now";
    }
    const given = signatures.map((each) => Buffer.from(each, encoding));
    let valid = false;
    // Every one is compared, so that the time says neither which secret nor which signature it was.
    for (const key of keys) {
      const expected = createHmac(algorithm, key).update(prefix).update(body).digest();
      for (const each of given) {
        if (each.length === expected.length && timingSafeEqual(each, expected)) valid = true;
      }
    }
    return valid ? undefined : "its signature is not the provider's";
  };
}

/** A header that came once. Two of one name are not one's own to choose from. */
export function singleHeader(headers: WebhookRequest["headers"], name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

function checkedSecrets(secrets: unknown): readonly (string | Uint8Array)[] {
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new TypeError("hmac.secrets must be a list with at least one secret");
  }
  return secrets.map((secret: unknown, index) => {
    const isSecret = typeof secret === "string" || secret instanceof Uint8Array;
    // Its value is not shown: it may be a secret all the same.
    if (!isSecret)
      throw new TypeError(`hmac.secrets[${index}] must be a string or bytes; got ${show(typeof secret)}`);
    if (Buffer.byteLength(secret) < shortestSecretBytes) {
      throw new RangeError(
        `hmac.secrets[${index}] must have at least ${shortestSecretBytes} bytes: is the setting missing?`,
      );
    }
    return secret;
  });
}
