import type { ConnectionOptions } from "node:tls";
import { assertKnownKeys } from "@outrigger/core";

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

/** @throws TypeError that names the option. */
export function parseTls(path: string, options: TlsOptions): TlsOptions {
  assertKnownKeys(path, options, known);
  return options;
}
