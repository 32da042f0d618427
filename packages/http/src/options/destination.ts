import { assertKnownKeys, integerIn, join, show } from "@outrigger/core";
import type { BaseUrl } from "./base-url.ts";

/** Where requests may go. */
export interface Allowed {
  /** @defaultValue both */
  readonly schemes?: readonly ("https" | "http")[] | undefined;
  /** The scheme's own port is 443 or 80. Range: integers 1 to 65535. @defaultValue every port but those of other protocols */
  readonly ports?: readonly number[] | undefined;
}

/**
 * Ports of other protocols, whose servers may act on the lines of an HTTP request. Those that people name as targets:
 * https://fetch.spec.whatwg.org/#port-blocking has more, among them some that HTTP services use.
 */
const portsOfOthers: ReadonlySet<number> = new Set([21, 22, 23, 25, 53, 110, 143, 465, 587, 993, 995, 6379]);

/**
 * Checks that a service is one that may be called, for descriptions that come out of a file and not out of the program.
 *
 * @throws RangeError that names the option and the fix.
 */
export function assertAllowed(
  path: string,
  { origin }: Pick<BaseUrl, "origin">,
  allowed: Allowed = {},
): void {
  assertKnownKeys("allowed", allowed, ["schemes", "ports"]);
  const schemes = listOf("allowed.schemes", allowed.schemes);
  for (const scheme of schemes ?? []) {
    if (scheme !== "https" && scheme !== "http")
      throw new RangeError(`allowed.schemes must hold "https", "http" or both; got ${show(scheme)}`);
  }
  const ports = listOf("allowed.ports", allowed.ports)?.map((port, at) =>
    integerIn(`${join("allowed", "ports")}[${at}]`, port, 1, 65_535),
  );
  const url = new URL(origin);
  const scheme = url.protocol.slice(0, -1);
  if (schemes !== undefined && !schemes.includes(scheme))
    throw new RangeError(
      `${path} must have one of the schemes ${schemes.join(", ")} (allowed); got ${scheme}`,
    );
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  if (ports !== undefined ? ports.includes(port) : port !== 0 && !portsOfOthers.has(port)) return;
  const fix =
    ports === undefined ? "list it in allowed.ports if it is meant" : "allowed.ports does not hold it";
  throw new RangeError(`${path} must not have the port ${port}: ${fix}`);
}

function listOf(path: string, list: unknown): unknown[] | undefined {
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || list.length === 0)
    throw new TypeError(`${path} must be an array that is not empty`);
  return list;
}
