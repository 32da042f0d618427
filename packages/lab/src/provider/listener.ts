import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Longest wait for a port that was ours, and the pause between two tries, in milliseconds. */
const portPatienceMs = 30_000;
const portPauseMs = 50;

/**
 * A listening address on loopback that can be closed and opened again on the same port, and knows its
 * connections.
 */
export class Listener {
  readonly sockets: Set<Socket> = new Set();
  readonly #server: Server;
  #port: number;

  /** @param port - 0 lets the operating system choose, at the first opening. */
  constructor(port: number, onConnection: (socket: Socket) => void) {
    this.#port = port;
    // allowHalfOpen as node:http has it: it reads a caller's FIN itself.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
      onConnection(socket);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /**
   * Listens. A port that is taken is waited for: while ours was closed, somebody's outgoing connection may have
   * been given it.
   */
  async open(): Promise<void> {
    const giveUpAtMs = performance.now() + portPatienceMs;
    while (true) {
      try {
        this.#server.listen(this.#port, "127.0.0.1");
        await once(this.#server, "listening");
        break;
      } catch (error) {
        const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
        if (!taken || performance.now() > giveUpAtMs) throw error;
        await sleep(portPauseMs);
      }
    }
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** Refuses connections from now on and closes those that exist. Returns how many there were. */
  async close(): Promise<number> {
    const { size } = this.sockets;
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
    return size;
  }
}
