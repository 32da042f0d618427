import type { Statement } from "../store/dialect.ts";
import type { SqlRow } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { WebhookEvent } from "./options.ts";
import type { InboxStatements } from "./statements.ts";

/** How an event ended: `stuck` is a person's. */
export type SettledAs = "applied" | "superseded" | "stuck";

/** An event in this process's hands, as long as `tries` in the database is still the same. */
export interface ClaimedEvent {
  readonly id: string;
  readonly event: WebhookEvent;
  readonly tries: number;
  readonly ageMs: number;
}

/** An event for people: plain JSON. */
export interface InboxRecord {
  readonly id: string;
  readonly state: "pending" | SettledAs;
  readonly operation: string | null;
  readonly key: string | null;
  readonly tries: number;
  /** What it came to, or what it waits for. */
  readonly outcome: string | null;
  readonly receivedAt: string;
}

/** The statements of one inbox with types on both sides. Decides nothing. */
export class InboxTables<Tx> {
  readonly #store: Store<Tx>;
  readonly #text: InboxStatements;
  readonly #name: string;

  constructor(store: Store<Tx>, schema: string, name: string) {
    this.#store = store;
    this.#text = store.dialect.inbox(schema);
    this.#name = name;
  }

  /** @returns whether it is new. */
  async store(event: WebhookEvent): Promise<boolean> {
    const { id, evidence, atMs } = event;
    const { operation = null, key = null } = evidence ?? {};
    const values = [id, JSON.stringify(event), operation, key, atMs ?? null];
    return (await this.#send(this.#text.store, values)).length > 0;
  }

  async claim(limit: number, leaseMs: number): Promise<readonly ClaimedEvent[]> {
    const rows = await this.#send(this.#text.claim, [limit, leaseMs]);
    return rows.map((row) => ({
      id: String(row["id"]),
      event: JSON.parse(String(row["event"])) as WebhookEvent,
      tries: Number(row["tries"]),
      ageMs: Number(row["age_ms"]),
    }));
  }

  /** Whether later news of the same operation is known. */
  async hasLater({ id, evidence, atMs }: WebhookEvent): Promise<boolean> {
    if (evidence === undefined || atMs === undefined) return false;
    const values = [id, evidence.operation, evidence.key, atMs];
    return (await this.#send(this.#text.hasLater, values)).length > 0;
  }

  /**
   * Marks it as done, with what `work` changes in the same transaction.
   *
   * @returns false, with nothing changed, when another process has it.
   */
  async settle(
    { id, tries }: ClaimedEvent,
    as: SettledAs,
    outcome: string,
    work?: (tx: Tx) => Promise<unknown> | unknown,
  ): Promise<boolean> {
    const values = [id, tries, as, outcome];
    if (work === undefined) return (await this.#send(this.#text.settle, values)).length > 0;
    return await this.#store.sql.transaction(async (tx, query) => {
      // The mark first: it locks the row, so that no other process does the work meanwhile.
      const marked = await this.#store.send(query, this.#text.settle, [this.#name, ...values]);
      if (marked.length === 0) return false;
      await work(tx);
      return true;
    });
  }

  async retryLater({ id, tries }: ClaimedEvent, delayMs: number, outcome: string): Promise<void> {
    await this.#send(this.#text.retryLater, [id, tries, delayMs, outcome]);
  }

  /** @returns whether there was such an event that is not done. */
  async retryNow(id: string): Promise<boolean> {
    return (await this.#send(this.#text.retryNow, [id])).length > 0;
  }

  async forget(olderThanMs: number, limit: number): Promise<number> {
    return (await this.#send(this.#text.forget, [olderThanMs, limit])).length;
  }

  async find(id: string): Promise<InboxRecord | undefined> {
    return (await this.#send(this.#text.find, [id])).map(recordOf)[0];
  }

  /** What is not done, the oldest first. */
  async open(limit: number): Promise<readonly InboxRecord[]> {
    return (await this.#send(this.#text.open, [limit])).map(recordOf);
  }

  #send(statement: Statement, values: readonly unknown[]): Promise<readonly SqlRow[]> {
    return this.#store.send(this.#store.sql.query, statement, [this.#name, ...values]);
  }
}

function recordOf(row: SqlRow): InboxRecord {
  return {
    id: String(row["id"]),
    state: row["state"] as InboxRecord["state"],
    operation: textOf(row["operation"]),
    key: textOf(row["key"]),
    tries: Number(row["tries"]),
    outcome: textOf(row["outcome"]),
    receivedAt: String(row["received_at"]),
  };
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
