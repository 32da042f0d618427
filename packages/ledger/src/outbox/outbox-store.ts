import type { SqlQuery, SqlRow } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { OutboxStatements } from "./statements.ts";

/** A key in this worker's hands, as long as the fence in the database is still `fence`. */
export interface Lane {
  readonly outbox: string;
  readonly key: string;
  /** The number up to which its messages are done. As text: a database's numbers are wider than ours. */
  readonly done: string;
  readonly fence: string;
  /** Failures since the last success. */
  readonly tries: number;
  readonly failingForMs: number;
}

export interface StoredMessage {
  readonly sequence: string;
  readonly payload: string;
  readonly sentAt: string;
}

/** A key with something to do, for people. */
export interface LaneRecord {
  readonly outbox: string;
  readonly key: string;
  /** Since when it waits for a person; null when it does not. */
  readonly parkedAt: string | null;
  readonly tries: number;
  /** Its next message, as `retry` and `skip` want it. */
  readonly next: string;
  readonly nextSentAt: string;
  /** Messages that are not done. */
  readonly waiting: number;
  readonly lastError: { readonly at: string; readonly code: string | null; readonly message: string } | null;
}

export interface OpenLanes {
  readonly outbox: string;
  /** Keys with something to do, the parked ones included. */
  readonly waiting: number;
  readonly parked: number;
  /** Since the oldest message that is not done was sent. */
  readonly oldestMs: number;
}

/** The statements with types on both sides. Decides nothing. */
export class OutboxStore<Tx> {
  readonly #store: Store<Tx>;
  readonly #text: OutboxStatements;

  constructor(store: Store<Tx>, text: OutboxStatements) {
    this.#store = store;
    this.#text = text;
  }

  /** @returns the message's number. */
  async send(query: SqlQuery, outbox: string, key: string, payload: string): Promise<string> {
    const [row] = await this.#store.send(query, this.#text.send, [outbox, key, payload]);
    return String(row?.["sequence"]);
  }

  async claim(outbox: string, limit: number, leaseMs: number): Promise<readonly Lane[]> {
    const rows = await this.#rows("claim", [this.#store.dialect.list([outbox]), limit, leaseMs]);
    return rows.map((row) => ({
      outbox: String(row["outbox"]),
      key: String(row["key"]),
      done: String(row["done"]),
      fence: String(row["fence"]),
      tries: Number(row["tries"]),
      failingForMs: Number(row["failing_for_ms"] ?? 0),
    }));
  }

  async read({ outbox, key }: Lane, after: string, limit: number): Promise<readonly StoredMessage[]> {
    return (await this.#rows("read", [outbox, key, after, limit])).map((row) => ({
      sequence: String(row["sequence"]),
      payload: String(row["payload"]),
      sentAt: String(row["sent_at"]),
    }));
  }

  /** @returns whether there is more; undefined when the lane is no longer the worker's. */
  async done({ outbox, key, fence }: Lane, sequence: string, leaseMs: number): Promise<boolean | undefined> {
    const [row] = await this.#rows("done", [outbox, key, fence, sequence, leaseMs]);
    return row === undefined ? undefined : row["more"] === "yes";
  }

  /** @param waitMs - Undefined parks it. @returns whether the lane was still the worker's. */
  async failed(
    { outbox, key, fence }: Lane,
    waitMs: number | undefined,
    error: { readonly code: string | undefined; readonly message: string },
  ): Promise<boolean> {
    const values = [outbox, key, fence, waitMs ?? null, error.code ?? null, error.message];
    return (await this.#rows("failed", values)).length > 0;
  }

  async giveBack({ outbox, key, fence }: Lane): Promise<void> {
    await this.#rows("giveBack", [outbox, key, fence]);
  }

  /** @returns whether that is the lane's next message. */
  async resume(
    outbox: string,
    key: string,
    sequence: string,
    word: { readonly skip: boolean; readonly reason: string; readonly by: string },
  ): Promise<boolean> {
    const values = [outbox, key, sequence, word.skip ? "yes" : "no", word.reason, word.by];
    return (await this.#rows("resume", values)).length > 0;
  }

  async lanes(
    outbox: string | undefined,
    key: string | undefined,
    parkedOnly: boolean,
    limit: number,
  ): Promise<readonly LaneRecord[]> {
    const rows = await this.#rows("lanes", [outbox ?? null, key ?? null, parkedOnly ? "yes" : "no", limit]);
    return rows.map((row) => {
      const message = text(row["last_error_message"]);
      return {
        outbox: String(row["outbox"]),
        key: String(row["key"]),
        parkedAt: text(row["parked_at"]),
        tries: Number(row["tries"]),
        next: idOf(String(row["key"]), String(row["next"])),
        nextSentAt: String(row["next_sent_at"]),
        waiting: Number(row["waiting"]),
        lastError:
          message === null
            ? null
            : { at: String(row["last_error_at"]), code: text(row["last_error_code"]), message },
      };
    });
  }

  async open(): Promise<readonly OpenLanes[]> {
    return (await this.#rows("open", [])).map((row) => ({
      outbox: String(row["outbox"]),
      waiting: Number(row["waiting"]),
      parked: Number(row["parked"]),
      oldestMs: Number(row["oldest_ms"]),
    }));
  }

  async forget(olderThanMs: number, limit: number): Promise<number> {
    return (await this.#rows("forget", [olderThanMs, limit])).length;
  }

  #rows(
    name: Exclude<keyof OutboxStatements, "send">,
    values: readonly unknown[],
  ): Promise<readonly SqlRow[]> {
    return this.#store.send(this.#store.sql.query, this.#text[name], values);
  }
}

/** A message's id within its outbox: its number alone could belong to another key too. */
export const idOf = (key: string, sequence: string): string => `${key}:${sequence}`;

/** The number in an id; undefined for what is none of this key. */
export function sequenceOf(key: string, id: unknown): string | undefined {
  if (typeof id !== "string" || !id.startsWith(`${key}:`)) return undefined;
  const sequence = id.slice(key.length + 1);
  return /^\d{1,18}$/.test(sequence) ? sequence : undefined;
}

const text = (value: unknown): string | null =>
  value === null || value === undefined ? null : String(value);
