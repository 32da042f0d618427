import { Readable } from "node:stream";
import { types } from "node:util";
import { kindOf } from "../options/plain-object.ts";

/** What a caller may give as a body that is produced while it is sent. Text is sent as UTF-8. */
export type BodyStream = ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** A stream of any kind, read chunk by chunk. */
export interface Pull {
  /** The next chunk; undefined at the end. Not called while one is on its way. */
  next(): Promise<Uint8Array | undefined>;
  /** Nothing more is wanted. Does not wait for a chunk that is on its way. */
  cancel(reason: unknown): void;
}

export function isStream(value: unknown): value is BodyStream {
  if (isWebStream(value)) return true;
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/**
 * Looks at a stream without beginning to read it.
 *
 * @throws TypeError when it has been read already: what is left of it would go out as if it were all.
 */
export function pullFrom(stream: BodyStream): () => Pull {
  if (isWebStream(stream)) {
    if (stream.locked) throw new TypeError("body is a ReadableStream that somebody else reads");
    return () => pullFromWeb(stream);
  }
  if (stream instanceof Readable) {
    if (stream.destroyed || stream.readableEnded || stream.readableDidRead)
      throw new TypeError("body is a stream that has been read or destroyed");
    // Until it is read nobody listens, and an error without a listener would end the process. Whoever reads it later
    // still gets the error.
    stream.on("error", () => {});
    return () => pullFromIterator(stream[Symbol.asyncIterator](), () => stream.destroy());
  }
  return () => pullFromIterator(stream[Symbol.asyncIterator]());
}

/** By shape: undici and a test runner bring classes of their own. */
function isWebStream(value: unknown): value is ReadableStream<Uint8Array | string> {
  return (
    value instanceof ReadableStream || Object.prototype.toString.call(value) === "[object ReadableStream]"
  );
}

function pullFromWeb(stream: ReadableStream<unknown>): Pull {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? undefined : bytesOf(value);
    },
    cancel: (reason) => letGo(() => reader.cancel(reason)),
  };
}

function pullFromIterator(iterator: AsyncIterator<unknown>, destroy?: () => void): Pull {
  return {
    next: async () => {
      const { done, value } = await iterator.next();
      return done === true ? undefined : bytesOf(value);
    },
    // A generator that waits for something goes on waiting; there is no way to end it.
    cancel: () => letGo(() => (destroy === undefined ? iterator.return?.() : destroy())),
  };
}

/** Whatever a stream answers: one that cannot be cancelled has nothing to let go of, and its call has to end. */
function letGo(cancel: () => unknown): void {
  (async () => await cancel())().catch(() => {});
}

function bytesOf(chunk: unknown): Uint8Array {
  if (types.isUint8Array(chunk)) return chunk;
  if (typeof chunk === "string") return Buffer.from(chunk);
  throw new TypeError(`a body's stream must yield strings or Uint8Arrays; got ${kindOf(chunk)}`);
}
