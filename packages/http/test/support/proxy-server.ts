import { once } from "node:events";
import { createServer, request as forwardRequest, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** What a proxy was asked, in order: `CONNECT host:port` or the whole URL. */
export interface Asked {
  readonly line: string;
  readonly authorization: string | undefined;
}

/** What becomes of a request. Undefined: it is done. */
export type Answer = (socket: Duplex) => void;

/** A forward proxy on loopback: CONNECT and plain HTTP. */
export class ProxyServer {
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  /** Instead of opening the tunnel, or of passing a request on. */
  answer: Answer | undefined;

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      this.#note(incoming, incoming.url ?? "");
      if (this.answer !== undefined) return this.answer(outgoing.socket as Socket);
      const { "proxy-authorization": _kept, "proxy-connection": _also, ...headers } = incoming.headers;
      const forwarded = forwardRequest(incoming.url ?? "", { method: incoming.method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on("error", () => outgoing.writeHead(502).end());
      incoming.pipe(forwarded);
    });
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
    this.#server.on("connect", (incoming: IncomingMessage, socket: Duplex) => this.#tunnel(incoming, socket));
  }

  static async start(): Promise<ProxyServer> {
    const proxy = new ProxyServer();
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #tunnel(incoming: IncomingMessage, socket: Duplex): void {
    this.#note(incoming, `CONNECT ${incoming.url}`);
    if (this.answer !== undefined) {
      socket.on("end", () => socket.end()).resume();
      this.answer(socket);
      return;
    }
    const target = new URL(`http://${incoming.url}`);
    const upstream = connect(Number(target.port), target.hostname.replace(/^\[(.*)\]$/, "$1"));
    this.#keep(upstream);
    upstream.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #note(incoming: IncomingMessage, line: string): void {
    this.asked.push({ line, authorization: incoming.headers["proxy-authorization"] });
  }
}
