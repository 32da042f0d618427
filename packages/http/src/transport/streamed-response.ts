import type { ResponseHeaders } from "../response.ts";

/** An answer of which only the head has come. */
export class StreamedResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /**
   * Its connection, and whatever limits the calls of the integration, are held until it has been read to its end, was
   * cancelled or failed. It fails with an `HttpFailure`.
   */
  readonly body: ReadableStream<Uint8Array>;

  constructor(status: number, headers: ResponseHeaders, body: ReadableStream<Uint8Array>) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
