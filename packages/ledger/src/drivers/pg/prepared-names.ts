import { hash } from "node:crypto";
import { sqlStateOf } from "../shared/postgres-errors.ts";
import type { PacketFailed } from "./one-packet.ts";

/** A statement as one connection knows it. */
export interface Prepared {
  readonly name: string;
  /** The server has parsed it under its name. */
  readonly isThere: boolean;
  answered(succeeded: boolean): void;
}

/** What the server answers who names a statement that this session of it does not know. */
const noSuchStatement = "26000";

/** What a kept statement may fail with after its tables were changed, and a new one not. */
const outdated = /^(0A000|42...)$/;

/** More than the ledger's own and a definition's; beyond it somebody puts values into texts. */
const textsAtMost = 100;

/**
 * The names by which a pool's connections prepare statements.
 *
 * A name says its text: behind a pooler that hands out sessions by the transaction, another client's statement of the same
 * name is the same statement. Such a pooler, when it does not know of prepared statements, also answers that there is none;
 * then nothing is prepared any more.
 */
export class PreparedNames {
  #given = true;
  readonly #names = new Map<string, string>();
  readonly #there = new WeakMap<object, Set<string>>();

  /** @returns undefined where the statement is not to be prepared. */
  of(connection: object, text: string): Prepared | undefined {
    const name = this.#given ? this.#nameOf(text) : undefined;
    if (name === undefined) return undefined;
    const there = this.#there.get(connection) ?? new Set();
    this.#there.set(connection, there);
    return {
      name,
      isThere: there.has(name),
      answered(succeeded) {
        if (succeeded) there.add(name);
        else there.delete(name);
      },
    };
  }

  /**
   * Whether what has failed, and was rolled back, may be sent once more: it names nothing that was kept then, so that this
   * is true once for each.
   */
  mayTryAgain({ error, named, kept }: PacketFailed): boolean {
    const state = sqlStateOf(error);
    if (named && state === noSuchStatement) {
      this.#given = false;
      return true;
    }
    return kept && state !== undefined && outdated.test(state);
  }

  #nameOf(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= textsAtMost) return known;
    const name = `outrigger_${hash("sha256", text).slice(0, 32)}`;
    this.#names.set(text, name);
    return name;
  }
}
