import type { CallContext, Timer } from "@outrigger/core";
import type { Dispatcher } from "undici";
import { wantsOtherConnection } from "../classify/status.ts";
import type { HttpStage } from "../failure.ts";
import type { Lease } from "../pool/connection-pool.ts";
import { type ResponseHeaders, single } from "../response.ts";
import { type BodyListener, IncomingBody } from "./incoming-body.ts";
import { isRefusal } from "./refusal.ts";
import { type ExchangeFacts, isSource, type PreparedRequest } from "./request.ts";
import { SendingBody, type SendingListener } from "./sending-body.ts";

export type ExchangeEnd =
  /** All of the answer is here. `body` is empty for a streamed answer, whose body went elsewhere. */
  | { readonly type: "answered"; readonly body: Buffer }
  /** The connection failed; `connecting` when it had not been made. */
  | { readonly type: "broken"; readonly error: unknown; readonly connecting: boolean }
  | { readonly type: "timedOut" }
  | { readonly type: "tooLarge" }
  | { readonly type: "aborted"; readonly reason: unknown }
  /** The reader of a streamed answer wanted no more. */
  | { readonly type: "cancelled" };

/** Whom an exchange belongs to. */
export interface ExchangeOwner {
  /** A streamed answer begins. `ended` follows when its body has. */
  began(body: IncomingBody): void;
  /** The server had refused the request unprocessed, and it was written again. */
  sentAgain(): void;
  /** Told once, in the turn in which undici says so: its client is still at work, so nothing may be sent from here. */
  ended(end: ExchangeEnd): void;
}

const nothing = Buffer.alloc(0);
/** A rest that is not longer than this is read to its end rather than paid for with a new connection. */
const drainedBytes = 16 * 1024;

/**
 * One request on one leased connection, followed from the socket's side.
 *
 * undici tells the moment before the first byte leaves (`onRequestStart`), and that is where a request turns from
 * "certainly not applied" to "may have been applied"; with a body that is produced while it is sent, over HTTP/1.1, it
 * is its first chunk, which takes the head along. An exchange that is given up before that moment is never written, and
 * costs its connection nothing: `onRequestStart` throws, and undici takes the next request.
 */
export class Exchange implements Dispatcher.DispatchHandler, ExchangeFacts, SendingListener, BodyListener {
  stage: HttpStage;
  written = false;
  reused = false;
  answered = false;
  refused = false;
  status: number | undefined = undefined;
  headers: ResponseHeaders | undefined = undefined;
  sentAtMs: number | undefined = undefined;
  tlsMs: number | undefined = undefined;
  headersAtMs: number | undefined = undefined;
  readonly #request: PreparedRequest;
  readonly #lease: Lease;
  readonly #context: CallContext;
  readonly #owner: ExchangeOwner;
  #started = false;
  #wasShared = false;
  #over = false;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #sending: SendingBody | undefined = undefined;
  #body: IncomingBody | undefined = undefined;
  /** What has come of a body that is read whole; most answers come in one piece. */
  #first: Buffer | undefined = undefined;
  #others: Buffer[] | undefined = undefined;
  #receivedBytes = 0;
  #readTimer: Timer | undefined = undefined;
  #heardAtMs = 0;
  /** Of the two, silence is the other side's only when neither holds. */
  #waitsForSource = false;
  #waitsForReader = false;
  #discards = false;
  #readAtMs = 0;
  #bytesReadBefore = 0;

  constructor(request: PreparedRequest, lease: Lease, context: CallContext, owner: ExchangeOwner) {
    this.#request = request;
    this.#lease = lease;
    this.#context = context;
    this.#owner = owner;
    this.stage = lease.connection.open ? "send" : "connect";
  }

  /** Hands the request to the connection. The owner hears when the answer is here, or cannot come any more. */
  start(): void {
    const { method, target, headers, body, headersAtSend } = this.#request;
    const all = headersAtSend === undefined ? headers : [...headers, ...headersAtSend(this.#context)];
    if (!isSource(body)) {
      const plain = { method, path: target, headers: all as string[], body: body ?? null };
      this.#lease.connection.dispatch(plain, this);
      return;
    }
    this.#sending = new SendingBody(body, this);
    const { length } = body;
    this.#lease.connection.dispatch(
      {
        method,
        path: target,
        headers: length === undefined ? (all as string[]) : [...all, "content-length", String(length)],
        // An iterable, which undici takes as well; its types know it under another name.
        body: this.#sending as unknown as Buffer,
      },
      this,
    );
  }

  /** Ends the exchange from our side. */
  abort(reason: Error): void {
    this.#giveUp({ type: "aborted", reason }, reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: `controller.abort` would destroy a healthy connection.
    if (this.#over) throw new Error("the request was given up before it was written");
    // Whether a request may go out twice is decided by `mayResend` alone, never by a client that reconnects.
    const { connection } = this.#lease;
    if (this.#started) {
      if (!this.#wasShared || this.answered) throw new Error("the request had been written already");
      // Over HTTP/2 the client writes again only what the server said it has not processed, and only once.
      this.#owner.sentAgain();
    }
    this.#started = true;
    this.#wasShared = connection.isShared;
    this.#controller = controller;
    this.reused = connection.served > 0;
    if (!this.reused) this.tlsMs = connection.handshake?.tlsMs;
    this.#bytesReadBefore = connection.socket?.bytesRead ?? 0;
    connection.countRequest();
    this.stage = "send";
    this.sentAtMs = this.#context.clock.now();
    if (this.#sending !== undefined) this.#request.progress.opened = true;
    // Over HTTP/2 the head leaves now, whatever becomes of the body, and a service may act on it alone.
    if (this.#sending === undefined || this.#wasShared) this.#writing();
  }

  /** From here on bytes may leave. */
  #writing(): void {
    if (this.written) return;
    this.written = true;
    if (!this.#request.contract.readOnly) this.#context.record("unknown");
  }

  waitingForSource(): void {
    this.#waitsForSource = true;
  }

  handing(chunk: Uint8Array): void {
    this.#writing();
    this.#waitsForSource = false;
    this.#heard();
    this.#request.onProgress?.("sent", chunk.byteLength);
  }

  onRequestSent(): void {
    this.#waitsForSource = false;
    // A source may have been empty, and then it is only now that its head leaves.
    this.#writing();
    const { body, onProgress } = this.#request;
    if (onProgress !== undefined && body instanceof Uint8Array) onProgress("sent", body.byteLength);
    if (this.stage !== "send") return;
    const socket = this.#lease.connection.socket;
    // Over TLS some of it is always on its way; what counts is whether the socket asked us to wait.
    if (socket === undefined || !socket.writableNeedDrain) {
      this.#becomeStage("headers");
      return;
    }
    this.#heard();
    // The kernel did not take all of a large body at once; the wait for the answer begins when it has.
    socket.once("drain", () => {
      if (this.stage === "send") this.#becomeStage("headers");
    });
  }

  onResponseStarted(): void {
    this.answered = true;
    this.#heard();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    this.#heard();
    if (status < 200) return;
    this.#lease.connection.headArrived();
    this.status = status;
    this.headers = headers;
    this.headersAtMs = this.#heardAtMs;
    this.stage = "body";
    if (status >= 300 || !this.#isStreamed(headers)) return;
    this.#body = new IncomingBody(this);
    this.#controller = controller;
    this.#waitsForReader = true;
    this.#readAtMs = this.#heardAtMs;
    this.#owner.began(this.#body);
  }

  #isStreamed(headers: ResponseHeaders): boolean {
    const { answer, wholeUpToBytes = -1 } = this.#request;
    // Without a length it is NaN, and that is streamed.
    return answer === "stream" && !(Number(single(headers["content-length"])) <= wholeUpToBytes);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#heardAtMs = this.#context.clock.now();
    this.#receivedBytes += chunk.byteLength;
    this.#request.onProgress?.("received", chunk.byteLength);
    if (this.#receivedBytes > this.#request.maxResponseBytes) {
      this.#giveUp({ type: "tooLarge" }, new Error("the answer is too large"));
      return;
    }
    if (this.#body !== undefined) {
      if (!this.#body.push(chunk)) controller.pause();
      if (this.#waitsForReader === this.#body.isWanted) this.reading();
    } else if (this.#discards) return;
    else if (this.#first === undefined) this.#first = chunk;
    else if (this.#others === undefined) this.#others = [this.#first, chunk];
    else this.#others.push(chunk);
  }

  onResponseEnd(): void {
    if (this.status === undefined) return;
    const broken = this.#brokenEnd;
    if (broken !== undefined) {
      this.#settle({ type: "broken", error: broken, connecting: false });
      return;
    }
    // The rest of this request would go out in front of the next one, to a server that may read neither.
    const unsent = (this.#lease.connection.socket?.writableLength ?? 0) > 0;
    if (unsent || wantsOtherConnection(this.status)) this.#lease.connection.retire();
    const body = this.#others === undefined ? (this.#first ?? nothing) : Buffer.concat(this.#others);
    this.#settle({ type: "answered", body });
  }

  /**
   * What a body without a length ended with, other than a close. undici takes a reset for its end as well (it was met on
   * macOS in place of a close), and nothing else would tell a whole body from a part of one.
   */
  get #brokenEnd(): Error | undefined {
    const { headers } = this;
    if (headers === undefined || this.#wasShared) return undefined;
    if (headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined)
      return undefined;
    if (this.#receivedBytes === 0) return undefined;
    return this.#lease.connection.socket?.errored ?? undefined;
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    const { connection } = this.#lease;
    // Of a connection that others share it says nothing; whether anything came is known from the stream.
    const read = this.#wasShared ? undefined : connection.socket?.bytesRead;
    if (this.written && read !== undefined && read > this.#bytesReadBefore) this.answered = true;
    // The connector keeps the error it gave, so an error of connecting is told from one that came later by identity.
    this.refused = this.#started && this.#wasShared && !this.answered && isRefusal(error);
    const connecting = !this.#started && connection.connectError !== undefined;
    if (connecting) this.stage = "connect";
    this.#settle({ type: "broken", error, connecting });
  }

  /** Since when nobody has read; undefined while somebody waits for more. */
  get unreadSinceMs(): number | undefined {
    return this.#waitsForReader ? this.#readAtMs : undefined;
  }

  reading(): void {
    this.#waitsForReader = this.#body?.isWanted === false;
    this.#heard();
    this.#readAtMs = this.#heardAtMs;
  }

  roomMade(): void {
    this.#controller?.resume();
  }

  /** A short rest is read and dropped, so that the connection serves again. */
  cancelled(): void {
    if (this.#over) return;
    this.#body = undefined;
    this.#discards = true;
    const length = Number(single(this.headers?.["content-length"]));
    if (length - this.#receivedBytes <= drainedBytes) {
      this.reading();
      this.#controller?.resume();
    } else this.#giveUp({ type: "cancelled" }, new Error("the reader wants no more of the answer"));
  }

  /** A request that was written takes its socket with it: HTTP/1.1 has no other way. */
  #giveUp(end: ExchangeEnd, reason: Error): void {
    if (this.#over) return;
    this.#settle(end);
    this.#controller?.abort(reason);
  }

  #settle(end: ExchangeEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#readTimer?.cancel();
    this.#sending?.stop(new Error("the request has ended"));
    this.#owner.ended(end);
  }

  #becomeStage(stage: HttpStage): void {
    this.stage = stage;
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
      const { readMs } = this.#request;
      const counts = !this.#waitsForSource && !this.#waitsForReader;
      const silentMs = !counts ? 0 : this.#context.clock.now() - this.#heardAtMs;
      // Whole milliseconds: the rest of a fraction may be too small to move a clock on.
      if (silentMs < readMs) this.#armReadTimer(Math.ceil(readMs - silentMs));
      else this.#giveUp({ type: "timedOut" }, new Error("the read timeout has passed"));
    });
  }
}
