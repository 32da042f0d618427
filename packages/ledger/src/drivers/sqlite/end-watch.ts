import type { DatabaseSync } from "node:sqlite";
import type { SqlRow } from "../../store/sql-port.ts";

/** What it needs of a connection: a way of its own to send, which it does not see. */
interface Watched {
  readonly db: DatabaseSync;
  send(text: string): readonly SqlRow[];
}

/** Shows, where it is set, whether the transaction has ended, also when another one has been begun since. */
const mark = "outrigger_ledger";

const words = "(?:begin|commit|end|rollback|savepoint|release)\\b";
/** A statement that may begin or end a transaction; before it there may be comments. */
const ends = new RegExp(`^(?:\\s|;|--[^\\n]*\\n|/\\*(?:[^*]|\\*(?!/))*\\*/)*${words}`, "i");
/** Among several statements, or in what only looks like one of them. */
const mayEnd = new RegExp(`\\b${words}`, "i");

/**
 * Sees whether a function has ended the ledger's transaction. A savepoint tells, and SQLite then keeps every page as it was
 * before it; so one is set only before a statement of the function's that may end a transaction, by its text.
 */
export class EndWatch {
  readonly #connection: Watched;
  /** Whether the function has a statement that may end a transaction, and may run it at any time. */
  #always = false;
  #begun = false;
  #marked = false;
  #ended = false;

  constructor(connection: Watched) {
    this.#connection = connection;
    const { db } = connection;
    this.#before(db, "exec", (text) => mayEnd.test(text), false);
    this.#before(db, "prepare", (text) => ends.test(text), true);
    // What it will be given is seen by nobody.
    this.#before(db, "createTagStore", () => true, true);
  }

  begin(): void {
    this.#connection.send("begin immediate");
    this.#begun = true;
    this.#marked = false;
    this.#ended = false;
    if (this.#always) this.#mark();
  }

  /** Of what is sent beside the connection's own functions. */
  beforeStatement(text: string): void {
    if (ends.test(text)) this.#mark();
  }

  /** Whether it still is the transaction that was begun. Asked once, before its commit. */
  isWhole(): boolean {
    this.#begun = false;
    if (this.#ended || !this.#connection.db.isTransaction) return false;
    try {
      if (this.#marked) this.#connection.send(`release ${mark}`);
      return true;
    } catch {
      return false;
    }
  }

  #mark(): void {
    if (!this.#begun || this.#marked || this.#ended) return;
    // An error may have rolled it back.
    if (!this.#connection.db.isTransaction) {
      this.#ended = true;
      return;
    }
    this.#connection.send(`savepoint ${mark}`);
    this.#marked = true;
  }

  /** @param lasts - Whether what it makes may be used in any later transaction. */
  #before(db: DatabaseSync, name: string, isOne: (text: string) => boolean, lasts: boolean): void {
    const own: unknown = Reflect.get(db, name);
    if (typeof own !== "function") return;
    Reflect.set(db, name, (...given: readonly unknown[]): unknown => {
      if (isOne(String(given[0]))) {
        this.#always ||= lasts;
        this.#mark();
      }
      return Reflect.apply(own, db, given);
    });
  }
}
