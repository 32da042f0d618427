import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface ReceivedBody {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Answer = (request: ReceivedBody, response: ServerResponse, nth: number) => void;

export interface BodyServer {
  readonly url: string;
  /** Requests whose body came to its end. */
  readonly received: ReceivedBody[];
  /** Requests whose head came. */
  readonly begun: () => number;
}

/** A server that reads bodies of every form, chunked ones included. Gone when the test ends. */
export async function bodyServer(
  answer: Answer = (_request, response) => void response.end("{}"),
  /** Before the body is read; true takes the request over. */
  early?: (request: IncomingMessage, response: ServerResponse, nth: number) => boolean,
): Promise<BodyServer> {
  const received: ReceivedBody[] = [];
  let begun = 0;
  const server = createServer((request, response) => {
    begun += 1;
    const nth = begun;
    request.on("error", () => {});
    if (early?.(request, response, nth) === true) return;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const got = { method, url, headers, body: Buffer.concat(chunks) };
      received.push(got);
      answer(got, response, nth);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, received, begun: () => begun };
}
