import { isIP, type Socket } from "node:net";
import { buildConnector } from "undici";
import { codeOf, verdictOfConnectError } from "../classify/connection-error.ts";
import { AddressBook } from "./address-book.ts";
import { addressRefused, type ConnectError, proxyFailed } from "./connect-error.ts";
import type { ConnectSettings } from "./connect-options.ts";
import type { HttpProxy } from "./proxy.ts";
import { isPublicAddress } from "./public-address.ts";
import { lookupFrom, type Resolve, resolveWith } from "./resolve.ts";
import { openTunnel, type Pending } from "./tunnel.ts";

/** Makes the connections of one integration, and knows which of them may still be used. */
export interface Connector {
  /** For undici's `connect` option. Bound by nothing but its caller, who destroys what takes too long. */
  connect(options: buildConnector.Options, callback: buildConnector.Callback): Pending;
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
  const hostname = bare(first.hostname);
  const ask = resolveWith(settings.lookup);
  const book =
    settings.followMs === undefined || isIP(hostname) !== 0
      ? undefined
      : new AddressBook(hostname, ask, settings.followMs, settings.clock);
  const resolve = publicOnly ? publicOnlyResolve(noting(ask, book)) : noting(ask, book);
  const common = {
    timeout: 0,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: settings.attemptMs,
    lookup: lookupFrom(resolve),
  };
  const toService = buildConnector({ ...settings.tls, ...common, allowH2: settings.allowH2 });
  const direct = publicOnly ? onlyPublic(toService) : asPending(toService);
  return {
    connect:
      proxy === undefined
        ? direct
        : throughProxy(proxy, origin, buildConnector({ ...common, allowH2: false }), direct),
    mayReuse: ({ remoteAddress }) =>
      book === undefined || remoteAddress === undefined || book.isCurrent(remoteAddress),
    forward:
      proxy === undefined || isTunneled(origin) ? undefined : { prefix: origin, headers: proxy.headers },
  };
}

type Connect = Connector["connect"];

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

/** Refuses a name as soon as one of its addresses is not public: a public one beside it may be a decoy. */
function publicOnlyResolve(resolve: Resolve): Resolve {
  return (hostname, done, options) =>
    resolve(
      hostname,
      (error, addresses) => {
        const hidden = addresses.find(({ address }) => !isPublicAddress(address));
        if (error === null && hidden !== undefined) done(addressRefused(hidden.address), []);
        else done(error, addresses);
      },
      options,
    );
}

/**
 * Node does not look up what is an address already, so that is checked before, and the address that was connected to
 * is checked after.
 */
function onlyPublic(toService: buildConnector.connector): Connect {
  const connect = asPending(toService);
  return (options, callback) => {
    const host = bare(options.hostname);
    if (isIP(host) !== 0 && !isPublicAddress(host)) {
      queueMicrotask(() => callback(addressRefused(host), null));
      return { destroy: () => {} };
    }
    return connect(options, (error, socket) => {
      const address = socket?.remoteAddress;
      if (error !== null || socket === null || (address !== undefined && isPublicAddress(address))) {
        // undici leaves the second argument out on an error, where its types promise null.
        if (error === null) callback(null, socket as Socket);
        else callback(error, null);
        return;
      }
      socket.destroy();
      callback(addressRefused(address ?? "an unknown address"), null);
    });
  };
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
    const options = { hostname: bare(hostname), host: proxy.url.host, port, protocol };
    return asPending(toProxy)(options, (error, socket) => {
      if (error === null) callback(null, socket);
      else callback(unreachable(proxy, error), null);
    });
  };
  if (!isTunneled(origin)) return reach;
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

function isTunneled(origin: string): boolean {
  return origin.startsWith("https:");
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
