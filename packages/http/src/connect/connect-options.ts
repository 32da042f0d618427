import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { assertKnownKeys, type Clock, type Duration, durationMs, functionAt, join } from "@outrigger/core";
import { assertPlainObject } from "../options/plain-object.ts";
import type { TlsOptions } from "../options/tls.ts";
import { type HttpProxy, proxyFor } from "./proxy.ts";
import { isPublicAddress } from "./public-address.ts";

export interface DnsOptions {
  /** Resolves names, as `dns.lookup` does; asked for every new connection. @defaultValue the system's */
  readonly lookup?: LookupFunction | undefined;
  /**
   * How long open connections to an address may be used after it has left DNS; then they are closed when their
   * request is over. `false` keeps them. @defaultValue "60s"
   */
  readonly follow?: Duration | false | undefined;
}

export interface ConnectOptions {
  /**
   * The service is on the public internet: no connection is made to a private, local or metadata address, whatever
   * DNS says. Decided on the address that is connected to. @defaultValue false
   */
  readonly public?: boolean | undefined;
  /**
   * A proxy to go through, `http://` or `https://`, with its user and password if it wants them. `"environment"`
   * reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals or not, when the integration is made.
   *
   * @defaultValue false
   */
  readonly proxy?: "environment" | (string & {}) | false | undefined;
  readonly dns?: DnsOptions | undefined;
}

/**
 * What holds where an option is left out.
 *
 * - `dns.follow` 60 s: the usual lifetime of a record of a load balancer; four questions are asked within it, so that
 *   a provider which answers with a part of its addresses at a time loses no connection for it.
 * - `proxy` false and `public` false: where requests go is written down in the description or nowhere.
 */
export const connectDefaults: {
  readonly public: boolean;
  readonly proxy: false;
  readonly dns: { readonly follow: Duration };
} = { public: false, proxy: false, dns: { follow: "60s" } };

export interface ConnectSettings {
  /** Of the service: scheme, host and port. */
  readonly origin: string;
  readonly tls: TlsOptions;
  readonly allowH2: boolean;
  readonly publicOnly: boolean;
  readonly proxy: HttpProxy | undefined;
  readonly lookup: LookupFunction;
  readonly followMs: number | undefined;
  /** How long one address of several is tried before the next. */
  readonly attemptMs: number;
  readonly clock: Clock;
}

export interface ConnectSurroundings {
  /** The option that `origin` comes from, for messages. @defaultValue "baseUrl" */
  readonly path?: string | undefined;
  readonly origin: string;
  readonly tls: TlsOptions;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly allowH2?: boolean | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** @throws RangeError or TypeError that names the option and the fix, and never shows a password. */
export function parseConnect(options: ConnectOptions, around: ConnectSurroundings): ConnectSettings {
  const { origin, tls, connectMs, clock, allowH2 = false, environment = process.env } = around;
  const publicOnly = options.public ?? connectDefaults.public;
  if (typeof publicOnly !== "boolean") throw new TypeError("public must be true or false");
  const proxy = proxyFor("proxy", options.proxy ?? connectDefaults.proxy, new URL(origin), environment);
  if (publicOnly) assertCanBePublic(around.path ?? "baseUrl", origin, proxy);
  return {
    origin,
    tls,
    allowH2,
    publicOnly,
    proxy,
    ...parseDns("dns", options.dns ?? {}),
    attemptMs: attemptMsOf(connectMs),
    clock,
  };
}

function parseDns(path: string, dns: DnsOptions): Pick<ConnectSettings, "lookup" | "followMs"> {
  assertPlainObject(path, dns, "a plain object", '{ follow: "60s" }');
  assertKnownKeys(path, dns, ["lookup", "follow"]);
  if (dns.lookup !== undefined) functionAt(join(path, "lookup"), dns.lookup);
  const follow = dns.follow ?? connectDefaults.dns.follow;
  return {
    lookup: dns.lookup ?? (systemLookup as LookupFunction),
    followMs: follow === false ? undefined : durationMs(join(path, "follow"), follow),
  };
}

/**
 * Half a second, or less when several have to fit into the connect timeout.
 *
 * Node gives up one address before it tries the next, where RFC 8305 lets both run, 250 ms apart; so this is longer:
 * a live address on another continent answers within it.
 */
function attemptMsOf(connectMs: number): number {
  return Math.max(10, Math.min(500, Math.floor(connectMs / 4)));
}

function assertCanBePublic(path: string, origin: string, proxy: HttpProxy | undefined): void {
  const host = new URL(origin).hostname.replace(/^\[(.*)\]$/, "$1");
  if ((isIP(host) !== 0 && !isPublicAddress(host)) || /(?:^|\.)localhost\.?$/.test(host)) {
    throw new RangeError(
      `public is true, but the host of ${path}, ${host}, is not public: remove one of them`,
    );
  }
  if (proxy !== undefined) {
    throw new RangeError(
      `public is true, but connections go through the proxy ${proxy.label}, which looks names up itself: ` +
        "remove one of them and let the proxy refuse private addresses",
    );
  }
}

/** Whether a proxy hears each request in plain text and passes it on; with TLS it only makes a tunnel. */
export function isForwarded({ proxy, origin }: ConnectSettings): boolean {
  return proxy !== undefined && !origin.startsWith("https:");
}
