import type { SqlPort } from "@outrigger/ledger";

/**
 * Whether transactions may begin in this process.
 *
 * A process that is stopped in the middle of one keeps its locks until it wakes; on SQLite that is the only lock there is.
 * Where the matrix is to show that, an operation stands still in its transaction. Everybody else ends theirs before the
 * process is stopped, or chance would decide what a case shows.
 */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: () => void = () => {};

  shut(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
    this.#opened = undefined;
  }

  async pass(): Promise<void> {
    while (this.#opened !== undefined) await this.#opened;
  }
}

/** One ledger's way through the gate. */
export class Passage<Tx> {
  readonly sql: SqlPort<Tx>;
  #inside = 0;

  constructor(gate: Gate, sql: SqlPort<Tx>) {
    const inside = async <T>(work: () => Promise<T>): Promise<T> => {
      await gate.pass();
      this.#inside += 1;
      try {
        return await work();
      } finally {
        this.#inside -= 1;
      }
    };
    const transactionWith: Exclude<SqlPort<Tx>["transactionWith"], undefined> = (first, work, bounds) =>
      inside(async () => {
        if (sql.transactionWith === undefined) throw new Error("the port cannot do it");
        return await sql.transactionWith(first, work, bounds);
      });
    const atOnce: Exclude<SqlPort<Tx>["atOnce"], undefined> = (statements, bounds) =>
      inside(async () => {
        if (sql.atOnce === undefined) throw new Error("the port cannot do it");
        return await sql.atOnce(statements, bounds);
      });
    this.sql = {
      dialect: sql.dialect,
      query: (...args) => inside(() => sql.query(...args)),
      transaction: (...args) => inside(() => sql.transaction(...args)),
      ...(sql.transactionWith !== undefined && { transactionWith }),
      ...(sql.atOnce !== undefined && { atOnce }),
      join: (tx) => sql.join(tx),
      isTransient: (error) => sql.isTransient(error),
    };
  }

  get busy(): boolean {
    return this.#inside > 0;
  }
}
