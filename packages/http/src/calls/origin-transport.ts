import { codeOf } from "../classify/connection-error.ts";
import type { ConnectSettings } from "../connect/connect-options.ts";
import { createConnector } from "../connect/connector.ts";
import type { HttpEvent } from "../events.ts";
import type { Settings } from "../options/options.ts";
import { ConnectionPool } from "../pool/connection-pool.ts";
import { transport } from "../transport/transport.ts";
import type { Send } from "./send.ts";

/** The connections of an integration, and what sends one attempt over them. */
export interface OriginTransport {
  readonly pool: ConnectionPool;
  readonly send: Send;
}

export function originTransport(
  settings: Settings,
  { origin, connect }: { readonly origin: string; readonly connect: ConnectSettings },
  emit: ((event: HttpEvent) => void) | undefined,
): OriginTransport {
  const { clock, name, pool: poolOptions, random, timeout } = settings;
  const pool = new ConnectionPool(
    {
      ...poolOptions,
      origin,
      connector: createConnector(connect),
      connectMs: timeout.connectMs,
      clock,
      random,
    },
    {
      opened: ({ handshake, isShared }, durationMs) =>
        emit?.({
          type: "connectionOpened",
          integration: name,
          durationMs,
          tlsMs: handshake?.tlsMs,
          protocol: isShared ? "HTTP/2" : "HTTP/1.1",
        }),
      failed: (_connection, error, durationMs) =>
        emit?.({ type: "connectionFailed", integration: name, code: codeOf(error) ?? "UNKNOWN", durationMs }),
      closed: ({ served }, error) =>
        emit?.({ type: "connectionClosed", integration: name, served, code: codeOf(error) }),
    },
  );
  const send = transport({
    integration: name,
    peer: hostAndPort(origin),
    pool,
    acquireMs: poolOptions.acquireMs,
    leakMs: poolOptions.leakMs,
    emit,
  });
  return { pool, send };
}

function hostAndPort(origin: string): string {
  const { hostname, port, protocol } = new URL(origin);
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}
