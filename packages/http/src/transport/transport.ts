import { type Call, type CallContext, type Effect, Failure, worseEffect } from "@outrigger/core";
import {
  causeOf,
  codeOf,
  verdictOfConnectError,
  verdictOfExchangeError,
} from "../classify/connection-error.ts";
import { mayResend } from "../classify/resend.ts";
import { verdictOfStatus } from "../classify/status.ts";
import { afterPoll } from "../clock/after-poll.ts";
import type { HttpEvent } from "../events.ts";
import { HttpFailure, type HttpFailureInit, type HttpStage, httpFailureCodes } from "../failure.ts";
import type { ConnectionPool, Lease } from "../pool/connection-pool.ts";
import { HttpResponse, single } from "../response.ts";
import { parseRetryAfterMs } from "../retry-after.ts";
import { acquire } from "./acquire.ts";
import { Exchange, type ExchangeEnd } from "./exchange.ts";
import type { ExchangeFacts, PreparedRequest } from "./request.ts";

export interface TransportSettings {
  readonly integration: string;
  /** Host and port, for messages. */
  readonly peer: string;
  readonly pool: ConnectionPool;
  readonly acquireMs: number;
  /** Undefined when nobody listens. */
  readonly emit: ((event: HttpEvent) => void) | undefined;
}

/**
 * One attempt: a connection, the request on it, the whole answer.
 *
 * Resolves when the body has been read to its end, so that a slot held around it is held until the work is over.
 * The effect is decided here, once: `none` until the first byte may leave, `unknown` from then on, and what the
 * status says when one came. A request that only reads has nothing that could take effect, and stays at `none`.
 */
export function transport(settings: TransportSettings): Call<PreparedRequest, HttpResponse> {
  return async (request, context) => {
    const attempt = new Attempt(settings, request, context);
    try {
      const response = await attempt.run();
      attempt.report(undefined);
      return response;
    } catch (error) {
      attempt.report(error);
      throw error;
    }
  };
}

class Attempt {
  readonly #settings: TransportSettings;
  readonly #request: PreparedRequest;
  readonly #context: CallContext;
  readonly #startedAtMs: number;
  #leasedAtMs: number | undefined;
  #facts: ExchangeFacts | undefined;
  #resends = { unwritten: 0, written: 0 };

  constructor(settings: TransportSettings, request: PreparedRequest, context: CallContext) {
    this.#settings = settings;
    this.#request = request;
    this.#context = context;
    this.#startedAtMs = context.clock.now();
    const { progress } = request;
    progress.attempts = context.attempt;
    progress.writtenBefore ||= progress.current?.written === true;
    progress.current = undefined;
    context.record("none");
  }

  async run(): Promise<HttpResponse> {
    const { pool, acquireMs } = this.#settings;
    let lease = await acquire(pool, acquireMs, this.#context, (message, code) =>
      this.#failure(message, { code, effect: "none", kind: "rejected", stage: "acquire" }),
    );
    this.#leasedAtMs = this.#context.clock.now();
    try {
      if (this.#mayBeStale(lease)) {
        await afterPoll();
        if (!lease.connection.open) lease = lease.replace();
      }
      for (;;) {
        const exchange = Exchange.run(this.#request, lease, this.#context);
        this.#facts = exchange.facts;
        const end = await exchange.ended;
        if (exchange.facts.written && exchange.facts.reused) pool.countReuse();
        if (end.type === "answered") return this.#judge(end);
        if (end.type !== "broken" || !this.#isStale(end, exchange.facts, lease)) throw this.#explain(end);
        this.#countResend(exchange.facts, end.error);
        lease = lease.replace();
      }
    } finally {
      lease.release();
    }
  }

  /**
   * Whether to look for a close that lies unread in the kernel before anything is written. undici looks as well, but
   * from within the handling of input, where most requests are made, it looks before the kernel is asked again.
   *
   * A request that may not be resent always waits for the look; others only on a connection that was idle, where a
   * close is likely and a resend would cost more than the look.
   */
  #mayBeStale({ connection }: Lease): boolean {
    if (!connection.open || connection.served === 0) return false;
    return !this.#request.repeatable || connection.idleMs >= trustedIdleMs;
  }

  #isStale(end: ExchangeEnd & { type: "broken" }, facts: ExchangeFacts, lease: Lease): boolean {
    // A connection that was begun for somebody else and failed is as good as a stale one: nothing was sent on it.
    if (end.connecting && !lease.joined) return false;
    const code = codeOf(end.error);
    if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED")
      return false;
    if (code === httpFailureCodes.closed) return false;
    return mayResend(facts, this.#request.repeatable, this.#resends);
  }

  #countResend(facts: ExchangeFacts, error: unknown): void {
    const { emit, integration, pool } = this.#settings;
    this.#resends[facts.written ? "written" : "unwritten"] += 1;
    this.#request.progress.writtenBefore ||= facts.written;
    pool.countStaleResend();
    emit?.({
      type: "staleResend",
      integration,
      operation: this.#request.operation,
      attempt: this.#context.attempt,
      written: facts.written,
      code: codeOf(error) ?? "UNKNOWN",
    });
  }

  #judge(end: ExchangeEnd & { type: "answered" }): HttpResponse {
    const response = this.#response(end.status, end.headers, end.body);
    const verdict = verdictOfStatus(end.status, this.#request.contract);
    if (verdict === undefined) return response;
    // The answer speaks of the last exchange; what an earlier one of this attempt did is as open as before.
    const sentBefore = this.#resends.written > 0 && !this.#request.contract.readOnly;
    const effect = sentBefore ? worseEffect(verdict.effect, "unknown") : verdict.effect;
    this.#context.record(effect);
    throw this.#failure(`it answered ${end.status}`, {
      ...verdict,
      effect,
      code: `HTTP_${end.status}`,
      retryAfterMs: parseRetryAfterMs(
        single(end.headers["retry-after"]),
        this.#context.clock.wallNow(),
        single(end.headers["date"]),
      ),
      response,
    });
  }

  #explain(end: Exclude<ExchangeEnd, { type: "answered" }>): Error {
    const facts = this.#facts;
    const stage = facts?.stage ?? "connect";
    // Written in any exchange of this attempt: a resend that met nothing does not undo the first.
    const written = this.#resends.written > 0 || facts?.written === true;
    const effect = written && !this.#request.contract.readOnly ? "unknown" : "none";
    const sofar = this.#answerSoFar(facts);
    switch (end.type) {
      case "aborted":
        // The policy that ended the call has its own failure on the way; this one is what its slot waits for.
        return Failure.is(end.reason) ? end.reason : new Error("aborted", { cause: end.reason });
      case "timedOut":
        return this.#failure(silence(stage, this.#request.readMs, effect), {
          code: httpFailureCodes.readTimeout,
          effect,
          ...sofar,
        });
      case "tooLarge":
        return this.#failure(`its answer is larger than ${this.#request.maxResponseBytes} bytes`, {
          code: httpFailureCodes.responseTooLarge,
          effect,
          transient: false,
          ...sofar,
        });
      case "broken": {
        const verdict = end.connecting
          ? verdictOfConnectError(end.error, this.#settings.peer)
          : verdictOfExchangeError(end.error, stage);
        return this.#failure(verdict.text, {
          code: verdict.code,
          effect,
          kind: verdict.kind ?? "failed",
          transient: verdict.transient,
          cause: causeOf(end.error),
          ...sofar,
        });
      }
    }
  }

  /** The head of an answer whose body did not arrive; what came of the body is not handed on. */
  #answerSoFar(facts: ExchangeFacts | undefined): { response?: HttpResponse } {
    if (facts?.status === undefined || facts.headers === undefined) return {};
    return { response: this.#response(facts.status, facts.headers, new Uint8Array(0)) };
  }

  #response(status: number, headers: HttpResponse["headers"], body: Uint8Array): HttpResponse {
    const { contract } = this.#request;
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

  #failure(message: string, init: Omit<HttpFailureInit, "integration" | "operation">): HttpFailure {
    const { integration } = this.#settings;
    const { operation, progress } = this.#request;
    const facts = this.#facts;
    return new HttpFailure(`${integration}.${operation}: ${message}`, {
      stage: facts?.stage ?? "acquire",
      written: progress.writtenBefore || facts?.written === true,
      reused: facts?.reused,
      attempts: progress.attempts,
      ...init,
      integration,
      operation,
    });
  }

  report(error: unknown): void {
    const { emit, integration } = this.#settings;
    if (emit === undefined) return;
    const facts = this.#facts;
    const endedAtMs = this.#context.clock.now();
    const failure = Failure.is(error) ? error : undefined;
    const stage: HttpStage = facts?.stage ?? "acquire";
    emit({
      type: "attemptFinished",
      integration,
      operation: this.#request.operation,
      attempt: this.#context.attempt,
      code: failure?.code ?? (error === undefined ? undefined : "UNKNOWN"),
      effect: failure?.effect,
      stage,
      status: facts?.status,
      written: facts?.written === true || this.#resends.written > 0,
      reused: facts?.reused === true,
      resends: this.#resends.unwritten + this.#resends.written,
      acquireMs: (this.#leasedAtMs ?? endedAtMs) - this.#startedAtMs,
      connectMs: between(this.#leasedAtMs, facts?.sentAtMs),
      headersMs: between(facts?.sentAtMs, facts?.headersAtMs),
      bodyMs: facts?.headersAtMs === undefined ? undefined : endedAtMs - facts.headersAtMs,
      durationMs: endedAtMs - this.#startedAtMs,
    });
  }
}

/** A connection that rested for less than this is used at once for requests that may be resent. */
const trustedIdleMs = 10;

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

function between(fromMs: number | undefined, untilMs: number | undefined): number | undefined {
  return fromMs === undefined || untilMs === undefined ? undefined : untilMs - fromMs;
}
