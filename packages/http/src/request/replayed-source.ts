import type { BodyReader, BodySource } from "../transport/request.ts";
import type { Pull } from "./pull.ts";

export interface ReplayedSourceOptions {
  /** Sent as content-length. */
  readonly length: number | undefined;
  /** How much is kept for sending it again. Range: integer >= 0. */
  readonly replayBytes: number;
  /** The same as the caller wrote it, for messages. */
  readonly replay: string;
}

/**
 * A stream that can be read once, made repeatable as far as a buffer reaches.
 *
 * What has been read is kept until it is more than `replayBytes`; then it is forgotten, and the body can no longer be
 * sent again. A reader that follows one which was cancelled gets what is kept first, and then the rest of the stream,
 * so that no byte is sent twice in one request and none is left out.
 */
export class ReplayedSource implements BodySource {
  readonly length: number | undefined;
  readonly whyOnce: string;
  readonly #begin: () => Pull;
  readonly #replayBytes: number;
  #pull: Pull | undefined;
  /** Undefined once more has been read than may be kept. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  /** The chunk that is on its way. A reader may be cancelled meanwhile, and the next one waits for the same. */
  #coming: Promise<Uint8Array | undefined> | undefined;
  #reading = false;
  #closed = false;

  /** @param begin - Begins to read the stream; called at most once. */
  constructor(begin: () => Pull, { length, replayBytes, replay }: ReplayedSourceOptions) {
    this.#begin = begin;
    this.length = length;
    this.#replayBytes = replayBytes;
    this.whyOnce =
      replayBytes === 0
        ? "its body is a stream, of which nothing is kept (replay)"
        : `its body is a stream, of which more was read than is kept (replay: ${replay})`;
  }

  get replayable(): boolean {
    return this.#kept !== undefined && this.#failure === undefined && !this.#closed;
  }

  open(): BodyReader {
    // Both hold the same array: what is still kept reaches this reader, also if it is forgotten for the next.
    let kept = this.#kept ?? [];
    let at = 0;
    this.#reading = true;
    const passed = (): void => {
      at += 1;
      if (at >= kept.length && this.#kept === undefined) kept = [];
    };
    return {
      read: async () => {
        const again = kept[at];
        if (again !== undefined) {
          passed();
          return again;
        }
        const chunk = await this.#next();
        // It was kept, and so stands in front of this reader already.
        if (kept.length > at) passed();
        if (chunk === undefined) this.#reading = false;
        return chunk;
      },
      cancel: (reason) => {
        this.#reading = false;
        if (!this.replayable) this.#letGo(reason);
      },
    };
  }

  /**
   * The call is over, so nothing will be sent again. A reader that is still at work goes on, and a stream that nobody
   * has begun to read stays the caller's, for another try elsewhere.
   */
  close(): void {
    this.#closed = true;
    this.#kept = undefined;
    if (!this.#reading) this.#letGo(new Error("the call is over"));
  }

  #next(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#ended) return Promise.resolve(undefined);
    this.#coming ??= this.#read().finally(() => {
      this.#coming = undefined;
    });
    return this.#coming;
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      this.#pull ??= this.#begin();
      const chunk = await this.#pull.next();
      if (chunk === undefined) this.#ended = true;
      else this.#keep(chunk);
      return chunk;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #keep(chunk: Uint8Array): void {
    this.#keptBytes += chunk.byteLength;
    if (this.#kept === undefined) return;
    // A copy: whoever makes the stream may use its buffer again.
    this.#kept.push(Uint8Array.from(chunk));
    if (this.#keptBytes > this.#replayBytes) this.#kept = undefined;
  }

  #letGo(reason: unknown): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#ended = true;
    this.#pull?.cancel(reason);
  }
}
