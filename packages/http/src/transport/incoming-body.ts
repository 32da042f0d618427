/** What the body of a streamed answer tells the exchange that it belongs to. */
export interface BodyListener {
  /** The reader reads. When it gets nothing yet, `isWanted` holds, and silence is the other side's from here on. */
  reading(): void;
  /** There is room again for what was held back. */
  roomMade(): void;
  cancelled(): void;
}

/** Read ahead of the reader; a small answer thus gives its connection back although nobody has read it yet. */
const readAheadBytes = 64 * 1024;

/**
 * The body of a streamed answer, between undici, which hands out chunks as they come, and a reader, who takes them when
 * it likes. It says when to pause: after {@link readAheadBytes} that nobody has asked for.
 */
export class IncomingBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #listener: BodyListener;
  readonly #ahead: Uint8Array[] = [];
  #aheadBytes = 0;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wanted = false;
  #begun = false;
  #end: { readonly error: unknown } | "complete" | undefined;

  constructor(listener: BodyListener) {
    this.#listener = listener;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#ahead.length = 0;
          this.#controller = undefined;
          this.#listener.cancelled();
        },
      },
      // None: a pull is then a reader that waits, and nothing else.
      { highWaterMark: 0 },
    );
  }

  /** A reader waits for more. */
  get isWanted(): boolean {
    return this.#wanted;
  }

  /** Somebody has read, or tried to. */
  get hasBegun(): boolean {
    return this.#begun;
  }

  /** Something has come that nobody has taken. */
  get hasUnread(): boolean {
    return this.#ahead.length > 0;
  }

  /** @returns false when the other side is to be held back until there is room. */
  push(chunk: Uint8Array): boolean {
    if (this.#wanted) {
      this.#wanted = false;
      this.#controller?.enqueue(chunk);
      return true;
    }
    this.#ahead.push(chunk);
    this.#aheadBytes += chunk.byteLength;
    return this.#aheadBytes < readAheadBytes;
  }

  /** All of it has come. What is ahead of the reader can still be read. */
  complete(): void {
    this.#end = "complete";
    if (this.#ahead.length === 0) this.#finish();
  }

  /** No more will come. What came is read first. */
  fail(error: unknown): void {
    this.#end = { error };
    if (this.#ahead.length === 0) this.#finish();
  }

  /** No more will come, and what came and was not read is dropped. */
  cut(error: unknown): void {
    this.#ahead.length = 0;
    this.fail(error);
  }

  #pull(): void {
    this.#begun = true;
    const chunk = this.#ahead.shift();
    if (chunk === undefined) {
      this.#wanted = true;
      this.#listener.reading();
      return;
    }
    this.#listener.reading();
    const wasFull = this.#aheadBytes >= readAheadBytes;
    this.#aheadBytes -= chunk.byteLength;
    this.#controller?.enqueue(chunk);
    if (this.#end !== undefined) {
      if (this.#ahead.length === 0) this.#finish();
    } else if (wasFull && this.#aheadBytes < readAheadBytes) this.#listener.roomMade();
  }

  #finish(): void {
    if (this.#end === "complete") this.#controller?.close();
    else this.#controller?.error(this.#end?.error);
  }
}
