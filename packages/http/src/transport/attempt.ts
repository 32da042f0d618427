import type { CallContext, Failure, Timer } from "@outrigger/core";
import { codeOf } from "../classify/connection-error.ts";
import { mayResend } from "../classify/resend.ts";
import { afterPoll } from "../clock/after-poll.ts";
import { codingsOf, decodeStream, decodeWhole, withoutCoding } from "../decode-body.ts";
import type { HttpEvent } from "../events.ts";
import { httpFailureCodes } from "../failure.ts";
import type { ConnectionPool, Lease } from "../pool/connection-pool.ts";
import type { Place } from "../pool/waiters.ts";
import type { HttpResponse, ResponseHeaders } from "../response.ts";
import { attemptFinished } from "./attempt-finished.ts";
import { type BodyGuard, guardBody } from "./body-guard.ts";
import { capturePlace } from "./call-place.ts";
import { Exchange, type ExchangeEnd, type ExchangeOwner } from "./exchange.ts";
import type { IncomingBody } from "./incoming-body.ts";
import { type AttemptFacts, Judge } from "./judge.ts";
import { isSpent, type PreparedRequest } from "./request.ts";
import { SourceError } from "./sending-body.ts";
import { StreamedResponse } from "./streamed-response.ts";

export interface TransportSettings {
  readonly integration: string;
  /** Host and port, for messages. */
  readonly peer: string;
  readonly pool: ConnectionPool;
  readonly acquireMs: number;
  /** How long the body of a streamed answer may lie unread. */
  readonly leakMs: number;
  /** Undefined when nobody listens. */
  readonly emit: ((event: HttpEvent) => void) | undefined;
}

/**
 * One attempt: a connection, the request on it, the whole answer; or the head of a streamed one, and then its body.
 *
 * It is driven by callbacks and makes no promise of its own, because it is what every call costs.
 */
export class Attempt implements ExchangeOwner, AttemptFacts {
  readonly settings: TransportSettings;
  readonly request: PreparedRequest;
  readonly context: CallContext;
  readonly startedAtMs: number;
  leasedAtMs: number | undefined = undefined;
  exchange: Exchange | undefined = undefined;
  unwrittenResends = 0;
  writtenResends = 0;
  readonly #resolve: (response: HttpResponse | StreamedResponse) => void;
  readonly #reject: (error: unknown) => void;
  #lease: Lease | undefined = undefined;
  #place: Place<(lease: Lease) => void> | undefined = undefined;
  #acquireTimer: Timer | undefined = undefined;
  #forgetAbort: (() => void) | undefined = undefined;
  /** Aborted while no exchange ran that could be told. */
  #gone: Failure | undefined = undefined;
  #guard: BodyGuard | undefined = undefined;

  constructor(
    settings: TransportSettings,
    request: PreparedRequest,
    context: CallContext,
    resolve: (response: HttpResponse | StreamedResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.settings = settings;
    this.request = request;
    this.context = context;
    this.#resolve = resolve;
    this.#reject = reject;
    this.startedAtMs = context.clock.now();
    const { progress } = request;
    progress.attempts = context.attempt;
    progress.writtenBefore ||= progress.current?.written === true;
    progress.current = undefined;
    context.record("none");
  }

  begin(): void {
    const { context, request } = this;
    if (context.abortReason !== undefined) {
      this.#fail(context.abortReason);
      return;
    }
    if (isSpent(request)) {
      this.#fail(new Judge(this).spent());
      return;
    }
    if (request.answer === "stream") request.progress.madeAt ??= capturePlace();
    this.#forgetAbort = context.onAbort((reason) => this.#aborted(reason));
    const lease = this.settings.pool.take();
    if (lease === undefined) this.#queue();
    else this.#leased(lease);
  }

  /**
   * Waits for a connection, for at most `acquireMs`. Whoever stops waiting, because of the time or because the caller
   * has gone, leaves the queue in that moment; no connection is opened, used or closed for it.
   */
  #queue(): void {
    const { pool, acquireMs } = this.settings;
    this.#place = pool.wait((lease) => {
      this.#acquireTimer?.cancel();
      this.#place = undefined;
      this.#leased(lease);
    });
    if (this.#place === undefined) {
      const { waiting, connections } = pool.snapshot();
      const message = `all ${connections} connections are in use and ${waiting} calls wait already`;
      this.#fail(new Judge(this).notAcquired(message, httpFailureCodes.poolFull));
      return;
    }
    this.#acquireTimer = this.context.clock.setTimer(acquireMs, () => {
      if (!this.#leaveQueue()) return;
      pool.countAcquireTimeout();
      const message = `no connection came free within ${acquireMs} ms`;
      this.#fail(new Judge(this).notAcquired(message, httpFailureCodes.acquireTimeout));
    });
  }

  #leaveQueue(): boolean {
    const place = this.#place;
    this.#place = undefined;
    return place !== undefined && this.settings.pool.leave(place);
  }

  #aborted(reason: Failure): void {
    if (this.exchange !== undefined) this.exchange.abort(reason);
    else if (this.#leaveQueue()) {
      this.#acquireTimer?.cancel();
      this.#fail(reason);
    } else this.#gone = reason;
  }

  #leased(lease: Lease): void {
    this.#lease = lease;
    this.leasedAtMs = this.context.clock.now();
    if (this.#mayBeStale(lease)) afterPoll(() => this.#looked(lease));
    else this.#send(lease);
  }

  #looked(lease: Lease): void {
    if (this.#gone !== undefined) this.#over({ type: "aborted", reason: this.#gone });
    else this.#send(lease.connection.open ? lease : lease.replace());
  }

  #send(lease: Lease): void {
    this.#lease = lease;
    this.exchange = new Exchange(this.request, lease, this.context, this);
    this.request.progress.current = this.exchange;
    this.exchange.start();
    if (lease.connection.isShared && this.exchange.sentAtMs === undefined) this.#boundWaitForStream();
  }

  /** The server may allow fewer streams than a connection is given; the request then waits in the client. */
  #boundWaitForStream(): void {
    const { acquireMs } = this.settings;
    const { exchange } = this;
    this.#acquireTimer = this.context.clock.setTimer(acquireMs, () => {
      if (exchange?.sentAtMs !== undefined) return;
      this.settings.pool.countAcquireTimeout();
      const message = `no stream of the connection came free within ${acquireMs} ms`;
      exchange?.abort(new Judge(this).notAcquired(message, httpFailureCodes.acquireTimeout));
    });
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
    // It is in use at this moment, and would have been found dead.
    if (connection.isShared && connection.leases > 1) return false;
    return !this.request.repeatable || connection.idleMs >= trustedIdleMs;
  }

  began(body: IncomingBody): void {
    const { exchange, context } = this;
    if (exchange?.status === undefined || exchange.headers === undefined) return;
    this.#forgetAbort?.();
    this.#guard = guardBody(this, exchange, body);
    context.leaveRunning(this.#guard.ended);
    const { status, headers } = exchange;
    const codings = this.request.decode === true ? codingsOf(headers) : undefined;
    this.#resolve(
      codings === undefined
        ? new StreamedResponse(status, headers, body.stream)
        : new StreamedResponse(
            status,
            withoutCoding(headers),
            decodeStream(body.stream, codings, this.request.maxResponseBytes, (error) =>
              new Judge(this).notDecoded(error),
            ),
          ),
    );
  }

  ended(end: ExchangeEnd): void {
    queueMicrotask(() => this.#over(end));
  }

  #over(end: ExchangeEnd): void {
    const { exchange, settings } = this;
    this.#acquireTimer?.cancel();
    const lease = this.#lease;
    if (exchange?.written === true && exchange.reused) settings.pool.countReuse();
    if (this.#guard !== undefined) {
      lease?.release();
      this.#report(this.#guard.settle(end));
      return;
    }
    if (end.type === "broken" && lease !== undefined && this.#isStale(end, lease)) {
      this.#countResend(exchange?.written === true, codeOf(end.error) ?? "UNKNOWN");
      this.#send(lease.replace());
      return;
    }
    this.#forgetAbort?.();
    lease?.release();
    if (end.type === "answered" && this.request.decode === true) this.#decode(end.body);
    else this.#conclude(end, exchange?.headers ?? {});
  }

  #decode(body: Buffer): void {
    const headers = this.exchange?.headers ?? {};
    const codings = codingsOf(headers);
    // Such as the answer to a HEAD, which has the headers of a body that is not there.
    if (codings === undefined || body.byteLength === 0) {
      this.#conclude({ type: "answered", body }, headers);
      return;
    }
    decodeWhole(body, codings, this.request.maxResponseBytes).then(
      (decoded) => this.#conclude({ type: "answered", body: decoded }, withoutCoding(headers)),
      (error: unknown) => this.#fail(new Judge(this).notDecoded(error)),
    );
  }

  /** @param headers - Those of the body as it is given. */
  #conclude(end: ExchangeEnd, headers: ResponseHeaders): void {
    const verdict = this.#judge(end, headers);
    if (verdict instanceof Error) this.#fail(verdict);
    else {
      this.#report(undefined);
      this.#resolve(verdict);
    }
  }

  /** Runs outside of the caller's promise, so what it throws must find its way there. */
  #judge(end: ExchangeEnd, headers: ResponseHeaders): HttpResponse | Error {
    try {
      const judge = new Judge(this);
      return end.type === "answered" ? judge.answer(end.body, headers) : judge.explain(end);
    } catch (error) {
      return error instanceof Error ? error : new Error("the answer was not judged", { cause: error });
    }
  }

  #fail(error: Error): void {
    this.#forgetAbort?.();
    this.#report(error);
    this.#reject(error);
  }

  #isStale(end: ExchangeEnd & { type: "broken" }, lease: Lease): boolean {
    const { exchange, request } = this;
    // A connection that was begun for somebody else and failed is as good as a stale one: nothing was sent on it.
    if (exchange === undefined || (end.connecting && !lease.joined)) return false;
    // The client has sent it a second time already.
    if (exchange.refused) return false;
    if (this.#gone !== undefined || isSpent(request)) return false;
    // The body's own trouble, on a connection that had none.
    if (end.error instanceof SourceError) return false;
    const code = codeOf(end.error);
    if (code !== undefined && neverStale.has(code)) return false;
    const spent = { unwritten: this.unwrittenResends, written: this.writtenResends };
    return mayResend(exchange, request.repeatable, spent);
  }

  /** What the server said it has not processed counts as not written. */
  sentAgain(): void {
    this.#countResend(false, "STREAM_REFUSED");
  }

  #countResend(written: boolean, code: string): void {
    const { emit, integration, pool } = this.settings;
    const { request } = this;
    if (written) this.writtenResends += 1;
    else this.unwrittenResends += 1;
    request.progress.writtenBefore ||= written;
    pool.countStaleResend(written);
    emit?.({
      type: "staleResend",
      integration,
      operation: request.operation,
      attempt: this.context.attempt,
      written,
      code,
    });
  }

  #report(error: unknown): void {
    const { emit } = this.settings;
    emit?.(attemptFinished(this, error));
  }
}

/** A connection that rested for less than this is used at once for requests that may be resent. */
const trustedIdleMs = 10;

/** Errors of ours, after which nothing is sent again. */
const neverStale: ReadonlySet<string> = new Set([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_DESTROYED",
  "UND_ERR_CLOSED",
  httpFailureCodes.closed,
]);
