import { X509Certificate } from "node:crypto";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import { assertKnownKeys, join, oneOf } from "@outrigger/core";
import { assertPlainObject } from "./plain-object.ts";

/** As in `node:tls`. There is no switch that turns verification off: name the authority in `ca` instead. */
export type TlsOptions = Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "passphrase" | "pfx" | "servername" | "minVersion"
>;

const known: readonly (keyof TlsOptions)[] = [
  "ca",
  "cert",
  "key",
  "passphrase",
  "pfx",
  "servername",
  "minVersion",
];

/** @throws TypeError or RangeError that names the option and, unless it may be a secret, the value. */
export function parseTls(path: string, options: TlsOptions): TlsOptions {
  assertPlainObject(path, options, "a plain object", "{ ca: … } or { key: …, cert: … }");
  assertKnownKeys(path, options, known);
  for (const key of ["passphrase", "servername"] as const) {
    const value: unknown = options[key];
    if (value === undefined || (typeof value === "string" && value !== "")) continue;
    throw new TypeError(`${join(path, key)} must be a non-empty string`);
  }
  if (options.minVersion !== undefined) {
    oneOf(join(path, "minVersion"), options.minVersion, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]);
  }
  assertAuthorities(join(path, "ca"), options.ca);
  try {
    // Node reads keys and certificates here; without this a wrong one would fail every single connection.
    createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace('"options.', `"${path}.`) : String(cause);
    throw new TypeError(`${path} cannot be used: ${why}`, { cause });
  }
  return options;
}

/** Node passes over an authority that it cannot read, and then trusts nobody. */
function assertAuthorities(path: string, ca: TlsOptions["ca"]): void {
  if (ca === undefined) return;
  try {
    for (const each of [ca].flat()) new X509Certificate(each);
  } catch (cause) {
    throw new TypeError(`${path} must be certificates in PEM, the text itself and not a file's name`, {
      cause,
    });
  }
}

/** What another host may be met with: whom we trust, and nothing that says who we are. */
export function withoutIdentity({ ca, minVersion }: TlsOptions): TlsOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(minVersion === undefined ? {} : { minVersion }),
  };
}
