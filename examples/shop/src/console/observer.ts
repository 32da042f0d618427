import type { ConsoleSnapshot, LaneSnapshot } from "@outrigger/console";
import {
  type Defect,
  type JournalLine,
  type Lane,
  type LaneCounts,
  lanes,
  OrderBook,
  type OrderLine,
} from "../audit/order-book.ts";
import { OrderReader } from "../audit/read-orders.ts";
import type { LaneStatus, ShopStatus } from "../shop/status.ts";
import type { Stack } from "../stack.ts";

/**
 * A bare order is invisible until its transaction commits; for this long after its charge it may still be on
 * its way, so it counts as pending. Longer than the bare lane's timeouts together.
 */
const settlingMs = 12_000;
const defects: readonly Defect[] = ["chargedTwice", "chargedWithoutOrder", "orderWithoutCharge"];
const nobody: LaneStatus = {
  rejected: 0,
  perSecond: 0,
  p50Ms: null,
  p99Ms: null,
  p999Ms: null,
  database: { connections: 0, inUse: 0, waiting: 0 },
};

/** Looks at the shop, its database and its providers from outside, and draws the two lanes together. */
export class Observer {
  readonly #stack: Stack;
  readonly #book = new OrderBook();
  readonly #readers: Readonly<Record<Lane, OrderReader>>;
  readonly #moved = new Map<string, { charges: number; cancels: number }>();
  readonly #settling: { readonly order: OrderLine; readonly untilMs: number }[] = [];
  readonly #paidBare = new Set<string>();
  readonly #earlier: Partial<Record<Lane, LaneCounts>> = {};
  readonly #rejected: Record<Lane, { before: number; now: number }> = {
    bare: { before: 0, now: 0 },
    outrigger: { before: 0, now: 0 },
  };
  #shopPid: number | undefined;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#readers = {
      bare: new OrderReader(stack.database, "bare"),
      outrigger: new OrderReader(stack.database, "outrigger"),
    };
  }

  async snapshot(perSecond: number): Promise<ConsoleSnapshot> {
    const [status, providers] = await Promise.all([
      this.#shopStatus(),
      this.#readProviders(),
      this.#readOrders(),
    ]);
    this.#settle();
    if (status !== undefined) this.#countRejected(status);
    return {
      atMs: Date.now(),
      shop: { up: status !== undefined, restarts: this.#stack.shop.restarts },
      traffic: { perSecond },
      lanes: { bare: this.#lane("bare", status), outrigger: this.#lane("outrigger", status) },
      integrations: (status?.integrations ?? []).map(({ name, breaker, concurrency, pool }) => ({
        name,
        breaker: {
          state: breaker?.state ?? "closed",
          failures: breaker?.failures ?? 0,
          calls: breaker?.calls ?? 0,
          reason: breaker?.reason ?? null,
          retryAfterMs: breaker?.retryAfterMs ?? null,
        },
        concurrency: {
          limit: concurrency?.limit ?? 0,
          inUse: concurrency?.inUse ?? 0,
          rejected: concurrency?.rejected ?? 0,
        },
        pool: { connections: pool.connections, inUse: pool.inUse, waiting: pool.waiting },
      })),
      providers,
    };
  }

  #lane(lane: Lane, status: ShopStatus | undefined): LaneSnapshot {
    const { perSecond, p50Ms, p99Ms, p999Ms, database } = status?.lanes[lane] ?? nobody;
    const { before, now } = this.#rejected[lane];
    const counts = this.#steadyCounts(lane);
    return { ...counts, rejected: before + now, perSecond, p50Ms, p99Ms, p999Ms, database };
  }

  /** Orders and journals are read one after the other; a difference counts once two rounds have seen it. */
  #steadyCounts(lane: Lane): LaneCounts {
    const counts = this.#book.counts(lane);
    const earlier = this.#earlier[lane] ?? counts;
    this.#earlier[lane] = counts;
    const steady = defects.map((defect) => [defect, Math.min(earlier[defect], counts[defect])] as const);
    return { ...counts, ...Object.fromEntries(steady) };
  }

  /** The shop counts since its start; what it had counted before a crash is kept here. */
  #countRejected(status: ShopStatus): void {
    const restarted = status.pid !== this.#shopPid;
    this.#shopPid = status.pid;
    for (const lane of lanes) {
      const counted = this.#rejected[lane];
      if (restarted) counted.before += counted.now;
      counted.now = status.lanes[lane].rejected;
    }
  }

  async #shopStatus(): Promise<ShopStatus | undefined> {
    try {
      const response = await fetch(`${this.#stack.shopUrl}/status`, { signal: AbortSignal.timeout(400) });
      return (await response.json()) as ShopStatus;
    } catch {
      return undefined;
    }
  }

  async #readOrders(): Promise<void> {
    try {
      for (const lane of lanes) {
        for (const order of await this.#readers[lane].changes()) {
          this.#book.order(order);
          if (lane === "bare") this.#paidBare.add(order.orderId);
        }
      }
    } catch {
      // The page keeps its last numbers; the next round reads what this one missed.
    }
  }

  async #readProviders(): Promise<ConsoleSnapshot["providers"]> {
    return await Promise.all(
      this.#stack.providers.map(async ({ name, newJournalLines, fault }) => {
        const moved = this.#moved.get(name) ?? { charges: 0, cancels: 0 };
        this.#moved.set(name, moved);
        try {
          for (const line of await newJournalLines()) {
            moved[line.kind === "charge" ? "charges" : "cancels"] += 1;
            this.#journalLine(line);
          }
          return { name, fault: (await fault()).kind, ...moved };
        } catch {
          return { name, fault: "down" as const, ...moved };
        }
      }),
    );
  }

  #journalLine(line: JournalLine): void {
    const lane = laneOf(line);
    this.#book.journal(line, lane);
    if (lane === "bare" && line.kind === "charge" && !this.#paidBare.has(line.orderId)) {
      const { orderId, amount, currency } = line;
      const order: OrderLine = { orderId, lane, amount, currency, status: "pending", provider: null };
      this.#book.order(order);
      this.#settling.push({ order, untilMs: performance.now() + settlingMs });
    }
  }

  #settle(): void {
    const nowMs = performance.now();
    for (
      let next = this.#settling[0];
      next !== undefined && next.untilMs <= nowMs;
      next = this.#settling[0]
    ) {
      this.#settling.shift();
      const { order } = next;
      if (!this.#paidBare.has(order.orderId)) this.#book.order({ ...order, status: "unpaid" });
    }
  }
}

/** Only the bare lane charges without a key, so the provider names those charges itself. */
function laneOf(line: JournalLine): Lane {
  return line.key.startsWith("anon-") ? "bare" : "outrigger";
}
