import { isIP, type Socket } from "node:net";
import type { buildConnector } from "undici";
import { addressRefused } from "./connect-error.ts";
import { isPublicAddress } from "./public-address.ts";
import type { Resolve } from "./resolve.ts";
import type { Pending } from "./tunnel.ts";

export type Connect = (options: buildConnector.Options, callback: buildConnector.Callback) => Pending;

/** Refuses a name as soon as one of its addresses is not public: a public one beside it may be a decoy. */
export function resolvePublic(resolve: Resolve): Resolve {
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
export function connectPublic(connect: Connect): Connect {
  return (options, callback) => {
    const host = bareHost(options.hostname);
    if (isIP(host) !== 0 && !isPublicAddress(host)) {
      queueMicrotask(() => callback(addressRefused(host), null));
      return { destroy: () => {} };
    }
    return connect(options, (error, socket) => {
      // undici leaves the second argument out on an error, where its types promise null.
      if (error !== null) callback(error, null);
      else checkPeer(socket as Socket, callback);
    });
  };
}

function checkPeer(socket: Socket, callback: buildConnector.Callback): void {
  const { remoteAddress } = socket;
  if (remoteAddress !== undefined && isPublicAddress(remoteAddress)) {
    callback(null, socket);
    return;
  }
  socket.destroy();
  callback(addressRefused(remoteAddress ?? "an unknown address"), null);
}

/** Without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
