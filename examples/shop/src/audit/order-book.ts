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
  readonly currency: string;
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
 * A charge of another amount or currency, or at another provider than the order says, is not this order's: money
 * without an order, and an order without its charge.
 *
 * @param charges - Over all providers, without those that were cancelled.
 */
export function defectOf(
  order: Pick<OrderLine, "status" | "amount" | "currency" | "provider"> | undefined,
  charges: readonly Pick<JournalLine, "provider" | "amount" | "currency">[],
): Defect | undefined {
  if (charges.length > 1) return "chargedTwice";
  const [charge] = charges;
  const paid = order?.status === "paid";
  if (charge === undefined) return paid ? "orderWithoutCharge" : undefined;
  if (order === undefined || order.status === "unpaid") return "chargedWithoutOrder";
  const fits = charge.amount === order.amount && charge.currency === order.currency;
  return fits && (!paid || charge.provider === order.provider) ? undefined : "chargedWithoutOrder";
}

interface Entry {
  readonly lane: Lane;
  order: OrderLine | undefined;
  charges: JournalLine[];
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
      if (line.kind === "charge") entry.charges.push(line);
      else
        entry.charges = entry.charges.filter(
          (each) => each.key !== line.key || each.provider !== line.provider,
        );
    });
  }

  order(order: OrderLine): void {
    this.#change(order.orderId, order.lane, (entry) => {
      entry.order = order;
    });
  }

  counts(lane: Lane): LaneCounts {
    return { ...this.#counts[lane] };
  }

  /** The orders with a defect, for a report that names them. */
  *defects(): Generator<{ orderId: string; lane: Lane; defect: Defect }> {
    for (const [orderId, { lane, order, charges }] of this.#entries) {
      const defect = defectOf(order, charges);
      if (defect !== undefined) yield { orderId, lane, defect };
    }
  }

  #change(orderId: string, lane: Lane, change: (entry: Entry) => void): void {
    let entry = this.#entries.get(orderId);
    if (entry === undefined) {
      entry = { lane, order: undefined, charges: [] };
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
    counts[entry.order?.status ?? "unpaid"] += by;
    const defect = defectOf(entry.order, entry.charges);
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
