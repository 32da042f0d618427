import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { certificate, privateKey } from "./certificate.ts";

export interface TlsServer {
  readonly port: number;
  /** Whether each handshake was resumed, in order. */
  readonly resumed: readonly boolean[];
  readonly requests: readonly { readonly line: string; readonly headers: IncomingHttpHeaders }[];
  readonly stop: () => Promise<void>;
}

/** An HTTPS server that answers `{}`. Gone when the test ends. */
export async function startTls(
  options: { cert?: string; key?: string; host?: string; headers?: Record<string, string> } = {},
): Promise<TlsServer> {
  const { cert = certificate, key = privateKey, host = "127.0.0.1", headers = {} } = options;
  const requests: { line: string; headers: IncomingHttpHeaders }[] = [];
  const resumed: boolean[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    request.resume();
    response.writeHead(200, headers).end("{}");
  });
  server.on("secureConnection", (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
  server.listen(0, host);
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
  onTestFinished(stop);
  return { port: (server.address() as AddressInfo).port, resumed, requests, stop };
}
