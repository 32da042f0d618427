import { Socket } from "node:net";
import type { Clock, Random, Timer } from "@outrigger/core";
import { type buildConnector, Client, type Dispatcher, errors } from "undici";
import type { Connector, Forward } from "../connect/connector.ts";
import { skipContinue } from "./skip-continue.ts";

export interface ConnectionSettings {
  readonly origin: string;
  /** Shared by all connections, and with it the cache of TLS sessions. */
  readonly connector: Connector;
  readonly connectMs: number;
  /** How long an idle connection is kept when the server gives no hint. */
  readonly keepAliveMs: number;
  /** Upper bound on what a hint may ask for. */
  readonly keepAliveMaxMs: number;
  /** The longest that a connection serves; each is given a life a little shorter, so that they do not end together. */
  readonly maxLifetimeMs: number;
  /** Offer HTTP/2 to a server behind TLS. */
  readonly http2: boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** How a connection was made. */
export interface Handshake {
  /** DNS, TCP and TLS together. */
  readonly durationMs: number;
  /** TLS alone; undefined where there is none, or where a proxy stands between. */
  readonly tlsMs: number | undefined;
  readonly protocol: "h1" | "h2";
}

export interface ConnectionListener {
  opened(connection: Connection, tookMs: number): void;
  /** The connection could not be made; the request that waited for it, if any, has been told. */
  failed(connection: Connection, error: unknown, tookMs: number): void;
  closed(connection: Connection, error: unknown): void;
}

/**
 * Subtracted from the server's hint, for the time that a request needs to get there. Small, so that a server that
 * says `timeout=1` still has its connections reused; undici's own 2 s silently turn pooling off for 1 and 2.
 */
const hintMarginMs = 500;

/**
 * Requests that share an HTTP/2 connection at a time. What servers allow by their own account is mostly this, too; to one
 * that allows fewer, the surplus waits in the client, and is bounded by the wait for a connection all the same.
 */
const maxStreams = 100;

/** Connections live from this share of `maxLifetimeMs` to all of it. */
const leastLifetimeRatio = 0.9;

/**
 * One connection: an undici `Client`, which parses, writes, follows the Keep-Alive hint and closes when idle.
 *
 * A client opens its connection with the first request, and again when the server closed it before the next one
 * was written, so one `Connection` may live on several sockets; `served` counts on the present one.
 */
export class Connection {
  readonly #client: Client;
  readonly #settings: ConnectionSettings;
  readonly #listener: ConnectionListener;
  #socket: Socket | undefined;
  #served = 0;
  /** Set while a socket is being connected: gives it up without telling undici. */
  #stopConnecting: (() => void) | undefined;
  #connectError: unknown;
  #handshake: Handshake | undefined;
  #endsAtMs = Number.POSITIVE_INFINITY;
  #streams: number;
  #awaitsHead = false;
  /** Attempts that hold it now. Kept by the pool. */
  leases = 0;
  #open = false;
  #retired = false;
  #idleSinceMs = 0;

  /** @param expected - What the server is known to speak; its answer to the handshake decides. */
  constructor(settings: ConnectionSettings, listener: ConnectionListener, expected?: "h2") {
    this.#streams = expected === "h2" ? maxStreams : 1;
    this.#settings = settings;
    this.#listener = listener;
    this.#client = new Client(settings.origin, {
      connect: this.#connect,
      pipelining: 1,
      allowH2: settings.http2,
      // Both are ours: undici's timers are late by up to half a second.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: settings.keepAliveMs,
      keepAliveMaxTimeout: settings.keepAliveMaxMs,
      keepAliveTimeoutThreshold: hintMarginMs,
    });
    this.#client.on("disconnect", (_origin, _targets, error) => this.#onDisconnect(error));
  }

  /** The socket that a request would be written to now. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Requests written to the present socket. */
  get served(): number {
    return this.#served;
  }

  /** Whether a socket is connected that can serve another request: it is not known to be dying, and not retired. */
  get open(): boolean {
    return this.#open && !this.#retired && this.#socket?.destroyed === false;
  }

  /** Whether the host still answers at the other end's address. */
  get current(): boolean {
    return this.#socket === undefined || this.#settings.connector.mayReuse(this.#socket);
  }

  get connecting(): boolean {
    return this.#stopConnecting !== undefined;
  }

  /** Why the last attempt to connect failed; undefined when it did not. */
  get connectError(): unknown {
    return this.#connectError;
  }

  /** How the present socket was connected. */
  get handshake(): Handshake | undefined {
    return this.#handshake;
  }

  /** Requests are streams of it, and several run at a time. */
  get isShared(): boolean {
    return this.#handshake?.protocol === "h2";
  }

  /** Whether another request can be put on it, as far as the number of those that it has is concerned. */
  get hasRoom(): boolean {
    return this.leases < this.#streams;
  }

  /** Whether it may go on serving: it is not too old, and its host still answers at this address. */
  get isFit(): boolean {
    return this.current && this.#settings.clock.now() < this.#endsAtMs;
  }

  /** How long ago the last lease ended. */
  get idleMs(): number {
    return this.#settings.clock.now() - this.#idleSinceMs;
  }

  /** Says that no request may follow the present one, so that the pool closes the connection when it is given back. */
  retire(): void {
    this.#retired = true;
  }

  rest(): void {
    this.#idleSinceMs = this.#settings.clock.now();
  }

  /** Called at the moment a request is about to be written. */
  countRequest(): void {
    this.#served += 1;
    this.#awaitsHead = true;
  }

  /** The head of the answer has come; what follows is its body. */
  headArrived(): void {
    this.#awaitsHead = false;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const { forward } = this.#settings.connector;
    this.#client.dispatch(forward === undefined ? options : forwarded(options, forward), handler);
  }

  /** Closes the socket, also one that is still connecting. Doing it twice does nothing. */
  async destroy(reason: Error): Promise<void> {
    this.#stopConnecting?.();
    await this.#client.destroy(reason);
  }

  readonly #connect = (options: buildConnector.Options, callback: buildConnector.Callback): void => {
    const { clock, connectMs, connector, maxLifetimeMs, random } = this.#settings;
    const sinceMs = clock.now();
    this.#connectError = undefined;
    let timer: Timer | undefined;
    let settled = false;
    let reachedAtMs: number | undefined;
    const settle = (error: Error | null, socket?: Socket | null): void => {
      if (settled) return;
      settled = true;
      timer?.cancel();
      this.#stopConnecting = undefined;
      const nowMs = clock.now();
      // On an error undici leaves the second argument out, where its types promise null.
      if (error === null && socket != null && !socket.destroyed) {
        this.#socket = socket;
        this.#served = 0;
        this.#open = true;
        const isTls = "alpnProtocol" in socket;
        this.#handshake = {
          durationMs: nowMs - sinceMs,
          tlsMs: isTls && reachedAtMs !== undefined ? nowMs - reachedAtMs : undefined,
          protocol: isTls && socket.alpnProtocol === "h2" ? "h2" : "h1",
        };
        if (!this.isShared) skipContinue(socket, () => this.#awaitsHead);
        this.#endsAtMs = nowMs + maxLifetimeMs * (1 - (1 - leastLifetimeRatio) * random());
        this.#streams = this.#handshake.protocol === "h2" ? maxStreams : 1;
        // Over HTTP/2 it says only how many may still run elsewhere when the client connects anew after a GOAWAY.
        if (this.#settings.http2) this.#client.pipelining = this.#streams;
        this.#listener.opened(this, this.#handshake.durationMs);
        callback(null, socket);
        return;
      }
      const failure = error ?? new Error("the connection ended as soon as it was made");
      this.#connectError = failure;
      callback(failure, null);
      this.#listener.failed(this, failure, nowMs - sinceMs);
    };
    // Destroyed when it takes too long: otherwise the attempt would go on until the kernel gives up.
    const pending = connector.connect(options, (error, socket) => settle(error, socket));
    if (pending instanceof Socket) {
      pending.once("connect", () => {
        reachedAtMs = clock.now();
      });
    }
    if (settled) return;
    this.#stopConnecting = () => {
      settled = true;
      this.#stopConnecting = undefined;
      timer?.cancel();
      pending.destroy();
    };
    timer = clock.setTimer(connectMs, () => {
      pending.destroy();
      settle(new errors.ConnectTimeoutError(`no connection within ${connectMs} ms`));
    });
  };

  #onDisconnect(error: unknown): void {
    this.#open = false;
    this.#listener.closed(this, error);
    this.#socket = undefined;
    this.#handshake = undefined;
  }
}

/** A request as a proxy wants it that forwards plain HTTP: the whole URL as its target. */
function forwarded(options: Dispatcher.DispatchOptions, forward: Forward): Dispatcher.DispatchOptions {
  const headers = [...((options.headers ?? []) as readonly string[]), ...forward.headers];
  return { ...options, path: `${forward.prefix}${options.path}`, headers };
}
