import { Connection, type ConnectionListener, type ConnectionSettings } from "./connection.ts";
import { type Place, WaiterQueue } from "./waiters.ts";

export interface PoolSnapshot {
  /** The most connections there may be. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Calls that hold a connection now, connecting ones included; over HTTP/2 several calls hold the same one. */
  readonly inUse: number;
  /** Calls that wait for a connection now. */
  readonly waiting: number;
  readonly opened: number;
  readonly closed: number;
  /** Requests sent on a connection that had served one before. */
  readonly reused: number;
  readonly connectFailures: number;
  readonly acquireTimeouts: number;
  /** Calls turned away because `maxWaiting` were waiting already. */
  readonly rejected: number;
  readonly staleResends: number;
  /** Those of them that had not been written before. */
  readonly unwrittenResends: number;
}

export interface PoolSettings extends ConnectionSettings {
  /** Range: integer >= 1. */
  readonly connections: number;
  /** Range: integer >= 0. */
  readonly maxWaiting: number;
}

/** A connection, or a stream of one, that belongs to one attempt until it is given back. */
export interface Lease {
  readonly connection: Connection;
  /** The connection was being made for a call that has gone, so its failure is not this call's. */
  readonly joined: boolean;
  /** Ends the lease. A connection that is open, or still on its way, serves the next one. Doing it twice does nothing. */
  release(): void;
  /** Swaps a dead connection for another one, ahead of every waiter. */
  replace(): Lease;
}

export type Grant = (lease: Lease) => void;

/**
 * Up to `connections` connections to one origin, and a bounded queue of those who wait for one.
 *
 * undici's `Pool` is not used: it lets nobody leave its queue, it opens a connection that is not needed when the
 * last one ended in the same tick, and it does not say which connection a request got. Its `Client`, which does
 * the work, is. The most recently used connection goes first, so that those that are not needed get old and close.
 */
export class ConnectionPool {
  readonly #settings: PoolSettings;
  readonly #listener: ConnectionListener;
  /** Connections with room for another request; those that were used last stand at the end. */
  readonly #available: Connection[] = [];
  /** All that count against `connections`. */
  readonly #all = new Set<Connection>();
  /** Those that take no more requests and still serve some. Only HTTP/2 has any. */
  readonly #leaving = new Set<Connection>();
  /** Those whose sockets are closing, which takes a turn of the event loop and more. */
  readonly #closing = new Set<Promise<void>>();
  readonly #waiters = new WaiterQueue<Grant>();
  #destroyed = false;
  #inUse = 0;
  #open = 0;
  /**
   * What the server speaks, learned from the first connection: as long as one connection may turn out to carry all calls,
   * no others are begun beside it. `guessed` once that was tried and failed, so that nobody waits for it again.
   */
  #protocol: "h1" | "h2" | "guessed" | undefined;
  #counts = {
    opened: 0,
    closed: 0,
    reused: 0,
    connectFailures: 0,
    acquireTimeouts: 0,
    rejected: 0,
    staleResends: 0,
    unwrittenResends: 0,
  };

  constructor(settings: PoolSettings, listener: ConnectionListener) {
    this.#settings = settings;
    this.#listener = listener;
    this.#protocol = settings.http2 ? undefined : "h1";
  }

  /**
   * Queues for a connection. `grant` runs in the turn in which one comes free.
   *
   * @returns the place, for {@link leave}; undefined when the queue is full.
   */
  wait(grant: Grant): Place<Grant> | undefined {
    if (this.#waiters.size >= this.#settings.maxWaiting) {
      this.#counts.rejected += 1;
      return undefined;
    }
    return this.#waiters.push(grant);
  }

  /** Takes a waiter out of the queue at once. False when it had been granted a connection. */
  leave(place: Place<Grant>): boolean {
    return this.#waiters.leave(place);
  }

  countAcquireTimeout(): void {
    this.#counts.acquireTimeouts += 1;
  }

  countReuse(): void {
    this.#counts.reused += 1;
  }

  countStaleResend(written: boolean): void {
    this.#counts.staleResends += 1;
    if (!written) this.#counts.unwrittenResends += 1;
  }

  snapshot(): PoolSnapshot {
    return {
      connections: this.#settings.connections,
      open: this.#open,
      inUse: this.#inUse,
      waiting: this.#waiters.size,
      ...this.#counts,
    };
  }

  /** Ends every connection, those in use included. @returns when all are closed, also those that were ended before. */
  async destroy(reason: Error): Promise<void> {
    this.#destroyed = true;
    const all = [...this.#all, ...this.#leaving];
    this.#all.clear();
    this.#leaving.clear();
    this.#available.length = 0;
    for (const connection of all) this.#close(connection, reason);
    await Promise.all(this.#closing);
  }

  /** A connection, if one can be had without waiting. Whoever waits is served as soon as one can, and never overtaken. */
  take(): Lease | undefined {
    const known = this.#nextAvailable();
    if (known !== undefined) return known;
    if (this.#all.size >= this.#settings.connections) return undefined;
    // The one that is being made may have room for everybody.
    if (this.#protocol === undefined && this.#all.size > 0) return undefined;
    return this.#lease(this.#create(), false);
  }

  #nextAvailable(): Lease | undefined {
    for (let last = this.#available.at(-1); last !== undefined; last = this.#available.at(-1)) {
      if ((last.open && last.isFit) || last.connecting) {
        const lease = this.#lease(last, last.connecting && last.leases === 0);
        if (!last.hasRoom) this.#available.pop();
        return lease;
      }
      this.#available.pop();
      this.#retire(last);
    }
    return undefined;
  }

  #create(): Connection {
    const expected = this.#protocol === "h2" ? "h2" : undefined;
    const listener: ConnectionListener = {
      opened: (opened, tookMs) => {
        this.#open += 1;
        this.#counts.opened += 1;
        this.#protocol = opened.isShared ? "h2" : "h1";
        this.#listener.opened(opened, tookMs);
        if (this.#all.has(opened) && opened.hasRoom && !this.#available.includes(opened)) {
          this.#available.push(opened);
        }
        this.#serveWaiters();
      },
      failed: (failed, error, tookMs) => {
        this.#counts.connectFailures += 1;
        this.#protocol ??= "guessed";
        this.#forget(failed);
        this.#listener.failed(failed, error, tookMs);
      },
      closed: (closed, error) => {
        this.#open -= 1;
        this.#counts.closed += 1;
        // After a GOAWAY the accepted requests go on, and those that wait need not wait for them.
        if (closed.isShared) this.#retire(closed);
        else this.#forget(closed);
        this.#listener.closed(closed, error);
        this.#serveWaiters();
      },
    };
    const connection = new Connection(this.#settings, listener, expected);
    this.#all.add(connection);
    if (expected === "h2") this.#available.push(connection);
    return connection;
  }

  #lease(connection: Connection, joined: boolean): Lease {
    this.#inUse += 1;
    connection.leases += 1;
    return new PoolLease(this.#end, connection, joined);
  }

  /** A lease is over, and its holder may want another one. */
  readonly #end = (connection: Connection, again: boolean): Lease | undefined => {
    this.#inUse -= 1;
    connection.leases -= 1;
    connection.rest();
    if (again) {
      this.#retire(connection);
      // Always a new one where a request has its connection to itself: another that rested may be dead as well.
      return (
        (this.#protocol === "h2" ? this.#nextAvailable() : undefined) ?? this.#lease(this.#create(), false)
      );
    }
    const isThere = this.#protocol === "h2" && this.#available.includes(connection);
    if (!this.#all.has(connection)) this.#retire(connection);
    else if (connection.open && connection.isFit) {
      if (!isThere) this.#available.push(connection);
    } else if (connection.connecting) {
      // On its way without anybody to serve: kept, because the handshake is half paid, but used last.
      if (!isThere) this.#available.unshift(connection);
    } else this.#retire(connection);
    if (this.#waiters.size > 0) this.#serveWaiters();
    return undefined;
  };

  #serveWaiters(): void {
    while (this.#waiters.size > 0 && !this.#destroyed) {
      const lease = this.take();
      if (lease === undefined) return;
      this.#waiters.shift()?.(lease);
    }
  }

  /** A connection that closed while idle has nothing left to give; a leased one is judged when it is given back. */
  #forget(connection: Connection): void {
    const at = this.#available.indexOf(connection);
    if (at === -1) return;
    this.#available.splice(at, 1);
    this.#retire(connection);
  }

  /** It takes no more requests, and is closed when it has none left. */
  #retire(connection: Connection): void {
    const at = this.#available.indexOf(connection);
    if (at !== -1) this.#available.splice(at, 1);
    if (connection.leases > 0) {
      if (this.#all.delete(connection)) this.#leaving.add(connection);
      return;
    }
    if (!this.#all.delete(connection) && !this.#leaving.delete(connection)) return;
    // Nothing is in flight on it, so there is nobody to tell and nothing to wait for.
    this.#close(connection, new Error("the connection is no longer needed"));
  }

  #close(connection: Connection, reason: Error): void {
    const closing = connection.destroy(reason).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    // Whoever waits for it is told; nobody may.
    closing.catch(() => {});
  }
}

type EndLease = (connection: Connection, again: boolean) => Lease | undefined;

class PoolLease implements Lease {
  readonly connection: Connection;
  readonly joined: boolean;
  readonly #end: EndLease;
  #over = false;

  constructor(end: EndLease, connection: Connection, joined: boolean) {
    this.#end = end;
    this.connection = connection;
    this.joined = joined;
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#end(this.connection, false);
  }

  replace(): Lease {
    if (this.#over) throw new Error("a lease that is over cannot be replaced");
    this.#over = true;
    const lease = this.#end(this.connection, true);
    if (lease === undefined) throw new Error("a connection that died is always replaced");
    return lease;
  }
}
