import type { Clock } from "@outrigger/core";
import { notMigrated } from "../failure.ts";
import type { OpenState, SettledState } from "../state/transitions.ts";
import type { Dialect, Statement, StatementForMany, Statements } from "./dialect.ts";
import type {
  ArchiveBatch,
  ComparedOperation,
  HistoryEntry,
  Intervention,
  ListFilter,
  Move,
  NewOperation,
  OpenCount,
  OperationRow,
  PlannedMove,
  StoredOperation,
} from "./operation-row.ts";
import {
  type Asked,
  compare,
  insertion,
  moved,
  moves,
  optional,
  toCompared,
  toLastError,
  whole,
} from "./row-codec.ts";
import { type SqlPort, type SqlQuery, type SqlRow, type SqlStatement, StatementFailed } from "./sql-port.ts";

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
    return await this.#sendMany(query, this.#text.insert, insertion(fresh, this.#clock.now()));
  }

  /** A transaction that begins with {@link insertMany}, in one round trip where the driver can do that. */
  inserting<T>(
    fresh: readonly NewOperation[],
    work: (rows: readonly (OperationRow | undefined)[], tx: Tx, query: SqlQuery) => Promise<T>,
  ): Promise<T> {
    return this.#beginningWith(this.#text.insert, insertion(fresh, this.#clock.now()), work);
  }

  /** Whether what is known beforehand can be written in one round trip, its commit included. */
  get writesAtOnce(): boolean {
    return this.sql.atOnce !== undefined && this.#text.insert.whole !== undefined;
  }

  /**
   * {@link insertMany} and a statement of the user's, in one transaction, all of it or nothing.
   *
   * @returns undefined when nothing was written, because a key is taken.
   * @throws StatementFailed when it is the user's statement that fails, or the commit: their keys were free.
   */
  insertAtOnce(
    fresh: readonly NewOperation[],
    business: SqlStatement,
  ): Promise<readonly OperationRow[] | undefined> {
    return this.#atOnce(this.#text.insert, insertion(fresh, this.#clock.now()), business);
  }

  /**
   * {@link moveMany} and a statement of the user's, in one transaction, all of it or nothing.
   *
   * @returns undefined when nothing was written, because a row is no longer in the worker's hands.
   * @throws StatementFailed when it is the user's statement that fails, or the commit.
   */
  moveAtOnce(
    planned: readonly PlannedMove[],
    business: SqlStatement,
  ): Promise<readonly OperationRow[] | undefined> {
    return this.#atOnce(this.#text.move, moves(planned, this.#clock.now()), business);
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
    return await this.#sendMany(query, this.#text.move, moves(planned, this.#clock.now()));
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

  async compared(afterId: string, limit: number): Promise<readonly ComparedOperation[]> {
    return (await this.send(this.sql.query, this.#text.compared, [afterId, limit])).map(toCompared);
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

  async #sendMany<R>(
    query: SqlQuery,
    { statement, calls, read: rowsOf = asTheyAre }: StatementForMany,
    { records, read }: Asked<R>,
  ): Promise<R> {
    const asked = calls(records);
    if (asked.length > 1 && query === this.sql.query) {
      return await this.sql.transaction((_, own) =>
        this.#sendMany(own, { statement, calls: () => asked, read: rowsOf }, { records, read }),
      );
    }
    const answers: SqlRow[] = [];
    for (const values of asked) answers.push(...(await this.send(query, statement, values)));
    return read(rowsOf(answers));
  }

  async #atOnce(
    { statement, whole, read: rowsOf = asTheyAre }: StatementForMany,
    { records, read }: Asked<readonly (OperationRow | undefined)[]>,
    business: SqlStatement,
  ): Promise<readonly OperationRow[] | undefined> {
    const { sql } = this;
    if (sql.atOnce === undefined || whole === undefined || typeof statement !== "string") return undefined;
    const own = whole.calls(records).map((values) => ({ text: statement, values }));
    try {
      const answers = await sql.atOnce([...own, business]);
      return read(rowsOf(answers.slice(0, own.length).flat())) as readonly OperationRow[];
    } catch (error) {
      if (!(error instanceof StatementFailed) || error.index >= own.length) throw error;
      if (whole.isRefused(error.cause)) return undefined;
      throw this.dialect.isNotMigrated(error.cause) ? notMigrated(error.cause) : error.cause;
    }
  }

  async #beginningWith<R, T>(
    many: StatementForMany,
    asked: Asked<R>,
    work: (found: R, tx: Tx, query: SqlQuery) => Promise<T>,
  ): Promise<T> {
    const { sql } = this;
    const { statement, calls, read: rowsOf = asTheyAre } = many;
    const [first, ...more] = calls(asked.records);
    if (typeof statement !== "string" || sql.transactionWith === undefined || first === undefined) {
      return await sql.transaction(async (tx, query) =>
        work(await this.#sendMany(query, many, asked), tx, query),
      );
    }
    let ours = true;
    try {
      return await sql.transactionWith({ text: statement, values: first }, async (rows, tx, query) => {
        const answers = [...rows];
        for (const values of more) answers.push(...(await query(statement, values)));
        // What fails from here on is the user's, with tables of its own.
        ours = false;
        return await work(asked.read(rowsOf(answers)), tx, query);
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

const asTheyAre = (rows: readonly SqlRow[]): readonly SqlRow[] => rows;

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
