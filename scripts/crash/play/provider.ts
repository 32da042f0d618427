import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Behaviour, waitsAtMostMs } from "../matrix/modes.ts";
import { pace } from "../matrix/pace.ts";

/** What a provider truly did. */
export interface JournalLine {
  readonly atMs: number;
  readonly provider: string;
  readonly kind: "charge" | "cancel";
  readonly order: string;
  readonly key: string;
}

/** How the providers treat one order. */
export interface Treatment {
  readonly behaviour: Behaviour;
  /** Whether a cancel stops an original that arrives after it. */
  readonly blocksLate: boolean;
  /** Whose behaviour it is; the others answer. */
  readonly of: string;
}

/** What is known under one key at one provider. */
interface Known {
  state: "charged" | "cancelled" | "declined" | "blocked";
  atMs: number;
}

interface Counts {
  charges: number;
  /** Answered without having found anything, and answered. */
  inquiry: number;
  cancel: number;
  inquiries: number;
  cancels: number;
}

interface Charge {
  readonly provider: string;
  readonly order: string;
  readonly key: string;
  /** Instant after which nothing may come of it any more. */
  readonly untilMs: number;
}

type Answer = readonly [status: number, body: object] | "lost";

/**
 * The payment providers of the matrix, over real HTTP. They live in the process that judges, so that no fault of the
 * matrix reaches them; thousands of orders share them, each with a treatment of its own, which the sandbox of the lab,
 * with one fault for all, cannot give.
 */
export class CrashProvider {
  /** Every order's lines, in order. */
  readonly #journal = new Map<string, JournalLine[]>();
  readonly #requests = new Map<string, string[]>();
  readonly #treatments = new Map<string, Treatment>();
  readonly #known = new Map<string, Map<string, Known>>();
  readonly #counts = new Map<string, Counts>();
  readonly #busy = new Map<string, number>();
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));
  readonly #webhook: (order: string, provider: string) => Promise<void>;

  /** @param webhook - Delivers what happened; resolves when it was taken, or when nobody can take it now. */
  constructor(webhook: (order: string, provider: string) => Promise<void>) {
    this.#webhook = webhook;
  }

  async start(): Promise<this> {
    this.#server.keepAliveTimeout = 60_000;
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  treat(order: string, treatment: Treatment): void {
    this.#treatments.set(order, treatment);
  }

  journal(order: string): readonly JournalLine[] {
    return this.#journal.get(order) ?? [];
  }

  /** What was asked for, with what became of it: for people. */
  requests(order: string): readonly string[] {
    return this.#requests.get(order) ?? [];
  }

  /** Whether something is under way that may still take effect, or be answered. */
  isBusy(order: string): boolean {
    return (this.#busy.get(order) ?? 0) > 0;
  }

  forget(order: string): void {
    for (const map of [this.#journal, this.#requests, this.#treatments, this.#known, this.#counts]) {
      map.delete(order);
    }
    if (!this.isBusy(order)) this.#busy.delete(order);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://provider");
    request.resume();
    const [, provider = "", what = ""] = pathname.split("/");
    const order = searchParams.get("order") ?? "";
    const key = searchParams.get("key") ?? "";
    const untilMs = Number(searchParams.get("until") ?? Number.POSITIVE_INFINITY);
    const noted = this.#noted(order, `${provider} ${what} ${key}`);
    const answer = await this.#during(order, async () => {
      if (what === "charge") return await this.#charge({ provider, order, key, untilMs });
      return what === "inquire" ? this.#inquire(provider, order, key) : this.#cancel(provider, order, key);
    });
    if (what === "cancel") this.#countsOf(order).cancel += 1;
    if (what === "inquire" && answer[0] === 404) this.#countsOf(order).inquiry += 1;
    noted(answer === "lost" ? "answer lost" : String(answer[0]));
    if (answer === "lost") {
      response.destroy();
      return;
    }
    response.writeHead(answer[0], { "content-type": "application/json" });
    response.end(JSON.stringify(answer[1]));
  }

  async #charge(asked: Charge): Promise<Answer> {
    const { provider, order, key } = asked;
    const behaviour = this.#behaviour(provider, order);
    const { charge, chargesLost = 0, answersLost = 0, againAfterMs } = behaviour;
    const { chargesBusy = 0, answeredLateMs, appliedAfterMs = 0, appliedAfter } = behaviour;
    const counts = this.#countsOf(order);
    counts.charges += 1;
    if (counts.charges <= chargesLost) return "lost";
    if (counts.charges <= chargesBusy) return [503, { code: "BUSY" }];
    switch (charge) {
      case "declined":
        this.#knownOf(order).set(`${provider} ${key}`, { state: "declined", atMs: Date.now() });
        return [402, { code: "CARD_DECLINED" }];
      case "late":
        void this.#later(order, appliedAfterMs, async () => {
          if (appliedAfter !== undefined) await this.#until(() => counts[appliedAfter] > 0);
          this.#apply(asked);
        });
        return "lost";
      default:
    }
    const stands = this.#apply(asked);
    if (againAfterMs !== undefined) {
      void this.#later(order, againAfterMs, () => this.#apply(asked));
    }
    if (behaviour.webhookFirst === true) {
      await this.#webhook(order, provider);
      void this.#later(order, 0, () => this.#webhook(order, provider));
    }
    if (counts.charges <= answersLost) return "lost";
    if (answeredLateMs !== undefined) await sleep(pace.leaseMs + answeredLateMs);
    return stands ? [200, { charge: `${provider}-${key}` }] : [410, { code: "KEY_CANCELLED" }];
  }

  /** Once per key, unless it was blocked before, or its time is over. @returns whether the charge stands. */
  #apply({ provider, order, key, untilMs }: Charge): boolean {
    const known = this.#knownOf(order);
    const name = `${provider} ${key}`;
    if (!known.has(name) && Date.now() <= untilMs) {
      known.set(name, { state: "charged", atMs: Date.now() });
      this.#write({ atMs: Date.now(), provider, kind: "charge", order, key });
    }
    return known.get(name)?.state === "charged";
  }

  #inquire(provider: string, order: string, key: string): Answer {
    const { inquiriesFailing = 0, inquiryLagMs = 0 } = this.#behaviour(provider, order);
    const counts = this.#countsOf(order);
    counts.inquiries += 1;
    if (counts.inquiries <= inquiriesFailing) return [500, { code: "DOWN" }];
    const known = this.#knownOf(order).get(`${provider} ${key}`);
    if (known === undefined || Date.now() - known.atMs < inquiryLagMs) return [404, { code: "UNKNOWN_KEY" }];
    return [200, { charge: `${provider}-${key}`, state: known.state }];
  }

  #cancel(provider: string, order: string, key: string): Answer {
    const { cancelAnswersLost = 0, cancelRefused } = this.#behaviour(provider, order);
    const known = this.#knownOf(order);
    const name = `${provider} ${key}`;
    const before = known.get(name);
    if (cancelRefused === true && before?.state === "charged") return [409, { code: "SETTLED" }];
    if (before?.state === "charged") {
      before.state = "cancelled";
      this.#write({ atMs: Date.now(), provider, kind: "cancel", order, key });
    } else if (before === undefined && this.#treatments.get(order)?.blocksLate === true) {
      known.set(name, { state: "blocked", atMs: Date.now() });
    }
    const counts = this.#countsOf(order);
    counts.cancels += 1;
    return counts.cancels <= cancelAnswersLost ? "lost" : [200, {}];
  }

  #behaviour(provider: string, order: string): Behaviour {
    const treatment = this.#treatments.get(order);
    return treatment === undefined || treatment.of !== provider ? {} : treatment.behaviour;
  }

  /** Of one order, by provider and key. */
  #knownOf(order: string): Map<string, Known> {
    const all = this.#known.get(order) ?? new Map<string, Known>();
    this.#known.set(order, all);
    return all;
  }

  #countsOf(order: string): Counts {
    const counts = this.#counts.get(order) ?? { charges: 0, inquiries: 0, cancels: 0, inquiry: 0, cancel: 0 };
    this.#counts.set(order, counts);
    return counts;
  }

  #write(line: JournalLine): void {
    const lines = this.#journal.get(line.order);
    if (lines === undefined) this.#journal.set(line.order, [line]);
    else lines.push(line);
  }

  /** @returns a function that says what became of it. */
  #noted(order: string, what: string): (became: string) => void {
    const lines = this.#requests.get(order) ?? [];
    this.#requests.set(order, lines);
    const index = lines.push(`${what}: under way`) - 1;
    return (became) => {
      lines[index] = `${what}: ${became}`;
    };
  }

  /** And a moment longer, so that what happened is known where it was asked. */
  async #until(holds: () => boolean): Promise<void> {
    for (const untilMs = performance.now() + waitsAtMostMs; performance.now() < untilMs && !holds(); ) {
      await sleep(20);
    }
    await sleep(150);
  }

  async #later(order: string, ms: number, work: () => unknown): Promise<void> {
    await this.#during(order, async () => {
      await sleep(ms);
      await work();
    });
  }

  async #during<T>(order: string, work: () => Promise<T>): Promise<T> {
    this.#busy.set(order, (this.#busy.get(order) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#busy.set(order, (this.#busy.get(order) ?? 1) - 1);
    }
  }
}
