import { createReadStream, mkdirSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Books, type ChargeOutcome, type ChargeRequest } from "./books.ts";
import { FaultSwitch } from "./fault-switch.ts";
import type { FaultReport, FaultSetting } from "./faults.ts";
import { Listener } from "./listener.ts";
import { answer, answerLines, answerProblem, Problem, readJson } from "./problem.ts";
import { keyOf, parseCancel, parseCharge, parseInquiry } from "./requests.ts";

export interface SandboxOptions {
  readonly name: string;
  readonly journalPath: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
}

/** The payment provider itself: its API on one port, its books, and the faults it is told to show. */
export class Sandbox {
  readonly #books: Books;
  readonly #fault = new FaultSwitch();
  readonly #http: Server;
  readonly #listener: Listener;
  /** Keys of charges that are being worked on. */
  readonly #working = new Set<string>();
  /** Connections with a request that has not been answered. */
  readonly #busy = new Set<Socket>();
  #chargesWhileBlind = 0;
  #cancelsDropped = 0;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: SandboxOptions) {
    mkdirSync(dirname(options.journalPath), { recursive: true });
    this.#books = new Books(options.name, options.journalPath);
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#listener = new Listener(options.port, (socket) => this.#accept(socket));
  }

  get url(): string {
    return this.#listener.url;
  }

  get counts(): Books["counts"] {
    return this.#books.counts;
  }

  get report(): FaultReport {
    return this.#fault.report;
  }

  open(): Promise<void> {
    return this.#listener.open();
  }

  async close(): Promise<void> {
    await this.#changing.catch(() => {});
    if (this.report.kind !== "refuse") await this.#listener.close();
    this.#books.close();
  }

  /** Shows another fault from now on. Resolves when it is in force; changes happen one after the other. */
  change(setting: FaultSetting): Promise<FaultReport> {
    const change = this.#changing.then(
      () => this.#change(setting),
      () => this.#change(setting),
    );
    this.#changing = change;
    return change;
  }

  async #change(setting: FaultSetting): Promise<FaultReport> {
    const wasRefusing = this.#fault.setting.kind === "refuse";
    if (wasRefusing && setting.kind !== "refuse") await this.#listener.open();
    this.#fault.change(setting);
    if (!wasRefusing && setting.kind === "refuse") {
      this.#fault.touch(); // The closed port itself: who is refused there never reaches us.
      for (let closed = await this.#listener.close(); closed > 0; closed -= 1) this.#fault.touch();
    }
    if (setting.kind === "closeIdle") {
      for (const socket of this.#listener.sockets) if (!this.#busy.has(socket)) this.#closeIdle(socket);
    }
    return this.report;
  }

  #accept(socket: Socket): void {
    if (this.#fault.setting.kind !== "resetBeforeRead") {
      this.#http.emit("connection", socket);
      return;
    }
    socket.on("error", () => {});
    this.#fault.keepWaiting(socket);
    socket.once("data", () => this.#reset(socket));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.#busy.add(socket);
    response.once("close", () => this.#answered(socket));
    // A connection that was open before the fault came on.
    if (this.#fault.setting.kind === "resetBeforeRead") return this.#reset(socket);
    try {
      await this.#route(request, response);
    } catch (error) {
      if (error instanceof Problem) return answerProblem(response, error);
      if (socket.destroyed) return; // The caller left while its request was being read.
      console.error(error);
      answerProblem(response, new Problem(500, "INTERNAL", "the sandbox failed; see its output"));
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? "/", "http://sandbox");
    if (url === null) throw new Problem(400, "INVALID_REQUEST", "the request's target is not a URL");
    const route = `${request.method} ${url.pathname}`;
    if (route === "POST /v1/charges") {
      const key = keyOf(request);
      return await this.#charge(request.socket, response, parseCharge(await readJson(request)), key);
    }
    if (route === "GET /v1/charges") return this.#inquire(response, parseInquiry(url));
    if (route === "POST /v1/cancels") {
      const { key, orderId } = parseCancel(await readJson(request));
      return this.#cancel(request.socket, response, key, orderId);
    }
    if (route === "GET /journal") return this.sendJournal(request, response);
    if (route === "GET /blocked") return answerLines(response, this.#books.blockedKeys);
    const allow = methods[url.pathname];
    if (allow === undefined) throw new Problem(404, "NOT_FOUND", `there is no ${url.pathname}`);
    throw new Problem(405, "METHOD_NOT_ALLOWED", `${url.pathname} takes ${allow}`, { allow });
  }

  async #charge(
    socket: Socket,
    response: ServerResponse,
    charge: ChargeRequest,
    key: string | undefined,
  ): Promise<void> {
    const { kind, delayMs = 0, retryAfterSeconds = 0 } = this.#fault.setting;
    switch (kind) {
      case "unavailable": {
        this.#fault.touch();
        const headers = { "retry-after": String(retryAfterSeconds) };
        throw new Problem(503, "UNAVAILABLE", "the provider is down for maintenance", headers);
      }
      case "hangBeforeApply":
        return this.#leaveWaiting(socket);
      case "applyThenHang":
        this.#apply(charge, key);
        return this.#leaveWaiting(socket);
      case "applyThenReset":
        this.#apply(charge, key);
        return this.#reset(socket);
      case "applyLate":
        this.#leaveWaiting(socket);
        // A repetition waits as well, and finds its key charged when its time comes.
        await this.#work(charge, key, delayMs);
        return;
      case "slow":
        this.#fault.touch();
        this.#refuseWhileWorking(key);
        return answerCharge(response, await this.#work(charge, key, delayMs));
      case "failInquiry": {
        const outcome = this.#apply(charge, key);
        this.#chargesWhileBlind += 1;
        return this.#chargesWhileBlind % 2 === 0 ? this.#reset(socket) : answerCharge(response, outcome);
      }
      default:
        if (kind === "healthy") this.#fault.touch();
        return answerCharge(response, this.#apply(charge, key));
    }
  }

  #inquire(response: ServerResponse, orderId: string): void {
    if (this.#fault.setting.kind === "failInquiry") {
      this.#fault.touch();
      throw new Problem(500, "INQUIRY_FAILED", "the provider cannot look charges up at the moment");
    }
    answer(response, 200, { charges: this.#books.chargesOf(orderId) });
  }

  #cancel(socket: Socket, response: ServerResponse, key: string, orderId: string): void {
    const outcome = this.#books.cancel(key, orderId);
    if (this.#fault.setting.kind === "dropCancelAnswer") {
      this.#cancelsDropped += 1;
      if (this.#cancelsDropped % 2 === 1) this.#reset(socket);
      else this.#leaveWaiting(socket);
      return;
    }
    if (outcome.status === "otherOrder") {
      throw new Problem(422, "KEY_OF_OTHER_ORDER", `key ${key} belongs to another order than ${orderId}`);
    }
    const chargeId = outcome.status === "cancelled" ? { chargeId: outcome.charge.chargeId } : {};
    answer(response, 200, { status: outcome.status, key, orderId, ...chargeId });
  }

  /**
   * Lines are appended whole, so the size of a moment is the end of a line. A reader that comes again asks with
   * `Range: bytes=N-` for what was added since; when that is nothing the answer is empty rather than a 416.
   */
  sendJournal(request: IncomingMessage, response: ServerResponse): void {
    const { size } = statSync(this.#books.journalPath);
    const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const start = Math.min(Number(from ?? 0), size);
    response.writeHead(from === undefined ? 200 : 206, {
      "content-type": "application/x-ndjson",
      "content-length": size - start,
      "accept-ranges": "bytes",
      ...(from !== undefined && {
        "content-range": start < size ? `bytes ${start}-${size - 1}/${size}` : `bytes */${size}`,
      }),
    });
    if (size === start) return void response.end();
    pipeline(createReadStream(this.#books.journalPath, { start, end: size - 1 }), response, () => {});
  }

  /** @throws Problem 409 while the same key is being worked on. */
  #apply(charge: ChargeRequest, key: string | undefined): ChargeOutcome {
    this.#refuseWhileWorking(key);
    return this.#books.charge(charge, key);
  }

  /** Applies after a while, unless the key was blocked in between; whether the caller is still there is all one. */
  async #work(charge: ChargeRequest, key: string | undefined, delayMs: number): Promise<ChargeOutcome> {
    if (key !== undefined) this.#working.add(key);
    try {
      await sleep(delayMs);
      return this.#books.charge(charge, key);
    } finally {
      if (key !== undefined) this.#working.delete(key);
    }
  }

  #refuseWhileWorking(key: string | undefined): void {
    if (key === undefined || !this.#working.has(key)) return;
    const headers = { "retry-after": "1" };
    throw new Problem(409, "KEY_IN_PROGRESS", `key ${key} is being worked on; ask again later`, headers);
  }

  #leaveWaiting(socket: Socket): void {
    this.#fault.touch();
    this.#fault.keepWaiting(socket);
  }

  #reset(socket: Socket): void {
    this.#fault.touch();
    socket.resetAndDestroy();
  }

  #answered(socket: Socket): void {
    this.#busy.delete(socket);
    const { kind, delayMs = 0 } = this.#fault.setting;
    if (kind !== "closeIdle") return;
    if (delayMs === 0) this.#closeIdle(socket);
    else setTimeout(() => this.#closeIdle(socket), delayMs);
  }

  #closeIdle(socket: Socket): void {
    if (this.#busy.has(socket) || socket.destroyed) return;
    this.#fault.touch("closeIdle");
    socket.destroy();
  }
}

const methods: Readonly<Record<string, string>> = {
  "/v1/charges": "GET, POST",
  "/v1/cancels": "POST",
  "/journal": "GET",
  "/blocked": "GET",
};

function answerCharge(response: ServerResponse, outcome: ChargeOutcome): void {
  switch (outcome.status) {
    case "approved":
      answer(response, 200, outcome.charge);
      return;
    case "declined":
      throw new Problem(402, "CARD_DECLINED", "amounts that end in 13 are declined");
    case "keyReused":
      throw new Problem(422, "KEY_REUSED", "this Idempotency-Key was used for another charge");
    case "keyCancelled":
      throw new Problem(410, "KEY_CANCELLED", "this Idempotency-Key was cancelled; it charges nothing");
  }
}
