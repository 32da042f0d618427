import type { BodyReader, BodySource } from "../transport/request.ts";
import { type Pull, pullFrom } from "./pull.ts";

/**
 * A form with files, as `multipart/form-data`. Files are read while they are sent, and again when they are sent again.
 *
 * @param boundary - What no part holds: a random text.
 * @see RFC 7578; names are escaped as browsers do it (https://html.spec.whatwg.org/#multipart-form-data).
 */
export function multipart(form: FormData, boundary: string): BodySource {
  const parts: (Uint8Array | Blob)[] = [];
  for (const [name, value] of form) {
    const disposition = `--${boundary}\r\ncontent-disposition: form-data; name="${escaped(name)}"`;
    if (typeof value === "string") {
      parts.push(Buffer.from(`${disposition}\r\n\r\n${value.replaceAll(/\r\n|\r|\n/g, "\r\n")}\r\n`));
    } else {
      const type = value.type === "" ? "application/octet-stream" : value.type;
      // Those of Node hold nothing else; a library's own may.
      if (!/^[\x20-\x7e]*$/.test(type))
        throw new RangeError(`form.${name} has a type that a header cannot carry`);
      const head = `${disposition}; filename="${escaped(value.name)}"\r\ncontent-type: ${type}\r\n\r\n`;
      parts.push(Buffer.from(head), value, Buffer.from("\r\n"));
    }
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return sourceOf(parts);
}

/** Bytes and files, one after the other, as often as they are asked for. */
export function sourceOf(parts: readonly (Uint8Array | Blob)[]): BodySource {
  return {
    length: parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.byteLength : part.size), 0),
    replayable: true,
    open: () => readerOf(parts),
  };
}

function readerOf(parts: readonly (Uint8Array | Blob)[]): BodyReader {
  let at = 0;
  let file: Pull | undefined;
  const read = async (): Promise<Uint8Array | undefined> => {
    if (file !== undefined) {
      const chunk = await file.next();
      if (chunk !== undefined) return chunk;
      file = undefined;
    }
    const part = parts[at];
    at += 1;
    if (part === undefined || part instanceof Uint8Array) return part;
    file = pullFrom(part.stream())();
    return await read();
  };
  return { read, cancel: (reason) => file?.cancel(reason) };
}

function escaped(name: string): string {
  return name
    .toWellFormed()
    .replaceAll(/\r\n|\r|\n/g, "%0D%0A")
    .replaceAll('"', "%22");
}
