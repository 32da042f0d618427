import { Connection, type ConnectionListener, type ConnectionSettings } from "./connection.ts";
import { type Place, WaiterQueue } from "./waiters.ts";

export interface PoolSnapshot {
  /** The most connections there may be. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Connections that a call holds now, connecting ones included. */
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
}

export interface PoolSettings extends ConnectionSettings {
  /** Range: integer >= 1. */
  readonly connections: number;
  /** Range: integer >= 0. */
  readonly maxWaiting: number;
}

/** A connection that belongs to one attempt until it is given back. Giving back twice does nothing. */
export interface Lease {
  readonly connection: Connection;
  /** The connection was being made for a call that has gone, so its failure is not this call's. */
  readonly joined: boolean;
  /** Ends the lease. A connection that is open, or still on its way, serves the next one. */
  release(): void;
  /** Swaps a dead connection for a new one, in the same slot and ahead of every waiter. */
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
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #waiters = new WaiterQueue<Grant>();
  #inUse = 0;
  #open = 0;
  #counts = {
    opened: 0,
    closed: 0,
    reused: 0,
    connectFailures: 0,
    acquireTimeouts: 0,
    rejected: 0,
    staleResends: 0,
  };

  constructor(settings: PoolSettings, listener: ConnectionListener) {
    this.#settings = settings;
    this.#listener = listener;
  }

  /** A connection, if one can be had without waiting. While anybody waits all are in use, so nobody is overtaken. */
  take(): Lease | undefined {
    if (this.#inUse >= this.#settings.connections) return undefined;
    this.#inUse += 1;
    return this.#lease(this.#next());
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

  countStaleResend(): void {
    this.#counts.staleResends += 1;
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

  /** Ends every connection, those in use included. */
  async destroy(reason: Error): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(all.map((connection) => connection.destroy(reason)));
  }

  /** An idle connection, or a new one. The caller has counted itself into `inUse`. */
  #next(): { connection: Connection; joined: boolean } {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.open && idle.current) return { connection: idle, joined: false };
      if (idle.connecting) return { connection: idle, joined: true };
      this.#drop(idle);
    }
    return { connection: this.#create(), joined: false };
  }

  #create(): Connection {
    const connection = new Connection(this.#settings, {
      opened: (opened, tookMs) => {
        this.#open += 1;
        this.#counts.opened += 1;
        this.#listener.opened(opened, tookMs);
      },
      failed: (failed, error, tookMs) => {
        this.#counts.connectFailures += 1;
        this.#forgetIdle(failed);
        this.#listener.failed(failed, error, tookMs);
      },
      closed: (closed, error) => {
        this.#open -= 1;
        this.#counts.closed += 1;
        this.#forgetIdle(closed);
        this.#listener.closed(closed, error);
      },
    });
    this.#all.add(connection);
    return connection;
  }

  #lease({ connection, joined }: { connection: Connection; joined: boolean }): Lease {
    let over = false;
    return {
      connection,
      joined,
      release: () => {
        if (over) return;
        over = true;
        this.#giveBack(connection);
      },
      replace: () => {
        if (over) throw new Error("a lease that is over cannot be replaced");
        over = true;
        this.#drop(connection);
        return this.#lease({ connection: this.#create(), joined: false });
      },
    };
  }

  #giveBack(connection: Connection): void {
    connection.rest();
    if (connection.open && connection.current) this.#idle.push(connection);
    // On its way without anybody to serve: kept, because the handshake is half paid, but used last.
    else if (connection.connecting) this.#idle.unshift(connection);
    else this.#drop(connection);
    const grant = this.#waiters.shift();
    if (grant === undefined) this.#inUse -= 1;
    else grant(this.#lease(this.#next()));
  }

  /** A connection that closed while idle has nothing left to give; a leased one is judged when it is given back. */
  #forgetIdle(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at === -1) return;
    this.#idle.splice(at, 1);
    this.#drop(connection);
  }

  #drop(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    // Nothing is in flight on it, so there is nobody to tell and nothing to wait for.
    connection.destroy(new Error("the connection is no longer needed")).catch(() => {});
  }
}
