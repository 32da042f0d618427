import { pipeline, Readable } from "node:stream";
import { promisify } from "node:util";
import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  gunzip,
  inflate,
  inflateRaw,
  zstdDecompress,
} from "node:zlib";
import type { ResponseHeaders } from "./response.ts";

/** What is asked for when answers are decompressed. */
export const acceptedEncodings = "gzip, br, zstd";

type Coding = "gzip" | "br" | "zstd" | "deflate";

const names: Readonly<Record<string, Coding>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  br: "br",
  zstd: "zstd",
  deflate: "deflate",
};

/** Nobody compresses more often than twice with good reason; each layer is a multiplication. */
const mostCodings = 2;

/** The body came to more than may be held. */
export class TooLargeError extends Error {
  override readonly name: string = "TooLargeError";
}

/**
 * The codings of a body, in the order in which they have to be undone. Undefined when it has none, or one that is not
 * known: its bytes are then left as they are.
 */
export function codingsOf(headers: ResponseHeaders): readonly Coding[] | undefined {
  const value = headers["content-encoding"];
  if (value === undefined) return undefined;
  const texts = (typeof value === "string" ? value : value.join(",")).toLowerCase().split(",");
  const codings = texts.map((text) => text.trim()).filter((text) => text !== "" && text !== "identity");
  if (codings.length === 0 || codings.length > mostCodings) return undefined;
  const known = codings.flatMap((name) => (Object.hasOwn(names, name) ? (names[name] ?? []) : []));
  return known.length === codings.length ? known.reverse() : undefined;
}

/** Headers of the body as it is after decoding. */
export function withoutCoding(headers: ResponseHeaders): ResponseHeaders {
  const { "content-encoding": _coding, "content-length": _length, ...others } = headers;
  return others;
}

const whole = {
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
  deflate: promisify(inflate),
  raw: promisify(inflateRaw),
} as const;

/**
 * Undoes the codings of a whole body.
 *
 * Decompression ends as soon as its output passes `maxBytes`, so a small answer that would fill the memory does not.
 *
 * @throws {@link TooLargeError}, or zlib's error when the body is not what its header says.
 */
export async function decodeWhole(
  body: Uint8Array,
  codings: readonly Coding[],
  maxBytes: number,
): Promise<Buffer> {
  let bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  // zlib knows no limit of 0.
  const maxOutputLength = Math.max(1, Math.min(maxBytes, Number.MAX_SAFE_INTEGER));
  try {
    for (const coding of codings) {
      const undo = coding === "deflate" && isRaw(bytes) ? whole.raw : whole[coding];
      bytes = await undo(bytes, { maxOutputLength });
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") throw new TooLargeError("too large");
    throw error;
  }
  if (bytes.byteLength > maxBytes) throw new TooLargeError("too large");
  return bytes;
}

/** Some servers send deflate without the zlib header that RFC 9110, section 8.4.1.2, demands. */
function isRaw(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0x0f) !== 8;
}

/**
 * Undoes the codings of a body as it comes. Cancelling it cancels the body beneath.
 *
 * @param explain - Makes what the reader is told of an error of the decoding itself.
 */
export function decodeStream(
  stream: ReadableStream<Uint8Array>,
  codings: readonly Coding[],
  maxBytes: number,
  explain: (error: unknown) => Error,
): ReadableStream<Uint8Array> {
  let broken: { readonly error: unknown } | undefined;
  const reader = stream.getReader();
  const source = Readable.from(
    chunksOf(reader, (error) => {
      broken = { error };
    }),
    { objectMode: false },
  );
  const output = codings.reduce<Readable>(
    (input, coding) => pipeline(input, decoderOf(coding), () => {}),
    source,
  );
  const chunks = output[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const leave = (): void => {
    // First of all, and here: the source would wait for the chunk that is on its way, and hold the connection as long.
    reader.cancel().catch(() => {});
    output.destroy();
    source.destroy();
  };
  let receivedBytes = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await chunks.next();
          if (done === true) {
            controller.close();
            return;
          }
          receivedBytes += value.byteLength;
          if (receivedBytes > maxBytes) throw new TooLargeError("too large");
          controller.enqueue(value);
        } catch (error) {
          leave();
          controller.error(broken === undefined ? explain(error) : broken.error);
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

/** The body beneath, and what ended it: its error says more than what becomes of it on the way through the decoders. */
async function* chunksOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    failed(error);
    throw error;
  }
}

function decoderOf(coding: Coding): NodeJS.ReadWriteStream & Readable {
  if (coding === "gzip") return createGunzip();
  if (coding === "br") return createBrotliDecompress();
  if (coding === "zstd") return createZstdDecompress();
  return createInflate();
}
