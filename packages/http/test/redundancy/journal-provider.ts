import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** What becomes of one charge. Whatever is applied is in the journal. */
export type ChargeFault =
  | "healthy"
  | "declined"
  | "unavailable"
  | "resetUnapplied"
  | "applyThenReset"
  | "hangUnapplied"
  | "applyThenHang"
  | "applyLate"
  | "applyThenGarbage";

/** What becomes of one cancel; it always takes effect, unless it fails. */
export type CancelFault = "healthy" | "lost" | "hang" | "fails";

export interface JournalLine {
  readonly kind: "charge" | "cancel";
  readonly key: string;
  readonly orderId: string;
}

/**
 * A payment provider on a real socket that writes down what it has truly applied. A key is charged once, and never once it
 * was cancelled, also if the cancel came first.
 */
export class JournalProvider {
  readonly journal: JournalLine[] = [];
  readonly requests: {
    readonly target: string;
    readonly headers: IncomingMessage["headers"];
    readonly body: string;
  }[] = [];
  chargeFault: () => ChargeFault = () => "healthy";
  cancelFault: () => CancelFault = () => "healthy";
  /** How long the answer to a quote takes. */
  quoteMs = 0;
  quotesCut = 0;
  readonly #cancelled = new Set<string>();
  readonly #late: Promise<void>[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response).catch(() => {}));

  static async start(): Promise<JournalProvider> {
    const provider = new JournalProvider();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    onTestFinished(async () => {
      provider.#server.closeAllConnections();
      provider.#server.close();
      await Promise.all(provider.#late);
    });
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Nobody answers there any more. */
  refuse(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** What is charged and not cancelled. */
  active(orderId: string): readonly string[] {
    return this.journal
      .filter((line) => line.kind === "charge" && line.orderId === orderId && !this.#cancelled.has(line.key))
      .map(({ key }) => key);
  }

  /** Waits until nothing more arrives by itself. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  #charge(key: string, orderId: string): boolean {
    if (this.#cancelled.has(key)) return false;
    if (this.journal.some((line) => line.kind === "charge" && line.key === key)) return true;
    this.journal.push({ kind: "charge", key, orderId });
    return true;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const target = request.url ?? "";
    this.requests.push({ target, headers: request.headers, body });
    if (target.startsWith("/quotes")) return await this.#quote(response);
    const { orderId = "", key: cancelled = "" } = JSON.parse(body) as { orderId?: string; key?: string };
    if (target === "/cancels") return await this.#cancel(cancelled, orderId, response);
    const key = String(request.headers["idempotency-key"]);
    const fault = this.chargeFault();
    if (fault === "declined") return answer(response, 402, { code: "DECLINED" });
    if (fault === "unavailable") return answer(response, 503, { code: "UNAVAILABLE" });
    if (fault === "resetUnapplied") return void request.socket.resetAndDestroy();
    if (fault === "hangUnapplied") return;
    if (fault === "applyLate") {
      // Stuck in a queue of theirs; the caller has long gone.
      this.#late.push(sleep(150).then(() => void this.#charge(key, orderId)));
      return;
    }
    const charged = this.#charge(key, orderId);
    if (fault === "applyThenReset") return void request.socket.resetAndDestroy();
    if (fault === "applyThenHang") return;
    if (fault === "applyThenGarbage") return answer(response, 200, "<html>" as never);
    if (!charged) return answer(response, 410, { code: "CANCELLED" });
    answer(response, 200, { key, orderId });
  }

  async #cancel(key: string, orderId: string, response: ServerResponse): Promise<void> {
    const fault = this.cancelFault();
    if (fault === "fails") return answer(response, 500, {});
    if (!this.#cancelled.has(key)) this.journal.push({ kind: "cancel", key, orderId });
    this.#cancelled.add(key);
    if (fault === "lost") return void response.socket?.resetAndDestroy();
    if (fault === "hang") return;
    answer(response, 200, { cancelled: key });
  }

  async #quote(response: ServerResponse): Promise<void> {
    response.on("close", () => {
      if (!response.writableFinished) this.quotesCut += 1;
    });
    if (this.quoteMs > 0) await sleep(this.quoteMs);
    answer(response, 200, { rate: 1_320 });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "set-cookie": "session=of-this-provider",
  });
  response.end(text);
}
