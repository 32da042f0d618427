import { type CallContext, coreFailureCodes, type Effect, Failure, worseEffect } from "@outrigger/core";
import { codeInBody } from "../classify/answer-contract.ts";
import {
  causeOf,
  codeOf,
  verdictOfConnectError,
  verdictOfExchangeError,
} from "../classify/connection-error.ts";
import { verdictOfAnswer } from "../classify/status.ts";
import { TooLargeError } from "../decode-body.ts";
import { HttpFailure, type HttpFailureInit, type HttpStage, httpFailureCodes } from "../failure.ts";
import { HttpResponse, isCoded, type ResponseHeaders } from "../response.ts";
import { retryAfterOf } from "../retry-after.ts";
import type { ExchangeEnd } from "./exchange.ts";
import { type ExchangeFacts, isSource, isSpent, type PreparedRequest } from "./request.ts";
import { SourceError } from "./sending-body.ts";

/** What an attempt is judged by. */
export interface AttemptFacts {
  readonly settings: { readonly integration: string; readonly peer: string };
  readonly request: PreparedRequest;
  readonly context: CallContext;
  /** Undefined while it has no connection. */
  readonly exchange: ExchangeFacts | undefined;
  /** Resends within the attempt of a request that had been written. */
  readonly writtenResends: number;
}

type Init = Omit<HttpFailureInit, "integration" | "operation">;

/**
 * Says what the end of an attempt means, and for a failure whether the other side may have acted.
 *
 * The effect is decided here, once: `none` until the first byte may leave, `unknown` from then on, and what the
 * status says when one came. A request that only reads has nothing that could take effect, and stays at `none`.
 */
export class Judge {
  readonly #facts: AttemptFacts;

  constructor(facts: AttemptFacts) {
    this.#facts = facts;
  }

  /** The whole answer is here. @param headers - Those of the body as it is given. */
  answer(body: Uint8Array, headers: ResponseHeaders): HttpResponse | HttpFailure {
    const { request, context, exchange, writtenResends } = this.#facts;
    const { status = 0 } = exchange ?? {};
    const response = this.#response(status, headers, body);
    const { codeAt, codes, readOnly } = request.contract;
    const isUnread = codeAt !== undefined && isCoded(headers);
    const code = codeAt === undefined || isUnread ? undefined : codeInBody(body, codeAt);
    const verdict = verdictOfAnswer(status, request.contract, code);
    if (verdict === undefined) return response;
    // The answer speaks of the last exchange; what an earlier one of this attempt did is as open as before.
    const sentBefore = writtenResends > 0;
    // Its status may say no; the code that nobody could read may say that nobody knows.
    const mayBeUncertain = isUnread && [...codes.values()].includes("uncertain");
    const isOpen = (sentBefore || mayBeUncertain) && !readOnly;
    const effect = isOpen ? worseEffect(verdict.effect, "unknown") : verdict.effect;
    context.record(effect);
    const listed = code !== undefined && codes.has(code) ? code : undefined;
    return this.#failure(`it answered ${status}${listed === undefined ? "" : ` with ${listed}`}`, {
      ...verdict,
      effect,
      code: `HTTP_${status}`,
      retryAfterMs: retryAfterOf(headers, context.clock.wallNow()),
      response,
      providerCode: listed,
    });
  }

  /** There is no whole answer. */
  explain(end: Exclude<ExchangeEnd, { type: "answered" }>): Error {
    const { request, settings, exchange } = this.#facts;
    const stage = exchange?.stage ?? "connect";
    const effect = this.effect;
    const sofar = this.#answerSoFar();
    switch (end.type) {
      case "aborted":
        // The policy that ended the call has its own failure on the way; this one is what its slot waits for.
        return Failure.is(end.reason) ? end.reason : new Error("aborted", { cause: end.reason });
      case "cancelled":
        return this.aborted("the reader wanted no more of the answer", undefined);
      case "timedOut":
        return this.#failure(silence(stage, request.readMs, effect), {
          code: httpFailureCodes.readTimeout,
          effect,
          ...sofar,
        });
      case "tooLarge":
        return this.#failure(`its answer is larger than ${request.maxResponseBytes} bytes`, {
          code: httpFailureCodes.responseTooLarge,
          effect,
          transient: false,
          ...sofar,
        });
      case "broken": {
        if (end.error instanceof SourceError || codeOf(end.error) === wrongLength) {
          return this.#sourceFailed(end.error);
        }
        if (exchange?.refused === true) {
          return this.#failure("it refused the request unprocessed (HTTP/2)", {
            code: httpFailureCodes.streamRefused,
            effect,
            cause: end.error,
          });
        }
        const verdict = end.connecting
          ? verdictOfConnectError(end.error, settings.peer)
          : verdictOfExchangeError(end.error, stage);
        return this.#failure(verdict.text, {
          code: verdict.code,
          effect,
          kind: verdict.code === httpFailureCodes.closed ? "aborted" : (verdict.kind ?? "failed"),
          transient: verdict.transient,
          cause: causeOf(end.error),
          ...sofar,
        });
      }
    }
  }

  /** The body of the answer came to its end, and could not be decompressed. */
  notDecoded(error: unknown): HttpFailure {
    const tooLarge = error instanceof TooLargeError;
    const { maxResponseBytes } = this.#facts.request;
    const why = tooLarge
      ? `its answer is larger than ${maxResponseBytes} bytes when it is decompressed`
      : "its answer is not compressed as its content-encoding says";
    return this.#failure(why, {
      code: tooLarge ? httpFailureCodes.responseTooLarge : httpFailureCodes.responseInvalid,
      effect: this.effect,
      transient: false,
      ...(tooLarge ? {} : { cause: error }),
      ...this.#answerSoFar(),
    });
  }

  /** No connection could be had. */
  notAcquired(message: string, code: string): HttpFailure {
    return this.#failure(message, { code, effect: "none", kind: "rejected", stage: "acquire" });
  }

  /** The body was produced once, and cannot be again. */
  spent(): HttpFailure {
    const { body } = this.#facts.request;
    const why = isSource(body) ? body.whyOnce : undefined;
    return this.#failure(`it cannot be sent again: ${why ?? "its body can be read only once"}`, {
      code: httpFailureCodes.requestBodyConsumed,
      effect: "none",
      kind: "rejected",
      transient: false,
      stage: "acquire",
    });
  }

  /** A streamed body outlived the deadline of its call. */
  deadlineExceeded(): HttpFailure {
    return this.#failure("its answer was not read to its end within the deadline of the call", {
      code: coreFailureCodes.deadlineExceeded,
      effect: this.effect,
      ...this.#answerSoFar(),
    });
  }

  /** The caller wanted no more. */
  aborted(message: string, cause: unknown): HttpFailure {
    return this.#failure(message, {
      code: coreFailureCodes.callAborted,
      effect: this.effect,
      kind: "aborted",
      ...(cause === undefined ? {} : { cause }),
      ...this.#answerSoFar(),
    });
  }

  /** Nobody read what came. */
  unread(forMs: number): HttpFailure {
    return this.#failure(`nobody has read the body of its answer for ${Math.round(forMs)} ms (pool.leak)`, {
      code: httpFailureCodes.responseUnread,
      effect: this.effect,
      kind: "aborted",
      ...this.#answerSoFar(),
    });
  }

  /** Written in any exchange of this attempt: a resend that met nothing does not undo the first. */
  get effect(): Effect {
    const { request, exchange, writtenResends } = this.#facts;
    const written = writtenResends > 0 || (exchange?.written === true && !exchange.refused);
    return written && !request.contract.readOnly ? "unknown" : "none";
  }

  #sourceFailed(error: unknown): HttpFailure {
    const cause = error instanceof SourceError ? error.cause : error;
    const why =
      error instanceof SourceError ? error.message : "its body has not the length that was declared";
    return this.#failure(why, {
      code: httpFailureCodes.requestBodyFailed,
      effect: this.effect,
      kind: "aborted",
      cause,
    });
  }

  /** The head of an answer whose body did not arrive; what came of the body is not handed on. */
  #answerSoFar(): { response?: HttpResponse } {
    const { status, headers } = this.#facts.exchange ?? {};
    if (status === undefined || headers === undefined) return {};
    return { response: this.#response(status, headers, new Uint8Array(0)) };
  }

  #response(status: number, headers: HttpResponse["headers"], body: Uint8Array): HttpResponse {
    const { contract } = this.#facts.request;
    const response: HttpResponse = new HttpResponse(status, headers, body, (why, cause) =>
      this.#failure(`it answered ${status}, but ${why}`, {
        code: httpFailureCodes.responseInvalid,
        effect: contract.readOnly ? "none" : "unknown",
        transient: false,
        response,
        ...(cause === undefined ? {} : { cause }),
      }),
    );
    return response;
  }

  #failure(message: string, init: Init): HttpFailure {
    const { integration } = this.#facts.settings;
    const { request, exchange } = this.#facts;
    const { operation, progress, body } = request;
    // What cannot be sent again is not worth waiting for.
    const once = isSpent(request) && init.kind !== "rejected" && isSource(body);
    const note = once && body.whyOnce !== undefined ? `; not sent again: ${body.whyOnce}` : "";
    return new HttpFailure(`${integration}.${operation}: ${message}${note}`, {
      stage: exchange?.stage ?? "acquire",
      written: progress.writtenBefore || exchange?.written === true,
      reused: exchange?.reused,
      attempts: progress.attempts,
      ...init,
      ...(once ? { transient: false } : {}),
      integration,
      operation,
    });
  }
}

const wrongLength = "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH";

function silence(stage: HttpStage, readMs: number, effect: Effect): string {
  const within = `${readMs} ms (timeout.read)`;
  const what =
    stage === "body"
      ? `its answer stopped for ${within}`
      : stage === "send"
        ? `the request was not taken within ${within}`
        : `no answer within ${within}`;
  return effect === "none" ? what : `${what}; it may have acted`;
}
