import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * What happens to the next COMMIT: its answer is swallowed and the connection ends; or it never reaches the
 * server, whose session is ended at once, or only when {@link CommitProxy.release} is called; or it arrives only then; or
 * everything falls silent with it.
 */
export type CommitFate =
  | "swallowAnswer"
  | "neverArrives"
  | "neverArrivesAndHangs"
  | "arrivesLate"
  | "fallSilent";

/** Stands between a driver and PostgreSQL, and can leave a driver in doubt about its commit. */
export class CommitProxy {
  #fates: CommitFate[] = [];
  /** While true every connection is refused, and the open ones are ended. */
  #down = false;
  /** While true nothing is passed on any more, in either direction; connections stay open, and new ones are taken. */
  silent = false;
  readonly #hanging: Socket[] = [];
  #late: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #target: URL;
  readonly #isCommit: (chunk: Buffer) => boolean;

  /** @param isCommit - Whether what a client sends makes something durable. */
  constructor(databaseUrl: string, isCommit: (chunk: Buffer) => boolean = isPostgresCommit) {
    this.#target = new URL(databaseUrl);
    this.#isCommit = isCommit;
    this.#server = createServer((client) => this.#serve(client));
  }

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as AddressInfo).port);
    url.hostname = "127.0.0.1";
    return url.href;
  }

  /** Says what happens to the next commits, in this order. */
  next(...fates: CommitFate[]): void {
    this.#fates.push(...fates);
  }

  get allMet(): boolean {
    return this.#fates.length === 0;
  }

  set down(down: boolean) {
    this.#down = down;
    if (down) for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends the sessions that were left hanging at the server, and lets arrive what is late. */
  release(): void {
    for (const arrive of this.#late.splice(0)) arrive();
    for (const socket of this.#hanging.splice(0)) socket.destroy();
  }

  async stop(): Promise<void> {
    this.release();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket): void {
    if (this.#down) {
      client.destroy();
      return;
    }
    const server = connect(Number(this.#target.port || 5432), this.#target.hostname);
    let swallowing = false;
    let detached = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    client.on("close", () => {
      if (!detached) server.destroy();
    });
    server.on("close", () => client.destroy());
    client.on("data", (chunk) => {
      if (this.silent) return;
      const fate = this.#isCommit(chunk) ? this.#fates.shift() : undefined;
      if (fate === "fallSilent") {
        this.silent = true;
        return;
      }
      if (fate === undefined || fate === "swallowAnswer") {
        swallowing = fate !== undefined;
        server.write(chunk);
        return;
      }
      detached = fate !== "neverArrives";
      if (fate === "neverArrivesAndHangs") this.#hanging.push(server);
      if (fate === "arrivesLate") this.#late.push(() => server.end(chunk));
      client.destroy();
    });
    server.on("data", (chunk) => {
      if (this.silent) return;
      if (swallowing) client.destroy();
      else client.write(chunk);
    });
  }
}

/** A simple query is "Q", its length, its text and a zero; the text may hold several statements. */
export function isPostgresCommit(chunk: Buffer): boolean {
  const text = chunk.toString("latin1");
  // By itself, or the last of the statements that one packet brings.
  return (chunk[0] === 0x51 && text.endsWith("commit\0")) || text.includes("\0commit\0");
}
