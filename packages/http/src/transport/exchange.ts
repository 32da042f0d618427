import type { CallContext, Timer } from "@outrigger/core";
import type { Dispatcher } from "undici";
import type { HttpStage } from "../failure.ts";
import type { Lease } from "../pool/connection-pool.ts";
import type { ResponseHeaders } from "../response.ts";
import type { ExchangeFacts, PreparedRequest } from "./request.ts";

export type ExchangeEnd =
  | {
      readonly type: "answered";
      readonly status: number;
      readonly headers: ResponseHeaders;
      readonly body: Buffer;
    }
  /** The connection failed; `connecting` when it had not been made. */
  | { readonly type: "broken"; readonly error: unknown; readonly connecting: boolean }
  | { readonly type: "timedOut" }
  | { readonly type: "tooLarge"; readonly bytes: number }
  | { readonly type: "aborted"; readonly reason: unknown };

const nothing = Buffer.alloc(0);

/**
 * One request on one leased connection, followed from the socket's side.
 *
 * undici tells the moment before the first byte leaves (`onRequestStart`), and that is where a request turns from
 * "certainly not applied" to "may have been applied". An exchange that is given up before that moment is never
 * written, and costs its connection nothing: `onRequestStart` throws, and undici takes the next request.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly facts: ExchangeFacts = {
    stage: "connect",
    written: false,
    reused: false,
    answered: false,
    status: undefined,
    headers: undefined,
    sentAtMs: undefined,
    headersAtMs: undefined,
  };
  readonly #request: PreparedRequest;
  readonly #lease: Lease;
  readonly #context: CallContext;
  readonly #end: (end: ExchangeEnd) => void;
  readonly #chunks: Buffer[] = [];
  #receivedBytes = 0;
  #over = false;
  #controller: Dispatcher.DispatchController | undefined;
  #readTimer: Timer | undefined;
  #heardAtMs = 0;
  #bytesReadBefore = 0;
  #forgetAbort: (() => void) | undefined;

  private constructor(
    request: PreparedRequest,
    lease: Lease,
    context: CallContext,
    end: (end: ExchangeEnd) => void,
  ) {
    this.#request = request;
    this.#lease = lease;
    this.#context = context;
    this.#end = end;
  }

  /** Sends the request and resolves when the whole answer is here, or cannot come any more. Never rejects. */
  static run(
    request: PreparedRequest,
    lease: Lease,
    context: CallContext,
  ): { readonly facts: ExchangeFacts; readonly ended: Promise<ExchangeEnd> } {
    const { promise, resolve } = Promise.withResolvers<ExchangeEnd>();
    const exchange = new Exchange(request, lease, context, resolve);
    request.progress.current = exchange.facts;
    exchange.#start();
    return { facts: exchange.facts, ended: promise };
  }

  #start(): void {
    const { method, target, headers, body } = this.#request;
    this.facts.stage = this.#lease.connection.open ? "send" : "connect";
    this.#forgetAbort = this.#context.onAbort((reason) => this.#giveUp({ type: "aborted", reason }, reason));
    if (this.#over) return;
    this.#lease.connection.dispatch(
      { method, path: target, headers: headers as string[], body: body ?? null },
      this,
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: `controller.abort` would destroy a healthy connection.
    if (this.#over) throw new Error("the request was given up before it was written");
    // Whether a request may go out twice is decided by `mayResend` alone, never by a client that reconnects.
    if (this.facts.written) throw new Error("the request had been written already");
    const { connection } = this.#lease;
    this.#controller = controller;
    this.facts.reused = connection.served > 0;
    this.#bytesReadBefore = connection.socket?.bytesRead ?? 0;
    connection.countRequest();
    if (!this.#request.contract.readOnly) this.#context.record("unknown");
    this.facts.written = true;
    this.facts.stage = "send";
    this.facts.sentAtMs = this.#context.clock.now();
  }

  onRequestSent(): void {
    this.#heard();
    const socket = this.#lease.connection.socket;
    if (socket === undefined || socket.writableLength === 0) {
      this.#becomeStage("headers");
      return;
    }
    // The kernel did not take all of a large body at once; the wait for the answer begins when it has.
    socket.once("drain", () => {
      if (this.facts.stage === "send") this.#becomeStage("headers");
    });
  }

  onResponseStarted(): void {
    this.facts.answered = true;
    this.#heard();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHeaders,
  ): void {
    this.#heard();
    if (status < 200) return;
    this.facts.status = status;
    this.facts.headers = headers;
    this.facts.headersAtMs = this.#heardAtMs;
    this.#becomeStage("body");
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#heardAtMs = this.#context.clock.now();
    this.#receivedBytes += chunk.byteLength;
    if (this.#receivedBytes > this.#request.maxResponseBytes) {
      this.#giveUp({ type: "tooLarge", bytes: this.#receivedBytes }, new Error("the answer is too large"));
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { status, headers } = this.facts;
    if (status === undefined || headers === undefined) return;
    // The rest of this request would go out in front of the next one, to a server that may read neither.
    if ((this.#lease.connection.socket?.writableLength ?? 0) > 0) this.#lease.connection.retire();
    const [only] = this.#chunks;
    const body = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : (only ?? nothing);
    this.#settle({ type: "answered", status, headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    const { connection } = this.#lease;
    const read = connection.socket?.bytesRead;
    if (this.facts.written && read !== undefined && read > this.#bytesReadBefore) this.facts.answered = true;
    // The connector keeps the error it gave, so an error of connecting is told from one that came later by identity.
    const connecting = !this.facts.written && connection.connectError !== undefined;
    if (connecting) this.facts.stage = "connect";
    this.#settle({ type: "broken", error, connecting });
  }

  /** Ends the exchange from our side. A request that was written takes its socket with it: HTTP/1.1 has no other way. */
  #giveUp(end: ExchangeEnd, reason: Error): void {
    if (this.#over) return;
    this.#settle(end);
    this.#controller?.abort(reason);
  }

  #settle(end: ExchangeEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#readTimer?.cancel();
    this.#forgetAbort?.();
    this.#end(end);
  }

  #becomeStage(stage: HttpStage): void {
    this.facts.stage = stage;
    this.#heard();
  }

  /**
   * Notes a sign of life. The timer is not set anew for each: when it fires it looks how long the silence has been
   * and waits for the rest, so that an answer of a thousand chunks costs one timer.
   */
  #heard(): void {
    this.#heardAtMs = this.#context.clock.now();
    if (this.#readTimer === undefined && !this.#over) this.#armReadTimer(this.#request.readMs);
  }

  #armReadTimer(delayMs: number): void {
    this.#readTimer = this.#context.clock.setTimer(delayMs, () => {
      const silentMs = this.#context.clock.now() - this.#heardAtMs;
      const leftMs = this.#request.readMs - silentMs;
      if (leftMs > 0) this.#armReadTimer(leftMs);
      else this.#giveUp({ type: "timedOut" }, new Error("the read timeout has passed"));
    });
  }
}
