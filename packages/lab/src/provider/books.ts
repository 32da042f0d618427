import { LineFile } from "./line-file.ts";

/** What a caller asks to be charged. */
export interface ChargeRequest {
  readonly orderId: string;
  /** In the currency's smallest unit. Range: integer >= 1. */
  readonly amount: number;
  /** ISO 4217, such as `KRW`. */
  readonly currency: string;
}

export interface Charge extends ChargeRequest {
  readonly chargeId: string;
  readonly key: string;
  readonly status: "approved" | "cancelled";
}

/** One line of the journal: something that truly happened. */
export interface JournalLine extends ChargeRequest {
  /** ISO 8601. */
  readonly at: string;
  readonly provider: string;
  readonly kind: "charge" | "cancel";
  readonly key: string;
}

/** A key that was answered without an effect: blocked before its charge came, or declined. */
interface NoteLine {
  readonly at: string;
  readonly provider: string;
  readonly kind: "blocked" | "declined";
  readonly key: string;
  readonly orderId: string;
  readonly amount?: number;
  readonly currency?: string;
}

export type ChargeOutcome =
  | { readonly status: "approved"; readonly charge: Charge }
  | { readonly status: "declined" | "keyReused" | "keyCancelled" };

export type CancelOutcome =
  | { readonly status: "cancelled"; readonly charge: Charge }
  | { readonly status: "blocked" | "otherOrder" };

/**
 * What the provider knows, and the only way to change it.
 *
 * Every change is appended to its file first and seen afterwards. What took effect goes to the journal; what did
 * not, but must be remembered, goes to `<journal>.notes`. Both are read back when the provider starts again.
 */
export class Books {
  readonly #provider: string;
  readonly #journal: LineFile;
  readonly #notes: LineFile;
  readonly #now: () => number;
  readonly #charges = new Map<string, Charge>();
  readonly #keysByOrder = new Map<string, string[]>();
  readonly #noted = new Map<string, NoteLine>();
  #charged = 0;
  #cancelled = 0;
  #blocked = 0;

  /** @param now - Milliseconds since 1970, for the lines' `at`. */
  constructor(provider: string, journalPath: string, now: () => number = Date.now) {
    this.#provider = provider;
    this.#now = now;
    const journal = LineFile.open(journalPath);
    const notes = LineFile.open(`${journalPath}.notes`);
    this.#journal = journal.file;
    this.#notes = notes.file;
    for (const line of journal.lines as readonly JournalLine[]) this.#see(line);
    for (const line of notes.lines as readonly NoteLine[]) this.#note(line);
  }

  get journalPath(): string {
    return this.#journal.path;
  }

  get counts(): { readonly charges: number; readonly cancels: number; readonly blocked: number } {
    return { charges: this.#charged, cancels: this.#cancelled, blocked: this.#blocked };
  }

  /**
   * Charges once per key, however often it is asked; without a key, once per call.
   *
   * A charge whose last two digits are 13 is declined, as a test card would be.
   */
  charge(request: ChargeRequest, key: string | undefined): ChargeOutcome {
    if (key !== undefined) {
      const known = this.#charges.get(key) ?? this.#noted.get(key);
      if (known !== undefined && "kind" in known && known.kind === "blocked")
        return { status: "keyCancelled" };
      if (known !== undefined && !sameRequest(known, request)) return { status: "keyReused" };
      if (known !== undefined && "chargeId" in known) {
        // A late copy of an original that was cancelled must not read "approved".
        return known.status === "cancelled"
          ? { status: "keyCancelled" }
          : { status: "approved", charge: known };
      }
    }
    const head = { at: new Date(this.#now()).toISOString(), provider: this.#provider };
    const { orderId, amount, currency } = request;
    if (amount % 100 === 13) {
      if (key !== undefined && !this.#noted.has(key)) {
        const line: NoteLine = { ...head, kind: "declined", key, orderId, amount, currency };
        this.#notes.append(line);
        this.#note(line);
      }
      return { status: "declined" };
    }
    const line: JournalLine = {
      ...head,
      kind: "charge",
      key: key ?? `anon-${this.#charged + 1}`,
      orderId,
      amount,
      currency,
    };
    this.#journal.append(line);
    return { status: "approved", charge: this.#see(line) };
  }

  /**
   * Reverses the charge with this key; when there is none yet, blocks the key for ever, so that an original that
   * arrives late is refused. Doing it again changes nothing.
   */
  cancel(key: string, orderId: string): CancelOutcome {
    const known = this.#charges.get(key) ?? this.#noted.get(key);
    if (known !== undefined && known.orderId !== orderId) return { status: "otherOrder" };
    const head = { at: new Date(this.#now()).toISOString(), provider: this.#provider };
    if (known !== undefined && "chargeId" in known) {
      if (known.status === "cancelled") return { status: "cancelled", charge: known };
      const { amount, currency } = known;
      const line: JournalLine = { ...head, kind: "cancel", key, orderId, amount, currency };
      this.#journal.append(line);
      return { status: "cancelled", charge: this.#see(line) };
    }
    if (known === undefined || known.kind !== "blocked") {
      const line: NoteLine = { ...head, kind: "blocked", key, orderId };
      this.#notes.append(line);
      this.#note(line);
    }
    return { status: "blocked" };
  }

  chargesOf(orderId: string): readonly Charge[] {
    const keys = this.#keysByOrder.get(orderId) ?? [];
    return keys.flatMap((key) => this.#charges.get(key) ?? []);
  }

  get blockedKeys(): readonly NoteLine[] {
    return [...this.#noted.values()].filter((line) => line.kind === "blocked");
  }

  close(): void {
    this.#journal.close();
    this.#notes.close();
  }

  #see(line: JournalLine): Charge {
    const { key, orderId, amount, currency } = line;
    const before = this.#charges.get(key);
    // The number follows from the journal's order, so a charge keeps its id when the provider starts again.
    const chargeId = before?.chargeId ?? `${this.#provider}-${this.#charged + 1}`;
    const status = line.kind === "charge" ? "approved" : "cancelled";
    const charge: Charge = { chargeId, key, orderId, amount, currency, status };
    this.#charges.set(key, charge);
    if (line.kind === "cancel") {
      this.#cancelled += 1;
    } else {
      this.#charged += 1;
      const keys = this.#keysByOrder.get(orderId);
      if (keys === undefined) this.#keysByOrder.set(orderId, [key]);
      else keys.push(key);
    }
    return charge;
  }

  #note(line: NoteLine): void {
    this.#noted.set(line.key, line);
    if (line.kind === "blocked") this.#blocked += 1;
  }
}

function sameRequest(a: Partial<ChargeRequest>, b: ChargeRequest): boolean {
  return a.orderId === b.orderId && a.amount === b.amount && a.currency === b.currency;
}
