import type { Duplex } from "node:stream";
import { type buildConnector, Client } from "undici";
import { causeOf, codeOf } from "../classify/connection-error.ts";
import { ConnectError, proxyFailed } from "./connect-error.ts";
import type { HttpProxy } from "./proxy.ts";

export interface Pending {
  /** Gives the attempt up. Its callback is not called, or not for anything that matters any more. */
  destroy(): void;
}

/**
 * Asks a proxy for a tunnel to `authority`, with undici's own client for the one request that this takes.
 *
 * Every failure until the tunnel stands is the proxy's and has had no effect: the service has not seen a byte.
 *
 * @param authority - Host and port of the service.
 */
export function openTunnel(
  proxy: HttpProxy,
  authority: string,
  connect: buildConnector.connector,
  done: (error: ConnectError | null, tunnel: Duplex | undefined) => void,
): Pending {
  // The connect timeout is kept by the caller, who destroys what is pending.
  const client = new Client(proxy.url, { connect, allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  const over = (): void => void client.destroy().catch(() => {});
  const headers = Object.fromEntries(pairs(["host", authority, ...proxy.headers]));
  client.connect({ path: authority, headers }, (error, answer) => {
    if (error !== null) {
      over();
      done(asConnectError(proxy, error), undefined);
      return;
    }
    const { statusCode, socket } = answer;
    if (statusCode < 200 || statusCode > 299) {
      socket.on("error", () => {}).destroy();
      over();
      done(refusal(proxy, statusCode), undefined);
      return;
    }
    // The socket has left the client, which has nothing more to do.
    over();
    done(null, socket);
  });
  return { destroy: over };
}

function asConnectError(proxy: HttpProxy, error: Error): ConnectError {
  if (error instanceof ConnectError) return error;
  return proxyFailed(proxy.label, `gave no tunnel (${codeOf(error) ?? error.name})`, true, causeOf(error));
}

/** A proxy that says 4xx will say it again, unless it only asks for patience. */
function refusal(proxy: HttpProxy, status: number): ConnectError {
  const why = status === 407 ? "wants other credentials (407)" : `refused the tunnel (${status})`;
  return proxyFailed(proxy.label, why, status >= 500 || status === 408 || status === 429);
}

function* pairs(flat: readonly string[]): Generator<[string, string]> {
  for (let at = 0; at + 1 < flat.length; at += 2) yield [flat[at] ?? "", flat[at + 1] ?? ""];
}
