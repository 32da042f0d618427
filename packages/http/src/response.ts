import type { ResponseLike } from "./failure.ts";

/** Headers of an answer; names in lower case, a name that came several times has several values. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A complete answer: its body has arrived and is held in memory. */
export class HttpResponse implements ResponseLike {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly bytes: Uint8Array;
  readonly #unreadable: (why: string, cause?: unknown) => Error;

  constructor(
    status: number,
    headers: ResponseHeaders,
    bytes: Uint8Array,
    unreadable: (why: string, cause?: unknown) => Error,
  ) {
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
    this.#unreadable = unreadable;
  }

  /**
   * The body in the charset that the answer names, UTF-8 if it names none; a byte order mark is dropped.
   *
   * @throws {@link HttpFailure} `RESPONSE_INVALID` when the body is compressed or its charset is not known.
   */
  text(): string {
    if (isCoded(this.headers)) {
      const coding = JSON.stringify(single(this.headers["content-encoding"]));
      throw this.#unreadable(`its content-encoding is ${coding}, which was not asked for`);
    }
    const charset = charsetOf(single(this.headers["content-type"]));
    try {
      return new TextDecoder(charset).decode(this.bytes);
    } catch (cause) {
      throw this.#unreadable(`its charset ${JSON.stringify(charset)} is not known`, cause);
    }
  }

  /**
   * The body, parsed as JSON. Its type is the caller's word: nothing checks the shape.
   *
   * A number is a double, which holds neither 9007199254740993 nor 1e400. `numbers: "text"` gives every number as it is
   * written, `"9007199254740993"`: for amounts of money and long ids.
   *
   * @throws {@link HttpFailure} `RESPONSE_INVALID` when it is not JSON. Its effect is `unknown` unless the operation
   * only reads: a provider that answers with an HTML page may have acted or not.
   */
  json<T = unknown>(options: JsonOptions = {}): T {
    const text = this.text();
    try {
      return (options.numbers === "text" ? JSON.parse(text, asWritten) : JSON.parse(text)) as T;
    } catch {
      // The parser's own message quotes the body, so it is not kept.
      throw this.#unreadable(`its ${this.bytes.byteLength} bytes are not JSON`);
    }
  }
}

export interface JsonOptions {
  /** @defaultValue "double" */
  readonly numbers?: "double" | "text" | undefined;
}

/** The third argument is newer than the types: https://tc39.es/proposal-json-parse-with-source/ */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" ? (context?.source ?? String(value)) : value;
}

/** The first value of a header. */
export function single(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined || typeof value === "string" ? value : value[0];
}

/** Whether the bytes of a body are not what it says, but a coding of it. */
export function isCoded(headers: ResponseHeaders): boolean {
  const coding = single(headers["content-encoding"]);
  return coding !== undefined && coding.toLowerCase() !== "identity";
}

function charsetOf(contentType: string | undefined): string {
  const match = contentType === undefined ? null : /;\s*charset="?([\w:.-]+)"?/i.exec(contentType);
  return match?.[1] ?? "utf-8";
}
