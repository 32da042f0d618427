import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a provider truly did, in the order in which it did it. */
export interface JournalLine {
  readonly kind: "charge" | "cancel";
  readonly key: string;
}

/** How a provider behaves. A number counts down; the rest stays until it is changed. */
export interface Mode {
  charge?: "ok" | "declined" | "unavailable" | "replyLost" | "hangAfterApply" | "hangBeforeApply" | "late";
  /** For `late`: how long after the request its charge is applied, whoever still waits. */
  lateMs?: number;
  failInquiries?: number;
  loseCancelReplies?: number;
  /** A cancel of an unknown key does nothing, instead of blocking the key. */
  noTombstones?: boolean;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

/** A payment provider over real HTTP, with a journal of what it did. */
export class TestProvider {
  readonly journal: JournalLine[] = [];
  readonly requests: string[] = [];
  mode: Mode = {};
  /** Modes of single keys, so that many cases can share one provider. */
  readonly modes: Map<string, Mode> = new Map();
  readonly #active = new Set<string>();
  readonly #known = new Set<string>();
  readonly #blocked = new Set<string>();
  readonly #late = new Set<Promise<void>>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Charges that were made for this key, less the ones that were cancelled. */
  activeCharges(key: string): number {
    const of = (kind: JournalLine["kind"]): number =>
      this.journal.filter((line) => line.kind === kind && line.key === key).length;
    return of("charge") - of("cancel");
  }

  /** Resolves when nothing is under way any more that could still be applied. */
  async quiet(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  #modeOf(key: string): Mode {
    return this.modes.get(key) ?? this.mode;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://provider");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const key = searchParams.get("key") ?? "";
    this.requests.push(`${pathname} ${key}`);
    const answer =
      pathname === "/charge"
        ? await this.#charge(key)
        : pathname === "/inquire"
          ? this.#inquire(key)
          : this.#cancel(key);
    if (answer === "hang") return;
    if (answer === "lose") {
      response.destroy();
      return;
    }
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  }

  async #charge(key: string): Promise<Answer | "hang" | "lose"> {
    const mode = this.#modeOf(key);
    switch (mode.charge) {
      case "declined":
        return { status: 402, body: { code: "CARD_DECLINED" } };
      case "unavailable":
        return { status: 503, body: { code: "BUSY" } };
      case "replyLost":
        this.#apply(key);
        return "lose";
      case "hangAfterApply":
        this.#apply(key);
        return "hang";
      case "hangBeforeApply":
        return "hang";
      case "late": {
        const applied = new Promise<void>((resolve) => {
          setTimeout(() => {
            this.#apply(key);
            resolve();
          }, mode.lateMs ?? 100);
        });
        this.#late.add(applied);
        await applied.finally(() => this.#late.delete(applied));
        return "lose";
      }
      default:
        return this.#apply(key)
          ? { status: 200, body: { charge: key } }
          : { status: 410, body: { code: "KEY_CANCELLED" } };
    }
  }

  /** @returns whether the key stands charged afterwards. */
  #apply(key: string): boolean {
    if (this.#blocked.has(key)) return false;
    if (!this.#known.has(key)) {
      this.#known.add(key);
      this.#active.add(key);
      this.journal.push({ kind: "charge", key });
    }
    return this.#active.has(key);
  }

  #inquire(key: string): Answer {
    const mode = this.#modeOf(key);
    if ((mode.failInquiries ?? 0) > 0) {
      mode.failInquiries = (mode.failInquiries ?? 0) - 1;
      return { status: 500, body: {} };
    }
    if (!this.#known.has(key)) return { status: 404, body: {} };
    return { status: 200, body: { charge: key, active: this.#active.has(key) } };
  }

  #cancel(key: string): Answer | "lose" {
    const mode = this.#modeOf(key);
    if (this.#active.delete(key)) this.journal.push({ kind: "cancel", key });
    if (mode.noTombstones !== true) this.#blocked.add(key);
    if ((mode.loseCancelReplies ?? 0) > 0) {
      mode.loseCancelReplies = (mode.loseCancelReplies ?? 0) - 1;
      return "lose";
    }
    return { status: 200, body: {} };
  }
}
