import type { Clock } from "@outrigger/core";
import { notMigrated } from "../failure.ts";
import type { Intent, OpenState, OperationState, SettledState } from "../state/transitions.ts";
import type { Dialect, Statement, Statements } from "./dialect.ts";
import type { SqlPort, SqlQuery, SqlRow } from "./sql-port.ts";

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
  /** Undefined while nobody wants it undone. */
  readonly cancelWantedForMs: number | undefined;
  /** Whether the business row has been voided. */
  readonly abandoned: boolean;
  /** Whether a second send was refused for good. */
  readonly resendRefused: boolean;
  readonly personOnly: boolean;
  /** Local monotonic instant before the statement was sent, so that what is derived from it errs to the safe side. */
  readonly readAtMs: number;
}

/** An operation with what people want to know of it beside. */
export interface StoredOperation extends OperationRow {
  readonly lastError: LastError | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When it is due, or its lease ends. Undefined where nothing happens by itself. */
  readonly nextAt: string | undefined;
  /** The database's time at which it was read. */
  readonly asOf: string;
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
  readonly abandoned: boolean;
  readonly resendRefused: boolean;
  readonly personOnly: boolean;
  /** Its tries and its patience start again. */
  readonly afresh: boolean;
  /** Who, where it was a person or a source of evidence. */
  readonly by?: string | undefined;
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
  /** Who it was, where it was a person or an outside source. */
  readonly by: string | null;
}

export interface OpenCount {
  readonly state: OpenState;
  readonly count: number;
  readonly oldestMs: number;
}

/** A worker's move of the row that it saw. */
export interface PlannedMove {
  readonly row: OperationRow;
  readonly move: Move;
}

/** A person's move: see the statement `intervene`. */
export interface Intervention {
  readonly to: OperationState;
  readonly why: string;
  readonly reason: string;
  readonly by: string | undefined;
  readonly wantsCancel: boolean;
}

/** A page of operations, those that were moved out of the way included. */
export interface ListFilter {
  readonly states: readonly OperationState[];
  readonly operation: string | undefined;
  /** Created longer ago than this. */
  readonly olderThanMs: number | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

/** Which operations are moved out of the hot table, or forgotten, in one go. */
export interface ArchiveBatch {
  readonly olderThanMs: number;
  readonly limit: number;
}

/** The statements with types on both sides. Decides nothing. */
export class Store<Tx> {
  readonly sql: SqlPort<Tx>;
  readonly dialect: Dialect;
  readonly #clock: Clock;
  readonly #text: Statements;

  constructor(sql: SqlPort<Tx>, dialect: Dialect, schema: string, clock: Clock) {
    this.sql = sql;
    this.dialect = dialect;
    this.#clock = clock;
    this.#text = dialect.statements(schema);
  }

  /** @returns undefined when the key is taken. */
  async insert(query: SqlQuery, fresh: NewOperation): Promise<OperationRow | undefined> {
    return (await this.insertMany(query, [fresh]))[0];
  }

  /** Their keys must be different. @returns for each, in this order, undefined when its key is taken. */
  async insertMany(
    query: SqlQuery,
    fresh: readonly NewOperation[],
  ): Promise<readonly (OperationRow | undefined)[]> {
    const { values, read } = insertion(fresh, this.#clock.now());
    return read(await this.send(query, this.#text.insert, values));
  }

  /** A transaction that begins with {@link insertMany}, in one round trip where the driver can do that. */
  inserting<T>(
    fresh: readonly NewOperation[],
    work: (rows: readonly (OperationRow | undefined)[], tx: Tx, query: SqlQuery) => Promise<T>,
  ): Promise<T> {
    return this.#beginningWith(this.#text.insert, insertion(fresh, this.#clock.now()), work);
  }

  /** @returns undefined when the row is no longer in the worker's hands. */
  async move(query: SqlQuery, row: OperationRow, move: Move): Promise<OperationRow | undefined> {
    return (await this.moveMany(query, [{ row, move }]))[0];
  }

  /** @returns for each, in this order, undefined when its row is no longer in the worker's hands. */
  async moveMany(
    query: SqlQuery,
    planned: readonly PlannedMove[],
  ): Promise<readonly (OperationRow | undefined)[]> {
    const { values, read } = moves(planned, this.#clock.now());
    return read(await this.send(query, this.#text.move, values));
  }

  /** A transaction that begins with {@link moveMany}, in one round trip where the driver can do that. */
  moving<T>(
    planned: readonly PlannedMove[],
    work: (rows: readonly (OperationRow | undefined)[], tx: Tx, query: SqlQuery) => Promise<T>,
  ): Promise<T> {
    return this.#beginningWith(this.#text.move, moves(planned, this.#clock.now()), work);
  }

  /** @returns undefined when the row has moved, or was claimed, since it was read. */
  async intervene(row: OperationRow, to: Intervention): Promise<StoredOperation | undefined> {
    const values = [row.id, row.fence, row.state, to.to, to.why, to.reason, to.by ?? null, to.wantsCancel];
    return (await this.stored(this.#text.intervene, values))[0];
  }

  async note(
    row: OperationRow,
    entry: { readonly why: string; readonly evidence: string | undefined; readonly by: string | undefined },
  ): Promise<void> {
    const { id, provider } = row;
    const values = [id, provider, entry.why, entry.evidence ?? null, entry.by ?? null];
    await this.send(this.sql.query, this.#text.note, values);
  }

  /** @returns undefined when the row is no longer in the worker's hands. */
  async renew(row: OperationRow, leaseMs: number): Promise<OperationRow | undefined> {
    const readAtMs = this.#clock.now();
    const values = [row.id, row.fence, row.state, leaseMs];
    const [renewed] = await this.send(this.sql.query, this.#text.renew, values);
    return renewed === undefined ? undefined : { ...row, ...moved(renewed), readAtMs };
  }

  /** @param but - Groups of slots of which nothing is claimed, see {@link slotGroupOf}. */
  async claim(
    operations: readonly string[],
    limit: number,
    leaseMs: number,
    but: readonly string[],
  ): Promise<readonly OperationRow[]> {
    const readAtMs = this.#clock.now();
    const { list } = this.dialect;
    const rows = await this.send(this.sql.query, this.#text.claim, [
      list(operations),
      limit,
      leaseMs,
      list(but),
    ]);
    return rows.map((row) => whole(row, readAtMs));
  }

  /**
   * Lets others have what is still in the worker's hands at once.
   *
   * @param begun - False when nothing was done with it, so that it does not count as a try.
   */
  async giveBack(rows: readonly OperationRow[], begun: boolean): Promise<void> {
    const list = rows.map(({ id, fence }) => ({ id, fence, begun })).sort((a, b) => compare(a.id, b.id));
    await this.send(this.sql.query, this.#text.giveBack, [JSON.stringify(list)]);
  }

  /** Whatever has ended long ago is found too. */
  async find(id: string): Promise<StoredOperation | undefined> {
    const [found] = await this.stored(this.#text.findById, [id]);
    return found ?? (await this.stored(this.#text.findArchivedById, [id]))[0];
  }

  /** @param query - Of the transaction that has found it taken. */
  async findByKey(operation: string, key: string, query?: SqlQuery): Promise<StoredOperation | undefined> {
    const { findByKey, findTaken } = this.#text;
    const [found] = await this.stored(query === undefined ? findByKey : findTaken, [operation, key], query);
    return found ?? (await this.stored(this.#text.findArchivedByKey, [operation, key], query))[0];
  }

  page(afterId: string | undefined, limit: number): Promise<readonly StoredOperation[]> {
    return this.stored(this.#text.page, [afterId ?? null, limit]);
  }

  list({ states, operation, olderThanMs, after, limit }: ListFilter): Promise<readonly StoredOperation[]> {
    const values = [after ?? null, limit, this.dialect.list(states), operation ?? null, olderThanMs ?? null];
    return this.stored(this.#text.list, values);
  }

  async history(ids: readonly string[]): Promise<ReadonlyMap<string, readonly HistoryEntry[]>> {
    const rows = await this.send(this.sql.query, this.#text.history, [this.dialect.list(ids)]);
    return new Map(
      rows.map((row) => [
        String(row["id"]),
        JSON.parse(optional(row["history"]) ?? "[]") as readonly HistoryEntry[],
      ]),
    );
  }

  async open(): Promise<readonly OpenCount[]> {
    return (await this.send(this.sql.query, this.#text.open)).map((row) => ({
      state: row["state"] as OpenState,
      count: Number(row["count"]),
      oldestMs: Number(row["oldest_ms"]),
    }));
  }

  async settled(): Promise<readonly (readonly [SettledState, number])[]> {
    return (await this.send(this.sql.query, this.#text.settled)).map((row) => [
      row["state"] as SettledState,
      Number(row["count"]),
    ]);
  }

  /** Of the tables, by the migrations that were applied. */
  async version(): Promise<number> {
    return Number((await this.send(this.sql.query, this.#text.version))[0]?.["version"] ?? 0);
  }

  /** Wakes the resolvers of other processes; inside a transaction, when it commits. */
  async notify(query: SqlQuery, channel: string): Promise<void> {
    if (this.#text.notify !== undefined) await this.send(query, this.#text.notify, [channel]);
  }

  /** @returns the ids that were copied, in their order. */
  archiveCopy(afterId: string | undefined, { olderThanMs, limit }: ArchiveBatch): Promise<readonly string[]> {
    return this.#ids(this.#text.archiveCopy, [afterId ?? null, olderThanMs, limit]);
  }

  /** @returns the ids of the copies that were looked at. */
  archiveDrop({ olderThanMs, limit }: ArchiveBatch): Promise<readonly string[]> {
    return this.#ids(this.#text.archiveDrop, [olderThanMs, limit]);
  }

  async archiveRestore(id: string): Promise<boolean> {
    return (await this.#ids(this.#text.archiveRestore, [id])).length > 0;
  }

  archiveForget({ olderThanMs, limit }: ArchiveBatch): Promise<readonly string[]> {
    return this.#ids(this.#text.archiveForget, [olderThanMs, limit]);
  }

  async #ids(text: Statement, values: readonly unknown[]): Promise<readonly string[]> {
    return (await this.send(this.sql.query, text, values)).map((row) => String(row["id"])).sort();
  }

  /** For every statement whose rows are whole operations, those of the parts that stand on the ledger too. */
  async stored(
    text: Statement,
    values: readonly unknown[],
    query: SqlQuery = this.sql.query,
  ): Promise<readonly StoredOperation[]> {
    const readAtMs = this.#clock.now();
    return (await this.send(query, text, values)).map((row) => ({
      ...whole(row, readAtMs),
      lastError: toLastError(row),
      createdAt: String(row["created_at"]),
      updatedAt: String(row["updated_at"]),
      nextAt: optional(row["due_at"]),
      asOf: String(row["read_at"]),
    }));
  }

  async #beginningWith<R, T>(
    statement: Statement,
    { values, read }: Asked<R>,
    work: (found: R, tx: Tx, query: SqlQuery) => Promise<T>,
  ): Promise<T> {
    const { sql } = this;
    if (typeof statement !== "string" || sql.transactionWith === undefined) {
      return await sql.transaction(async (tx, query) =>
        work(read(await this.send(query, statement, values)), tx, query),
      );
    }
    let ours = true;
    try {
      return await sql.transactionWith({ text: statement, values }, (rows, tx, query) => {
        // What fails from here on is the user's, with tables of its own.
        ours = false;
        return work(read(rows), tx, query);
      });
    } catch (error) {
      throw ours && this.dialect.isNotMigrated(error) ? notMigrated(error) : error;
    }
  }

  /** Only the ledger's own tables are named in these statements, so what is missing is a migration. */
  async send(query: SqlQuery, statement: Statement, values?: readonly unknown[]): Promise<readonly SqlRow[]> {
    try {
      if (typeof statement === "string") return await query(statement, values);
      if (query !== this.sql.query) return await inTurn(query, statement, values);
      return await this.sql.transaction((_, own) => inTurn(own, statement, values));
    } catch (error) {
      throw this.dialect.isNotMigrated(error) ? notMigrated(error) : error;
    }
  }
}

async function inTurn(
  query: SqlQuery,
  statements: Exclude<Statement, string>,
  values: readonly unknown[] = [],
): Promise<readonly SqlRow[]> {
  if (typeof statements === "function") return await statements(query, values);
  let rows: readonly SqlRow[] = [];
  for (const statement of statements) rows = await query(statement, values);
  return rows;
}

/** What a statement gets, and what its rows say. */
interface Asked<R> {
  readonly values: readonly unknown[];
  readonly read: (rows: readonly SqlRow[]) => R;
}

function insertion(
  fresh: readonly NewOperation[],
  readAtMs: number,
): Asked<readonly (OperationRow | undefined)[]> {
  // Always in the same order, so that two batches never wait for each other.
  const sorted = [...fresh].sort((a, b) => compare(a.operation, b.operation) || compare(a.key, b.key));
  return {
    values: [JSON.stringify(sorted)],
    read(rows) {
      const named = new Map(rows.map((row) => [`${row["operation"]} ${row["key"]}`, row]));
      return fresh.map((each) => {
        const row = named.get(`${each.operation} ${each.key}`);
        return row === undefined ? undefined : inserted(String(row["id"]), each, readAtMs);
      });
    },
  };
}

function moves(
  planned: readonly PlannedMove[],
  readAtMs: number,
): Asked<readonly (OperationRow | undefined)[]> {
  const sorted = planned.map(moveParameters).sort((a, b) => compare(a.id, b.id));
  return {
    values: [JSON.stringify(sorted)],
    read(rows) {
      const byId = new Map(rows.map((row) => [String(row["id"]), row]));
      return planned.map(({ row: before, move }) => {
        const after = byId.get(before.id);
        if (after === undefined) return undefined;
        const { result = before.result, failure = before.failure } = move;
        return { ...before, ...moved(after), result, failure, readAtMs };
      });
    },
  };
}

/** What `insert` has stored. */
function inserted(id: string, fresh: NewOperation, readAtMs: number): OperationRow {
  const { operation, key, fingerprint, state, providers, request, keyWindowMs } = fresh;
  const sent = state === "SENDING" ? 1 : 0;
  return {
    ...{ id, operation, key, fingerprint, state, providers, request, readAtMs },
    intent: "EXECUTE",
    fence: sent,
    provider: providers[0] ?? "",
    attempt: sent,
    tries: 0,
    inDoubt: false,
    abandoned: false,
    resendRefused: false,
    personOnly: false,
    cancelWantedForMs: undefined,
    result: undefined,
    failure: undefined,
    sentForMs: 0,
    keyLeftMs: keyWindowMs ?? Number.NEGATIVE_INFINITY,
    unknownForMs: 0,
    cancellingForMs: 0,
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What the statement `move` takes for one row. What is undefined is left out of the JSON, and so is null there. */
function moveParameters({
  row,
  move,
}: PlannedMove): { readonly id: string } & Readonly<Record<string, unknown>> {
  const { error, ...rest } = move;
  return {
    ...rest,
    id: row.id,
    fence: row.fence,
    cancelKnown: row.cancelWantedForMs !== undefined,
    noted: move.from !== move.to || row.provider !== move.provider || move.by !== undefined,
    failed: error !== undefined,
    errorCode: error?.code,
    errorMessage: error?.message,
  };
}

type Moving = Omit<
  OperationRow,
  "operation" | "key" | "fingerprint" | "providers" | "request" | "result" | "failure" | "readAtMs"
>;

function moved(row: SqlRow): Moving {
  const cancelWantedForMs = row["cancel_wanted_for_ms"];
  return {
    id: String(row["id"]),
    state: row["state"] as OperationState,
    intent: row["intent"] as Intent,
    fence: Number(row["fence"]),
    provider: String(row["provider"]),
    attempt: Number(row["attempt"]),
    tries: Number(row["tries"]),
    inDoubt: row["in_doubt"] === "yes",
    abandoned: row["abandoned"] === "yes",
    resendRefused: row["resend_refused"] === "yes",
    personOnly: row["person_only"] === "yes",
    cancelWantedForMs:
      cancelWantedForMs === null || cancelWantedForMs === undefined ? undefined : Number(cancelWantedForMs),
    sentForMs: Number(row["sent_for_ms"] ?? 0),
    keyLeftMs: Number(row["key_left_ms"] ?? Number.NEGATIVE_INFINITY),
    unknownForMs: Number(row["unknown_for_ms"] ?? 0),
    cancellingForMs: Number(row["cancelling_for_ms"] ?? 0),
  };
}

function whole(row: SqlRow, readAtMs: number): OperationRow {
  return {
    ...moved(row),
    operation: String(row["operation"]),
    key: String(row["key"]),
    fingerprint: String(row["fingerprint"]),
    providers: JSON.parse(String(row["providers"])) as string[],
    request: String(row["request"]),
    result: optional(row["result"]),
    failure: optional(row["failure"]),
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
