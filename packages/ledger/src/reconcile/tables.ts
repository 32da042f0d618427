import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { Statement } from "../store/dialect.ts";
import type { SqlQuery, SqlRow } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { FindingClass, ItemClass } from "./classify.ts";
import { type DayTotal, sumOf } from "./days.ts";
import type { ReconciliationStatements } from "./statements.ts";

/** A disagreement, as it is stored. */
export interface Finding {
  /** The day of the provider's time, or of ours where the provider has nothing. */
  readonly day: string;
  readonly class: FindingClass;
  /** The key that the provider was sent; of a broken line `line 17`. */
  readonly key: string;
  /** What each side says. Plain JSON. */
  readonly details: unknown;
  /** What is done about it: `report`, `apply`, or `custom`. */
  readonly action: string;
  readonly actionState: "none" | "pending" | "done";
  /** What the action came to, or last failed with. */
  readonly outcome: string | null;
  /** Whether the day was read again, and it was gone. */
  readonly cleared: boolean;
}

export type NewFinding = Omit<Finding, "cleared">;

/** How far a reconciliation has come. */
export interface Progress {
  /** Counts the processes that took it up. */
  readonly fence: number;
  /** The last day that is done; null before the first. */
  readonly doneDay: string | null;
  /** The day under way, and the last key of it that is stored. */
  readonly day: string | null;
  readonly afterKey: string | null;
}

/** The statements of one reconciliation with types on both sides. Decides nothing. */
export class ReconciliationTables<Tx> {
  readonly #store: Store<Tx>;
  readonly #text: ReconciliationStatements;
  readonly #name: string;

  constructor(store: Store<Tx>, schema: string, name: string) {
    this.#store = store;
    this.#text = store.dialect.reconciliation(schema);
    this.#name = name;
  }

  /** Takes it up; whoever had it before can store nothing more. */
  async take(): Promise<Progress> {
    const [row] = await this.#send(this.#text.take, []);
    return {
      fence: Number(row?.["fence"]),
      doneDay: text(row?.["done_day"]),
      day: text(row?.["day"]),
      afterKey: text(row?.["after_key"]),
    };
  }

  /** Begins a day from its start. What was counted of it before is dropped; its findings stay until they are seen again. */
  async beginDay(fence: number, day: string, again: boolean): Promise<void> {
    // A day that is read again may come from another source, so nobody goes on with it half way.
    await this.#fenced(this.#text.beginDay, fence, again ? null : day, async (query) => {
      await this.#send(this.#text.forgetTotals, [day], query);
    });
  }

  /** Stores what was found up to a key, and that it was. */
  async keep(
    fence: number,
    afterKey: string | null,
    totals: readonly DayTotal[],
    findings: readonly NewFinding[],
  ): Promise<void> {
    await this.#fenced(this.#text.keep, fence, afterKey, async (query) => {
      if (totals.length > 0) await this.#addTotals(query, totals);
      if (findings.length === 0) return;
      const rows = findings.map((finding) => ({ ...finding, details: JSON.stringify(finding.details) }));
      await this.#send(this.#text.putFindings, [JSON.stringify(rows)], query);
    });
  }

  /** @param advances - Whether the cursor moves to this day: it does not for one that is read again. */
  async endDay(fence: number, day: string, advances: boolean): Promise<void> {
    await this.#fenced(this.#text.endDay, fence, advances ? day : null, async (query) => {
      await this.#send(this.#text.clearUnseen, [day], query);
    });
  }

  async pending(
    afterKey: { day: string; class: string; key: string } | undefined,
    limit: number,
  ): Promise<readonly Finding[]> {
    const { day = "", class: of = "", key = "" } = afterKey ?? {};
    return (await this.#send(this.#text.pending, [day, of, key, limit])).map(findingOf);
  }

  async acted(finding: Finding, state: "pending" | "done", outcome: string): Promise<void> {
    await this.#send(this.#text.acted, [finding.day, finding.class, finding.key, state, outcome]);
  }

  totals(fromDay: string, toDay: string): Promise<readonly DayTotal[]> {
    return this.#totals(fromDay, toDay, this.#store.sql.query);
  }

  async findings(fromDay: string, toDay: string, limit: number): Promise<readonly Finding[]> {
    return (await this.#send(this.#text.findings, [fromDay, toDay, limit])).map(findingOf);
  }

  /** Sums are made here, because not every database has exact ones; the fence keeps others away meanwhile. */
  async #addTotals(query: SqlQuery, added: readonly DayTotal[]): Promise<void> {
    const days = added.map(({ day }) => day).sort();
    const before = await this.#totals(days[0] ?? "", days.at(-1) ?? "", query);
    await this.#send(this.#text.putTotals, [JSON.stringify(sumOf(before, added))], query);
  }

  async #totals(fromDay: string, toDay: string, query: SqlQuery): Promise<readonly DayTotal[]> {
    return (await this.#send(this.#text.totals, [fromDay, toDay], query)).map((row) => ({
      day: String(row["day"]),
      class: row["class"] as ItemClass,
      currency: String(row["currency"]),
      count: Number(row["count"]),
      remoteSum: String(row["remote_sum"]),
      localSum: String(row["local_sum"]),
    }));
  }

  /** A statement that holds the fence, then what else is stored in the same transaction. */
  async #fenced(
    statement: Statement,
    fence: number,
    value: string | null,
    work: (query: SqlQuery) => Promise<void>,
  ): Promise<void> {
    await this.#store.sql.transaction(async (_, query) => {
      const rows = await this.#send(statement, [fence, value], query);
      if (rows.length === 0) throw takenOver(this.#name);
      await work(query);
    });
  }

  #send(
    statement: Statement,
    values: readonly unknown[],
    query: SqlQuery = this.#store.sql.query,
  ): Promise<readonly SqlRow[]> {
    return this.#store.send(query, statement, [this.#name, ...values]);
  }
}

function findingOf(row: SqlRow): Finding {
  return {
    day: String(row["day"]),
    class: row["class"] as FindingClass,
    key: String(row["key"]),
    details: JSON.parse(String(row["details"])),
    action: String(row["action"]),
    actionState: row["action_state"] as Finding["actionState"],
    outcome: text(row["outcome"]),
    cleared: row["cleared"] === "yes",
  };
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

function takenOver(name: string): Failure {
  return new Failure(
    `another process has taken up the reconciliation ${JSON.stringify(name)}; this one stored nothing since`,
    { code: ledgerFailureCodes.takenOver, effect: "none", transient: false },
  );
}
