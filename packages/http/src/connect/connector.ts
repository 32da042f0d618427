import { isIP, type Socket } from "node:net";
import { buildConnector } from "undici";
import { codeOf, verdictOfConnectError } from "../classify/connection-error.ts";
import { AddressBook } from "./address-book.ts";
import { type ConnectError, proxyFailed } from "./connect-error.ts";
import { type ConnectSettings, isForwarded } from "./connect-options.ts";
import type { HttpProxy } from "./proxy.ts";
import { bareHost, type Connect, connectPublic, resolvePublic } from "./public-only.ts";
import { lookupFrom, type Resolve, resolveWith } from "./resolve.ts";
import { openTunnel } from "./tunnel.ts";

/** Makes the connections of one integration, and knows which of them may still be used. */
export interface Connector {
  /** For undici's `connect` option. Bound by nothing but its caller, who destroys what takes too long. */
  readonly connect: Connect;
  /** False once the address at the other end has left DNS. */
  mayReuse(socket: Socket): boolean;
  /** What a proxy that forwards plain HTTP needs in each request; undefined when there is none. */
  readonly forward: Forward | undefined;
}

export interface Forward {
  /** Stands in front of every request's target: a proxy is told the whole URL. */
  readonly prefix: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/**
 * One connector serves all connections of an integration, and with them goes its cache of TLS sessions: from the
 * second connection on a handshake is resumed.
 */
export function createConnector(settings: ConnectSettings): Connector {
  const { proxy, publicOnly, origin } = settings;
  const first = proxy?.url ?? new URL(origin);
  const hostname = bareHost(first.hostname);
  const ask = resolveWith(settings.lookup);
  const book =
    settings.followMs === undefined || isIP(hostname) !== 0
      ? undefined
      : new AddressBook(hostname, ask, settings.followMs, settings.clock);
  const resolve = publicOnly ? resolvePublic(noting(ask, book)) : noting(ask, book);
  const common = {
    timeout: 0,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: settings.attemptMs,
    lookup: lookupFrom(resolve),
  };
  const toService = buildConnector({ ...settings.tls, ...common, allowH2: settings.allowH2 });
  const direct = publicOnly ? connectPublic(asPending(toService)) : asPending(toService);
  return {
    connect:
      proxy === undefined
        ? direct
        : throughProxy(proxy, origin, buildConnector({ ...common, allowH2: false }), direct),
    mayReuse: ({ remoteAddress }) =>
      book === undefined || remoteAddress === undefined || book.isCurrent(remoteAddress),
    forward:
      proxy === undefined || !isForwarded(settings) ? undefined : { prefix: origin, headers: proxy.headers },
  };
}

/** undici's connector returns the socket that it connects, which its types do not say. */
function asPending(connect: buildConnector.connector): Connect {
  return connect as unknown as Connect;
}

function noting(resolve: Resolve, book: AddressBook | undefined): Resolve {
  if (book === undefined) return resolve;
  return (hostname, done, options) =>
    resolve(
      hostname,
      (error, addresses) => {
        if (error === null) book.note(addresses);
        done(error, addresses);
      },
      options,
    );
}

/** Plain HTTP goes to the proxy, which is told the whole URL; TLS goes through a tunnel that the proxy opens. */
function throughProxy(
  proxy: HttpProxy,
  origin: string,
  toProxy: buildConnector.connector,
  toService: Connect,
): Connect {
  const reach: Connect = (_options, callback) => {
    const { hostname, port, protocol } = proxy.url;
    const options = { hostname: bareHost(hostname), host: proxy.url.host, port, protocol };
    return asPending(toProxy)(options, (error, socket) => {
      if (error === null) callback(null, socket);
      else callback(unreachable(proxy, error), null);
    });
  };
  if (!origin.startsWith("https:")) return reach;
  const { hostname, port } = new URL(origin);
  return (options, callback) => {
    let pending = openTunnel(proxy, `${hostname}:${port || "443"}`, reach, (error, tunnel) => {
      if (error === null) pending = toService({ ...options, httpSocket: tunnel as Socket }, callback);
      else callback(error, null);
    });
    return { destroy: () => pending.destroy() };
  };
}

function unreachable(proxy: HttpProxy, error: Error): ConnectError {
  const { transient } = verdictOfConnectError(error, proxy.label);
  return proxyFailed(proxy.label, `was not reached (${codeOf(error) ?? error.name})`, transient, error);
}
