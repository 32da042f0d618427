import { Duplex } from "node:stream";
import { type Clock, systemClock, type Timer } from "@outrigger/core";

/**
 * One end of a connection that never leaves the process: what is written to it is read from its peer.
 *
 * It has the methods of a socket that HTTP clients call. Those that tune TCP do nothing, for there is none.
 */
export class InProcessSocket extends Duplex {
  readonly #clock: Clock;
  #peer: InProcessSocket | undefined;
  #taken: (() => void) | undefined;
  #idle: Timer | undefined;
  #idleMs = 0;

  private constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  static pair(clock: Clock = systemClock): [InProcessSocket, InProcessSocket] {
    const [one, other] = [new InProcessSocket(clock), new InProcessSocket(clock)];
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#active();
    const peer = this.#peer;
    if (peer === undefined || peer.destroyed) {
      done();
      return;
    }
    peer.#active();
    // The writer goes on when the reader asks for more.
    if (peer.push(chunk)) done();
    else peer.#taken = done;
  }

  override _final(done: () => void): void {
    if (this.#peer?.destroyed === false) this.#peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#idle?.cancel();
    const peer = this.#peer;
    this.#peer = undefined;
    peer?.destroy();
    done(error);
  }

  /** As sockets have it: `timeout` is emitted after so long without a byte in either direction; 0 for never. */
  // biome-ignore lint/plugin: the name is a socket's; the timer is a clock's.
  setTimeout(ms: number, onTimeout?: () => void): this {
    if (onTimeout !== undefined) this.once("timeout", onTimeout);
    this.limitIdle(ms);
    return this;
  }

  limitIdle(ms: number): void {
    this.#idleMs = ms;
    this.#active();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #active(): void {
    this.#idle?.cancel();
    this.#idle =
      this.#idleMs > 0 ? this.#clock.setTimer(this.#idleMs, () => this.emit("timeout")) : undefined;
  }
}
