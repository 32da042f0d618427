import type { Clock } from "@outrigger/core";
import { notMigrated } from "../failure.ts";
import type { Intent, OpenState, OperationState, SettledState } from "../state/transitions.ts";
import type { SqlPort, SqlQuery, SqlRow } from "./sql-port.ts";
import { type Statements, statements } from "./statements.ts";

/** An operation as it was read, with ages instead of instants: they were measured by the database's clock. */
export interface OperationRow {
  readonly id: string;
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly state: OperationState;
  readonly intent: Intent;
  readonly fence: number;
  readonly provider: string;
  readonly providers: readonly string[];
  /** Sends that were made durable, the first one included. */
  readonly attempt: number;
  /** Claims since the state last changed; asking and sending again count as one state. */
  readonly tries: number;
  readonly inDoubt: boolean;
  readonly request: string;
  readonly result: string | undefined;
  readonly failure: string | undefined;
  readonly sentForMs: number;
  /** Negative when the provider has forgotten the key, also when it never kept one. */
  readonly keyLeftMs: number;
  readonly unknownForMs: number;
  readonly cancellingForMs: number;
  readonly lastError: LastError | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Local monotonic instant before the statement was sent, so that what is derived from it errs to the safe side. */
  readonly readAtMs: number;
}

/** What the last call, inquiry, cancel or local transaction failed with, if any ever did. */
export interface LastError {
  /** ISO 8601, UTC, by the database's clock. */
  readonly at: string;
  readonly code: string | null;
  readonly message: string;
  /** Tries in that state so far, that one included. */
  readonly tries: number;
}

export interface NewOperation {
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly state: "READY" | "SENDING";
  readonly dueInMs: number;
  readonly providers: readonly string[];
  readonly request: string;
  readonly keyWindowMs: number | undefined;
}

export interface Move {
  readonly from: OperationState;
  readonly to: OperationState;
  readonly intent: Intent;
  readonly provider: string;
  readonly inDoubt: boolean;
  /** Undefined for states in which nothing is left to do. */
  readonly dueInMs: number | undefined;
  readonly result?: string | undefined;
  readonly failure?: string | undefined;
  readonly keyWindowMs: number | undefined;
  readonly why: string;
  readonly evidence?: string | undefined;
  /** Replaces the last error. */
  readonly error?: { readonly code: string | undefined; readonly message: string } | undefined;
}

export interface HistoryEntry {
  readonly at: string;
  readonly fence: number;
  readonly from: OperationState | null;
  readonly to: OperationState;
  readonly provider: string;
  readonly why: string;
  readonly evidence: string | null;
}

export interface OpenCount {
  readonly state: OpenState;
  readonly count: number;
  readonly oldestMs: number;
}

/** The statements with types on both sides. Decides nothing. */
export class Store<Tx> {
  readonly sql: SqlPort<Tx>;
  readonly #clock: Clock;
  readonly #text: Statements;

  constructor(sql: SqlPort<Tx>, schema: string, clock: Clock) {
    this.sql = sql;
    this.#clock = clock;
    this.#text = statements(schema);
  }

  /** @returns undefined when the key is taken. */
  insert(query: SqlQuery, fresh: NewOperation): Promise<OperationRow | undefined> {
    return this.#one(query, this.#text.insert, [
      fresh.operation,
      fresh.key,
      fresh.fingerprint,
      fresh.state,
      fresh.state === "SENDING" ? 1 : 0,
      fresh.dueInMs,
      fresh.providers[0],
      [...fresh.providers],
      fresh.request,
      fresh.keyWindowMs ?? null,
    ]);
  }

  /** @returns undefined when the row is no longer in the worker's hands. */
  move(query: SqlQuery, row: OperationRow, move: Move): Promise<OperationRow | undefined> {
    return this.#one(query, this.#text.move, [
      row.id,
      row.fence,
      move.from,
      move.to,
      move.intent,
      move.provider,
      move.inDoubt,
      move.dueInMs ?? null,
      move.result ?? null,
      move.failure ?? null,
      move.keyWindowMs ?? null,
      move.why,
      move.evidence ?? null,
      move.from !== move.to || row.provider !== move.provider,
      move.error !== undefined,
      move.error?.code ?? null,
      move.error?.message ?? null,
    ]);
  }

  /** @returns undefined when the row has moved, or was claimed, since it was read. */
  retry(row: OperationRow, to: OperationState, reason: string): Promise<OperationRow | undefined> {
    return this.#one(this.sql.query, this.#text.retry, [
      row.id,
      row.fence,
      row.state,
      to,
      "operatorRetry",
      reason,
    ]);
  }

  /** @returns undefined when the row is no longer in the worker's hands. */
  renew(row: OperationRow, leaseMs: number): Promise<OperationRow | undefined> {
    return this.#one(this.sql.query, this.#text.renew, [row.id, row.fence, row.state, leaseMs]);
  }

  /** @param but - Groups of slots of which nothing is claimed, see {@link slotGroupOf}. */
  claim(
    operations: readonly string[],
    limit: number,
    leaseMs: number,
    but: readonly string[],
  ): Promise<readonly OperationRow[]> {
    return this.#many(this.sql.query, this.#text.claim, [[...operations], limit, leaseMs, [...but]]);
  }

  async release(row: OperationRow): Promise<void> {
    await migrated(this.sql.query, this.#text.release, [row.id, row.fence]);
  }

  find(id: string): Promise<OperationRow | undefined> {
    return this.#one(this.sql.query, this.#text.findById, [id]);
  }

  findByKey(operation: string, key: string): Promise<OperationRow | undefined> {
    return this.#one(this.sql.query, this.#text.findByKey, [operation, key]);
  }

  page(afterId: string | undefined, limit: number): Promise<readonly OperationRow[]> {
    return this.#many(this.sql.query, this.#text.page, [afterId ?? null, limit]);
  }

  async history(ids: readonly string[]): Promise<ReadonlyMap<string, readonly HistoryEntry[]>> {
    const entries = new Map<string, HistoryEntry[]>(ids.map((id) => [id, []]));
    for (const row of await migrated(this.sql.query, this.#text.history, [[...ids]])) {
      entries.get(String(row["operation_id"]))?.push({
        at: String(row["at"]),
        fence: Number(row["fence"]),
        from: (row["from_state"] ?? null) as OperationState | null,
        to: row["to_state"] as OperationState,
        provider: String(row["provider"]),
        why: String(row["why"]),
        evidence: optional(row["evidence"]) ?? null,
      });
    }
    return entries;
  }

  async open(): Promise<readonly OpenCount[]> {
    return (await migrated(this.sql.query, this.#text.open)).map((row) => ({
      state: row["state"] as OpenState,
      count: Number(row["count"]),
      oldestMs: Number(row["oldest_ms"]),
    }));
  }

  async settled(): Promise<readonly (readonly [SettledState, number])[]> {
    return (await migrated(this.sql.query, this.#text.settled)).map((row) => [
      row["state"] as SettledState,
      Number(row["count"]),
    ]);
  }

  async #one(query: SqlQuery, text: string, values: readonly unknown[]): Promise<OperationRow | undefined> {
    return (await this.#many(query, text, values))[0];
  }

  async #many(query: SqlQuery, text: string, values: readonly unknown[]): Promise<readonly OperationRow[]> {
    const readAtMs = this.#clock.now();
    return (await migrated(query, text, values)).map((row) => toOperation(row, readAtMs));
  }
}

/** No such table, schema or column. Source: PostgreSQL manual, appendix A. */
const notThere: ReadonlySet<unknown> = new Set(["42P01", "3F000", "42703"]);

/** Only the ledger's own tables are named in these statements, so what is missing is a migration. */
async function migrated(
  query: SqlQuery,
  text: string,
  values?: readonly unknown[],
): Promise<readonly SqlRow[]> {
  try {
    return await query(text, values);
  } catch (error) {
    const code: unknown =
      typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
    throw notThere.has(code) ? notMigrated(error) : error;
  }
}

function toOperation(row: SqlRow, readAtMs: number): OperationRow {
  return {
    id: String(row["id"]),
    operation: String(row["operation"]),
    key: String(row["key"]),
    fingerprint: String(row["fingerprint"]),
    state: row["state"] as OperationState,
    intent: row["intent"] as Intent,
    fence: Number(row["fence"]),
    provider: String(row["provider"]),
    providers: JSON.parse(String(row["providers"])) as string[],
    attempt: Number(row["attempt"]),
    tries: Number(row["tries"]),
    inDoubt: row["in_doubt"] === "yes",
    request: String(row["request"]),
    result: optional(row["result"]),
    failure: optional(row["failure"]),
    sentForMs: Number(row["sent_for_ms"] ?? 0),
    keyLeftMs: Number(row["key_left_ms"] ?? Number.NEGATIVE_INFINITY),
    unknownForMs: Number(row["unknown_for_ms"] ?? 0),
    cancellingForMs: Number(row["cancelling_for_ms"] ?? 0),
    lastError: toLastError(row),
    createdAt: String(row["created_at"]),
    updatedAt: String(row["updated_at"]),
    readAtMs,
  };
}

function toLastError(row: SqlRow): LastError | undefined {
  const at = optional(row["last_error_at"]);
  if (at === undefined) return undefined;
  return {
    at,
    code: optional(row["last_error_code"]) ?? null,
    message: String(row["last_error_message"]),
    tries: Number(row["last_error_tries"]),
  };
}

function optional(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
