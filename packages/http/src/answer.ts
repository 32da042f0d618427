import type { Effect } from "@outrigger/core";
import { HttpFailure } from "./failure.ts";
import type { HttpResponse, ResponseHeaders } from "./response.ts";
import type { CallProgress } from "./transport/request.ts";
import { StreamedResponse } from "./transport/streamed-response.ts";

interface AnswerHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The declared operation that the request was, or its method. */
  readonly operation: string;
  /** Attempts that were made, the first one included. */
  readonly attempts: number;
  /** What the call has done on the other side: `done` for a success, else what the failure says. */
  readonly effect: Effect;
  /** What the status means, if it is no success. It may have been repeated before; this is the last answer. */
  readonly failure: HttpFailure | undefined;
}

/** An answer of any status, whole. */
export interface HttpAnswer extends AnswerHead {
  readonly bytes: Uint8Array;
}

/** An answer of any status, as it comes. */
export interface StreamedAnswer extends AnswerHead {
  /**
   * The connection and whatever limits the calls are held until it has been read to its end, cancelled or failed. That
   * of a failure has been read already, and is given out of memory.
   */
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * @param operation - The name that the request goes by.
 * @param asStream - How the caller wants the body.
 */
export function answerOfSuccess(
  operation: string,
  { attempts }: CallProgress,
  response: HttpResponse | StreamedResponse,
  asStream: boolean,
): HttpAnswer | StreamedAnswer {
  const { status, headers } = response;
  const head: AnswerHead = { status, headers, operation, attempts, effect: "done", failure: undefined };
  if (response instanceof StreamedResponse) return { ...head, body: response.body };
  const { bytes } = response;
  return asStream ? { ...head, body: streamOf(bytes) } : { ...head, bytes };
}

/** The answer that a failure judged; undefined when none came, or not to its end. */
export function answerOfFailure(
  operation: string,
  failure: unknown,
  asStream: boolean,
): HttpAnswer | StreamedAnswer | undefined {
  if (!HttpFailure.is(failure)) return undefined;
  const { response, attempts, effect, code } = failure;
  if (response === undefined || code !== `HTTP_${response.status}`) return undefined;
  const { status, headers, bytes } = response;
  const head: AnswerHead = { status, headers, operation, attempts, effect, failure };
  return asStream ? { ...head, body: streamOf(bytes) } : { ...head, bytes };
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}
