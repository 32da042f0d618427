import type { BodyReader, BodySource } from "./request.ts";

/** What the sending of a source tells the exchange that it belongs to. */
export interface SendingListener {
  /** Bytes are about to be handed to the socket. */
  handing(chunk: Uint8Array): void;
  /** The socket has taken what it was given: the next step is the source's, and silence is not the other side's. */
  waitingForSource(): void;
}

/** Marks an error of the body's source, so that it is not taken for one of the connection. */
export class SourceError extends Error {
  override readonly name: string = "SourceError";
}

/**
 * A source on its way into a socket: what undici iterates over.
 *
 * undici begins to iterate when it writes the request, and asks for the next chunk when the socket has taken the last
 * one; a source that is silent for ever would hold it for ever, so {@link stop} ends a pending step.
 */
export class SendingBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #source: BodySource;
  readonly #listener: SendingListener;
  #reader: BodyReader | undefined;
  #over = false;
  #rejectPending: ((reason: unknown) => void) | undefined;

  constructor(source: BodySource, listener: SendingListener) {
    this.#source = source;
    this.#listener = listener;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    try {
      this.#reader = this.#source.open();
    } catch (cause) {
      this.#over = true;
      throw new SourceError("the body could not be opened", { cause });
    }
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const reader = this.#reader;
    if (this.#over || reader === undefined) return Promise.resolve({ done: true, value: undefined });
    this.#listener.waitingForSource();
    return new Promise((resolve, reject) => {
      this.#rejectPending = reject;
      const failed = (cause: unknown): void => {
        this.#over = true;
        reject(new SourceError("the body's source failed", { cause }));
      };
      readOf(reader).then((chunk) => {
        if (this.#over) return;
        this.#rejectPending = undefined;
        if (chunk === undefined) {
          this.#over = true;
          resolve({ done: true, value: undefined });
        } else if (!(chunk instanceof Uint8Array)) {
          reader.cancel(undefined);
          failed(new TypeError("a body's source yields Uint8Array"));
        } else {
          if (chunk.byteLength > 0) this.#listener.handing(chunk);
          resolve({ done: false, value: chunk });
        }
      }, failed);
    });
  }

  /** undici calls it when it leaves the iteration early: the connection has ended. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.stop(new Error("the request ended before its body did"));
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Lets go of the source. Doing it twice, or after the end, does nothing. */
  stop(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader?.cancel(reason);
    this.#rejectPending?.(reason);
  }
}

function readOf(reader: BodyReader): Promise<unknown> {
  try {
    return reader.read();
  } catch (error) {
    return Promise.reject(error);
  }
}
