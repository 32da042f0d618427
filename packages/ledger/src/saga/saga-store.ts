import type { LastError, StoredOperation } from "../store/operation-row.ts";
import type { SqlQuery, SqlRow } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { OpenSagaState, SagaState } from "./decide.ts";
import type { SagaStatements } from "./statements.ts";

/** An operation that was begun for a step, in the order in which they were. */
export interface BegunOperation {
  readonly step: string;
  readonly what: "do" | "undo";
  readonly operation: string;
  readonly key: string;
  /** Counts those for the same. */
  readonly tries: number;
  /** ISO 8601: when the first of those before it was refused. */
  readonly failingSince?: string | undefined;
}

export interface SagaRow {
  readonly id: string;
  readonly saga: string;
  readonly version: number;
  readonly key: string;
  readonly fingerprint: string;
  readonly state: SagaState;
  readonly intent: "EXECUTE" | "CANCEL";
  readonly fence: number;
  /** Claims since the last progress. */
  readonly tries: number;
  readonly request: string;
  readonly begun: readonly BegunOperation[];
  readonly failure: string | undefined;
  /** Since the last progress. */
  readonly stalledForMs: number;
  readonly progressAt: string;
  readonly cancelWanted: boolean;
  readonly lastError: Omit<LastError, "tries"> | undefined;
  readonly retriedAt: string | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly nextAt: string | null;
  readonly readAt: string;
}

export interface NewSaga {
  readonly saga: string;
  readonly version: number;
  readonly key: string;
  readonly fingerprint: string;
  readonly request: string;
  readonly begun: readonly BegunOperation[];
  readonly held: boolean;
  readonly dueInMs: number;
}

export interface SagaChange {
  readonly state: SagaState;
  readonly intent: "EXECUTE" | "CANCEL";
  readonly begun: readonly BegunOperation[];
  readonly failure?: string | undefined;
  readonly held: boolean;
  /** Undefined when it has ended. */
  readonly dueInMs: number | undefined;
  readonly progress: boolean;
  readonly error?: { readonly code: string | undefined; readonly message: string } | undefined;
  /** An entry in the history. */
  readonly why?: string | undefined;
  readonly evidence?: string | undefined;
  readonly by?: string | undefined;
}

export interface SagaHistoryEntry {
  readonly at: string;
  readonly from: SagaState | null;
  readonly to: SagaState;
  readonly why: string;
  readonly evidence: string | null;
  readonly by: string | null;
}

export interface OpenSagas {
  readonly saga: string;
  readonly version: number;
  readonly state: OpenSagaState;
  readonly count: number;
  readonly oldestMs: number;
}

/** The statements with types on both sides. Decides nothing. */
export class SagaStore<Tx> {
  readonly #store: Store<Tx>;
  readonly #text: SagaStatements;

  constructor(store: Store<Tx>, text: SagaStatements) {
    this.#store = store;
    this.#text = text;
  }

  /** @returns undefined when the key is taken. */
  async insert(query: SqlQuery, fresh: NewSaga): Promise<SagaRow | undefined> {
    const { saga, version, key, fingerprint, request, begun, held, dueInMs } = fresh;
    const values = [saga, version, key, fingerprint, request, JSON.stringify(begun), yes(held), dueInMs];
    return (await this.#rows(query, "insert", values))[0];
  }

  /** @returns undefined when the row is no longer in the worker's hands. */
  async save(query: SqlQuery, row: SagaRow, to: SagaChange): Promise<SagaRow | undefined> {
    const values = [
      ...[row.id, row.fence, to.state, to.intent, JSON.stringify(to.begun), to.failure ?? null],
      ...[
        yes(to.held),
        to.dueInMs ?? null,
        yes(to.progress),
        to.error?.code ?? null,
        to.error?.message ?? null,
      ],
      ...[to.why ?? null, to.evidence ?? null, to.by ?? null],
    ];
    return (await this.#rows(query, "save", values))[0];
  }

  async claim(definitions: readonly string[], limit: number, leaseMs: number): Promise<readonly SagaRow[]> {
    return await this.#rows(this.#sql, "claim", [this.#store.dialect.list(definitions), limit, leaseMs]);
  }

  async release(row: SagaRow): Promise<void> {
    await this.#store.send(this.#sql, this.#text.release, [row.id, row.fence]);
  }

  async wake(saga: string, key: string): Promise<void> {
    await this.#store.send(this.#sql, this.#text.wake, [saga, key]);
  }

  /** @returns undefined when the row has moved since it was read, or has ended. */
  async intervene(
    row: SagaRow,
    by: {
      readonly wantsCancel: boolean;
      readonly why: string;
      readonly reason: string;
      readonly by: string | undefined;
    },
  ): Promise<SagaRow | undefined> {
    const values = [row.id, row.fence, yes(by.wantsCancel), by.why, by.reason, by.by ?? null];
    return (await this.#rows(this.#sql, "intervene", values))[0];
  }

  async find(id: string): Promise<SagaRow | undefined> {
    return (await this.#rows(this.#sql, "findById", [id]))[0];
  }

  async findByKey(saga: string, key: string, query: SqlQuery = this.#sql): Promise<SagaRow | undefined> {
    return (await this.#rows(query, "findByKey", [saga, key]))[0];
  }

  /** The operations of a saga by their keys, as far as there are any. */
  async operations(
    of: readonly Pick<BegunOperation, "operation" | "key">[],
  ): Promise<readonly StoredOperation[]> {
    if (of.length === 0) return [];
    const wanted = of.map(({ operation, key }) => ({ operation, key }));
    return await this.#store.stored(this.#text.operations, [JSON.stringify(wanted)]);
  }

  async history(id: string): Promise<readonly SagaHistoryEntry[]> {
    const [row] = await this.#store.send(this.#sql, this.#text.history, [this.#store.dialect.list([id])]);
    return JSON.parse(text(row?.["history"]) ?? "[]") as readonly SagaHistoryEntry[];
  }

  async list(
    after: string | undefined,
    limit: number,
    states: readonly SagaState[],
    saga: string | undefined,
  ): Promise<readonly SagaRow[]> {
    const values = [after ?? null, limit, this.#store.dialect.list(states), saga ?? null];
    return await this.#rows(this.#sql, "list", values);
  }

  async open(): Promise<readonly OpenSagas[]> {
    return (await this.#store.send(this.#sql, this.#text.open)).map((row) => ({
      saga: String(row["saga"]),
      version: Number(row["version"]),
      state: row["state"] as OpenSagaState,
      count: Number(row["count"]),
      oldestMs: Number(row["oldest_ms"]),
    }));
  }

  async forget(olderThanMs: number, limit: number): Promise<number> {
    return (await this.#store.send(this.#sql, this.#text.forget, [olderThanMs, limit])).length;
  }

  get #sql(): SqlQuery {
    return this.#store.sql.query;
  }

  async #rows(
    query: SqlQuery,
    name: "insert" | "save" | "claim" | "intervene" | "findById" | "findByKey" | "list",
    values: readonly unknown[],
  ): Promise<readonly SagaRow[]> {
    return (await this.#store.send(query, this.#text[name], values)).map(rowOf);
  }
}

const yes = (value: boolean): string => (value ? "yes" : "no");
const text = (value: unknown): string | undefined =>
  value === null || value === undefined ? undefined : String(value);

function rowOf(row: SqlRow): SagaRow {
  const message = text(row["last_error_message"]);
  return {
    id: String(row["id"]),
    saga: String(row["saga"]),
    version: Number(row["version"]),
    key: String(row["key"]),
    fingerprint: String(row["fingerprint"]),
    state: row["state"] as SagaState,
    intent: row["intent"] as SagaRow["intent"],
    fence: Number(row["fence"]),
    tries: Number(row["tries"]),
    request: String(row["request"]),
    begun: JSON.parse(String(row["steps"])) as readonly BegunOperation[],
    failure: text(row["failure"]),
    stalledForMs: Number(row["stalled_for_ms"] ?? 0),
    progressAt: String(row["progress_at"]),
    cancelWanted: text(row["cancel_wanted_for_ms"]) !== undefined,
    lastError:
      message === undefined
        ? undefined
        : { at: String(row["last_error_at"]), code: text(row["last_error_code"]) ?? null, message },
    retriedAt: text(row["retried_at"]),
    createdAt: String(row["created_at"]),
    updatedAt: String(row["updated_at"]),
    nextAt: text(row["due_at"]) ?? null,
    readAt: String(row["read_at"]),
  };
}
