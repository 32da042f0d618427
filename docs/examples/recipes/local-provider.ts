import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as a provider sees it. */
export interface Asked {
  /** `POST /v1/payments/confirm` */
  readonly route: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Told {
  /** @defaultValue 200 */
  readonly status?: number;
  readonly json?: unknown;
  /** The connection is reset instead, after all that the route has done. */
  readonly lost?: boolean;
}

export interface LocalProvider {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** How often a route was asked. */
  count(route: string): number;
}

/** A small server that answers in a provider's shapes. Gone when the test ends. */
export async function localProvider(answer: (asked: Asked) => Told): Promise<LocalProvider> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://local");
    const one: Asked = {
      route: `${request.method} ${pathname}`,
      query: searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    asked.push(one);
    const { status = 200, json = {}, lost = false } = answer(one);
    if (lost) request.socket.resetAndDestroy();
    else response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    count: (route) => asked.filter((each) => each.route === route).length,
  };
}

/** Answers from the list, one after the other; the last one stays. */
export function inTurn<T>(first: T, ...then: readonly T[]): () => T {
  const left = [first, ...then];
  return () => (left.length > 1 ? (left.shift() as T) : (left[0] as T));
}
