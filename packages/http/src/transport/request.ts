import type { CallContext } from "@outrigger/core";
import type { AnswerContract } from "../classify/answer-contract.ts";
import type { HttpStage } from "../failure.ts";
import type { ResponseHeaders } from "../response.ts";

/** A request that has been checked and can be sent any number of times, unless its body is a source that can not. */
export interface PreparedRequest {
  readonly operation: string;
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Further headers, asked for when an attempt is about to be sent. Names and values in turn. */
  readonly headersAtSend?: ((context: CallContext) => readonly string[]) | undefined;
  readonly body: Uint8Array | BodySource | undefined;
  /**
   * `"stream"`: the attempt ends well at the head of a 2xx answer, and its body follows. Any other answer is read whole.
   *
   * @defaultValue "whole"
   */
  readonly answer?: "whole" | "stream" | undefined;
  /** A streamed answer that says that it is no longer is read whole after all, and so retried like any other. */
  readonly wholeUpToBytes?: number | undefined;
  /** Redirects that are followed, outside of the transport. @defaultValue 0 */
  readonly redirects?: number | undefined;
  /** Whether a compressed answer is decompressed. @defaultValue false */
  readonly decode?: boolean | undefined;
  /** The caller's. Looked at for a streamed body only, which outlives the call that asked for it. */
  readonly signal?: AbortSignal | undefined;
  /** Told the bytes of each chunk of a body, as it is handed to the socket or arrives. */
  readonly onProgress?: ((direction: "sent" | "received", bytes: number) => void) | undefined;
  /** Sending it twice has the effect of sending it once. */
  readonly repeatable: boolean;
  readonly contract: AnswerContract;
  readonly readMs: number;
  readonly maxResponseBytes: number;
  readonly progress: CallProgress;
}

/** A body that is produced while it is sent. */
export interface BodySource {
  /** Sent as content-length; undefined for a chunked body. Another number of bytes fails the request. */
  readonly length: number | undefined;
  /** Whether `open` may be called again, and gives the same bytes. Asked when a resend is considered. */
  readonly replayable: boolean;
  /** Why it is not, for the message of a failure that was not retried because of it. */
  readonly whyOnce?: string | undefined;
  /** Called when the request is being written; one that never was leaves its source unopened. */
  open(): BodyReader;
}

export interface BodyReader {
  /** The next bytes; undefined at the end. Not called while a read is pending. */
  read(): Promise<Uint8Array | undefined>;
  /** Nothing more will be read. Called at most once, perhaps while a read is pending, and not after the end. */
  cancel(reason: unknown): void;
}

/** How far a call has come; asked when a policy, and not the transport, ends it. */
export interface CallProgress {
  /** Attempts that reached the transport. */
  attempts: number;
  /** Bytes of an earlier exchange may have left. */
  writtenBefore: boolean;
  /** The exchange that runs now or ran last; undefined while the call has not got a connection. */
  current: ExchangeFacts | undefined;
  /** The body's source has been opened. */
  opened?: boolean | undefined;
  /** The stack of the request, for a streamed answer that nobody reads. */
  madeAt?: { readonly stack?: string } | undefined;
}

/** What one request on one connection has met, as far as the socket can tell. */
export interface ExchangeFacts {
  readonly stage: HttpStage;
  readonly written: boolean;
  readonly reused: boolean;
  /** Bytes came back after the request was written. */
  readonly answered: boolean;
  /** The other side said that it has not processed the request. Only HTTP/2 can. */
  readonly refused: boolean;
  readonly status: number | undefined;
  readonly headers: ResponseHeaders | undefined;
  readonly sentAtMs: number | undefined;
  /** The TLS handshake of a connection that was made for this request. */
  readonly tlsMs: number | undefined;
  readonly headersAtMs: number | undefined;
}

/** Whether the body is gone: it was produced once, and cannot be again. */
export function isSpent({ body, progress }: PreparedRequest): boolean {
  return progress.opened === true && isSource(body) && !body.replayable;
}

export function isSource(body: PreparedRequest["body"]): body is BodySource {
  return body !== undefined && !(body instanceof Uint8Array);
}
