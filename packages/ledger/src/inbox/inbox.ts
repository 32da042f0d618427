import type { IncomingMessage, ServerResponse } from "node:http";
import type { Timer } from "@outrigger/core";
import type { PgTx } from "../drivers/pg.ts";
import { detached } from "../guard/transaction-scope.ts";
import type { Ledger } from "../ledger.ts";
import { codeOf, messageOf } from "../run/describe.ts";
import { type Internals, internalsOf } from "../run/internals.ts";
import { Applier } from "./applier.ts";
import { checkedEvent, checkedInbox, type InboxOptions, type InboxSettings } from "./options.ts";
import type { WebhookRequest } from "./signature.ts";
import { type InboxRecord, InboxTables } from "./tables.ts";

/**
 * What to answer the provider.
 *
 * - `stored` 200: it is durable, and will be applied.
 * - `known` 200: it came before.
 * - `ignored` 200: `read` wants nothing of it.
 * - `forged` 401: `verify` says why.
 * - `unreadable` 400: `read` threw, or what it gave cannot be stored.
 * - `tooLarge` 413.
 * - `failed` 503: nothing is stored; the provider sends it again.
 */
export interface WebhookAnswer {
  readonly status: 200 | 400 | 401 | 413 | 503;
  readonly outcome: "stored" | "known" | "ignored" | "forged" | "unreadable" | "tooLarge" | "failed";
  /** For one's own log. Not for whoever sent it. */
  readonly reason?: string;
}

/** Webhooks of one provider: stored once, then applied. */
export interface Inbox {
  /** Stores a webhook. Never throws: every outcome has its answer. */
  receive(request: WebhookRequest): Promise<WebhookAnswer>;
  /** The same for a server of Node's, or of a framework that leaves the body unread. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => Promise<WebhookAnswer>;
  /** Applies what is stored: at once what arrives here, by polling what other processes left. */
  start(): void;
  /** Ends after the events under way. */
  stop(): Promise<void>;
  /** An event, by the provider's id. */
  find(id: string): Promise<InboxRecord | undefined>;
  /** Events that are not done, the oldest first. */
  open(limit?: number): Promise<readonly InboxRecord[]>;
  /** Tries an event again now, also one that was given up. @returns whether there is one that is not done. */
  retry(id: string): Promise<boolean>;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function createInbox<Tx = PgTx>(ledger: Ledger<Tx>, options: InboxOptions<Tx>): Inbox {
  return new StoredInbox(internalsOf<Tx>("ledger", ledger), checkedInbox(options));
}

const tidyEveryMs = 3_600_000;
const openAtMost = 100;

class StoredInbox<Tx> implements Inbox {
  readonly #internals: Internals<Tx>;
  readonly #settings: InboxSettings<Tx>;
  readonly #tables: InboxTables<Tx>;
  readonly #applier: Applier<Tx>;
  #started = false;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #tidiedAtMs = Number.NEGATIVE_INFINITY;

  constructor(internals: Internals<Tx>, settings: InboxSettings<Tx>) {
    this.#internals = internals;
    this.#settings = settings;
    this.#tables = new InboxTables(internals.engine.store, internals.schema, settings.name);
    this.#applier = new Applier(internals, settings, this.#tables);
  }

  find(id: string): Promise<InboxRecord | undefined> {
    return this.#tables.find(id);
  }

  open(limit: number = openAtMost): Promise<readonly InboxRecord[]> {
    return this.#tables.open(Math.max(1, Math.trunc(limit)));
  }

  async retry(id: string): Promise<boolean> {
    const found = await this.#tables.retryNow(id);
    if (found) this.#kick();
    return found;
  }

  async receive(request: WebhookRequest): Promise<WebhookAnswer> {
    const { verify, read, maxBodyBytes } = this.#settings;
    if (request.body.length > maxBodyBytes) return { status: 413, outcome: "tooLarge" };
    let forged: string | undefined;
    try {
      forged = await verify(request);
    } catch (error) {
      // Such as a key that could not be fetched: nobody knows whether it is the provider's.
      return { status: 503, outcome: "failed", reason: messageOf(error) };
    }
    if (forged !== undefined) return { status: 401, outcome: "forged", reason: forged };
    let event: ReturnType<typeof read>;
    try {
      const found = read(request);
      event = found === undefined ? undefined : checkedEvent(found);
    } catch (error) {
      return { status: 400, outcome: "unreadable", reason: messageOf(error) };
    }
    if (event === undefined) return { status: 200, outcome: "ignored" };
    try {
      const isNew = await this.#tables.store(event);
      if (isNew) this.#kick();
      return { status: 200, outcome: isNew ? "stored" : "known" };
    } catch (error) {
      return { status: 503, outcome: "failed", reason: messageOf(error) };
    }
  }

  readonly handler = async (request: IncomingMessage, response: ServerResponse): Promise<WebhookAnswer> => {
    const body = await bodyOf(request, this.#settings.maxBodyBytes);
    const answer: WebhookAnswer =
      body === "tooLarge"
        ? { status: 413, outcome: "tooLarge" }
        : body === "brokenOff"
          ? { status: 400, outcome: "unreadable", reason: "the request broke off" }
          : await this.receive({ headers: request.headers, body });
    // The rest of a body that nobody reads would keep the connection.
    const headers = answer.status === 413 ? { connection: "close" } : {};
    response.writeHead(answer.status, { "content-type": "text/plain", ...headers });
    // Some providers want to read this word.
    response.end(answer.status === 200 ? "OK" : answer.outcome);
    return answer;
  };

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#kick();
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Looks for work now. One look at a time; what arrives during it makes another one. */
  #kick(): void {
    if (!this.#started) return;
    this.#again = true;
    this.#running ??= detached(() => this.#work()).finally(() => {
      this.#running = undefined;
    });
  }

  async #work(): Promise<void> {
    const { emit, clock } = this.#internals.engine;
    this.#timer?.cancel();
    try {
      while (this.#again && this.#started) {
        this.#again = false;
        await this.#applier.drain(() => !this.#started);
      }
      if (this.#started && clock.now() - this.#tidiedAtMs >= tidyEveryMs) {
        this.#tidiedAtMs = clock.now();
        await this.#applier.tidy();
      }
    } catch (error) {
      emit({ type: "databaseFailed", during: "inbox", code: codeOf(error) });
    }
    if (!this.#started) return;
    // What came during the last look waits for the next one at the longest.
    this.#timer = clock.setTimer(this.#again ? 0 : this.#settings.pollEveryMs, () => this.#kick());
  }
}

async function bodyOf(
  request: IncomingMessage,
  atMost: number,
): Promise<Uint8Array | "tooLarge" | "brokenOff"> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return await new Promise((resolve) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > atMost) {
        request.pause();
        resolve("tooLarge");
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", () => resolve("brokenOff"));
    request.on("close", () => resolve("brokenOff"));
  });
}
