import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What the server does with one request. */
export type Answer = (response: ServerResponse, request: Arrived) => void | Promise<void>;

/** A small service on a real socket, that counts what came over the wire and answers as it is told. */
export class Provider {
  readonly arrived: Arrived[] = [];
  /** Requests whose client went away before it had the whole answer. */
  abandoned = 0;
  /** Connections that were ever made. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #answers: Answer[] = [];

  private constructor() {
    this.#server = createServer(async (request, response) => {
      response.once("close", () => {
        if (!response.writableFinished) this.abandoned += 1;
      });
      const chunks: Buffer[] = [];
      request.on("error", () => {});
      for await (const chunk of request) chunks.push(chunk);
      const { method = "", url = "", headers } = request;
      const arrived = { method, target: url, headers, body: Buffer.concat(chunks) };
      this.arrived.push(arrived);
      const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
      await answer?.(response, arrived);
    });
    this.#server.on("connection", (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** One request each, in order; the last answers all that follow. */
  answer(...answers: readonly Answer[]): void {
    this.#answers = [...answers];
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, "close");
  }
}

/** @param headers - In place of those that JSON has. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return text(status, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers });
    response.end(body);
  };
}

/** Never answers. */
export const silent: Answer = () => {};

/** Resets the connection after the whole request was read: the service may have acted. */
export const reset: Answer = (response) => {
  response.socket?.resetAndDestroy();
};

/** Sends the head and the first half of an answer, and then nothing more. */
export const stalled: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": 20 });
  response.write('{"half":tr');
};
