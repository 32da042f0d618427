import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, TLSSocket } from "node:tls";

/** A request as it arrived, byte for byte, on the server's side. */
export interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Number of the connection that brought it, from 1. */
  readonly connection: number;
  /** Number of the request on that connection, from 1. */
  readonly nth: number;
}

/** The server's end of a connection, with the ways to misbehave. */
export interface Peer {
  readonly socket: Socket;
  /** A whole answer. */
  reply(status: number, body?: string, headers?: Readonly<Record<string, string>>): void;
  /** Bytes as they are. */
  raw(bytes: string): void;
  fin(): void;
  rst(): void;
}

export type Behaviour = (request: Received, peer: Peer) => void | Promise<void>;

/** What becomes of a connection before a request came. */
export type Greeting = (peer: Peer) => void;

export interface WireOptions {
  readonly host?: string;
  readonly port?: number;
  /** Speaks TLS. */
  readonly tls?: SecureContextOptions;
}

/** A server on a real socket that does what it is told with every request, and remembers what it received. */
export class WireServer {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #behaviour: Behaviour;
  /** Asked for every connection that is made. */
  greet: Greeting | undefined;
  connections = 0;

  private constructor(behaviour: Behaviour, tls: SecureContextOptions | undefined) {
    this.#behaviour = behaviour;
    const secureContext = tls === undefined ? undefined : createSecureContext(tls);
    this.#server = createServer((raw) => {
      // By hand, because a reset needs the socket below the encryption.
      const socket =
        secureContext === undefined ? raw : new TLSSocket(raw, { isServer: true, secureContext });
      raw.on("error", () => {});
      this.#serve(socket, raw);
    });
  }

  static async start(
    behaviour: Behaviour,
    { host = "127.0.0.1", port = 0, tls }: WireOptions = {},
  ): Promise<WireServer> {
    const server = new WireServer(behaviour, tls);
    server.#server.listen(port, host);
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server does not listen");
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that are open on the server's side. */
  get open(): number {
    return this.#sockets.size;
  }

  /** From the next request on. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  /** Refuses new connections; those that are open stay. */
  async refuse(): Promise<void> {
    this.#server.close();
    // The port is free once the kernel has been told, which the loop does before its next turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: Socket, raw: Socket): void {
    this.connections += 1;
    const connection = this.connections;
    let nth = 0;
    let buffered = "";
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    this.greet?.(peerOf(socket, raw));
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      buffered += chunk;
      for (let parsed = parse(buffered); parsed !== undefined; parsed = parse(buffered)) {
        buffered = buffered.slice(parsed.length);
        nth += 1;
        const request: Received = { ...parsed.request, connection, nth };
        this.received.push(request);
        void this.#behaviour(request, peerOf(socket, raw));
      }
    });
  }
}

/** Answers with what it was sent, as JSON. */
export const echo: Behaviour = (request, peer) => {
  peer.reply(200, JSON.stringify({ method: request.method, target: request.target, body: request.body }));
};

function peerOf(socket: Socket, raw: Socket): Peer {
  return {
    socket,
    reply(status, body = "", headers = {}) {
      const lines = Object.entries({
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
        ...headers,
      }).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n${body}`);
    },
    raw: (bytes) => void socket.write(bytes, "latin1"),
    fin: () => void socket.end(),
    rst: () => void raw.resetAndDestroy(),
  };
}

function parse(text: string): { request: Omit<Received, "connection" | "nth">; length: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const [start = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const [method = "", target = ""] = start.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const length = headEnd + 4 + Number(headers["content-length"] ?? 0);
  if (text.length < length) return undefined;
  return { request: { method, target, headers, body: text.slice(headEnd + 4, length) }, length };
}
