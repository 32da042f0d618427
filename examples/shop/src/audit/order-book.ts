export type Lane = "bare" | "outrigger";
export const lanes: readonly Lane[] = ["bare", "outrigger"];

/** A line of a provider's journal: something that truly happened to somebody's money. */
export interface JournalLine {
  readonly at: string;
  readonly provider: string;
  readonly kind: "charge" | "cancel";
  readonly key: string;
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
}

/** What the shop says about an order. An order that was rolled back or never stored is `unpaid`. */
export interface OrderLine {
  readonly orderId: string;
  readonly lane: Lane;
  readonly amount: number;
  readonly status: "paid" | "unpaid" | "pending";
  readonly provider: string | null;
}

export type Defect = "chargedTwice" | "chargedWithoutOrder" | "orderWithoutCharge";

/** One lane, counted. The defects count orders, not charges. */
export interface LaneCounts extends Record<Defect, number> {
  readonly orders: number;
  readonly paid: number;
  readonly unpaid: number;
  readonly pending: number;
}

/**
 * Where the shop and its providers disagree about one order.
 *
 * @param active - Charges of this order over all providers that were not cancelled.
 */
export function defectOf(status: OrderLine["status"], active: number): Defect | undefined {
  if (active > 1) return "chargedTwice";
  if (active === 1 && status === "unpaid") return "chargedWithoutOrder";
  if (active === 0 && status === "paid") return "orderWithoutCharge";
  return undefined;
}

interface Entry {
  lane: Lane;
  status: OrderLine["status"];
  active: number;
}

/**
 * The shop's orders and the providers' journals side by side, kept up to date line by line.
 *
 * Each line may be told once only; an order may be told again when it changes.
 */
export class OrderBook {
  readonly #entries = new Map<string, Entry>();
  readonly #counts: Record<Lane, { -readonly [K in keyof LaneCounts]: number }> = {
    bare: emptyCounts(),
    outrigger: emptyCounts(),
  };

  /** @param lane - Where the order belongs if it is not known yet. */
  journal(line: JournalLine, lane: Lane): void {
    this.#change(line.orderId, lane, (entry) => {
      entry.active += line.kind === "charge" ? 1 : -1;
    });
  }

  order(orderId: string, lane: Lane, status: OrderLine["status"]): void {
    this.#change(orderId, lane, (entry) => {
      entry.status = status;
    });
  }

  counts(lane: Lane): LaneCounts {
    return { ...this.#counts[lane] };
  }

  /** The orders with a defect, for a report that names them. */
  *defects(): Generator<{ orderId: string; lane: Lane; defect: Defect }> {
    for (const [orderId, { lane, status, active }] of this.#entries) {
      const defect = defectOf(status, active);
      if (defect !== undefined) yield { orderId, lane, defect };
    }
  }

  #change(orderId: string, lane: Lane, change: (entry: Entry) => void): void {
    let entry = this.#entries.get(orderId);
    if (entry === undefined) {
      entry = { lane, status: "unpaid", active: 0 };
      this.#entries.set(orderId, entry);
    } else {
      this.#count(entry, -1);
    }
    change(entry);
    this.#count(entry, 1);
  }

  #count(entry: Entry, by: 1 | -1): void {
    const counts = this.#counts[entry.lane];
    counts.orders += by;
    counts[entry.status] += by;
    const defect = defectOf(entry.status, entry.active);
    if (defect !== undefined) counts[defect] += by;
  }
}

function emptyCounts(): { -readonly [K in keyof LaneCounts]: number } {
  return {
    orders: 0,
    paid: 0,
    unpaid: 0,
    pending: 0,
    chargedTwice: 0,
    chargedWithoutOrder: 0,
    orderWithoutCharge: 0,
  };
}
