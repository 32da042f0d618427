import { faultKinds } from "@outrigger/lab";
import { type Defect, type Lane, type LaneCounts, lanes, OrderBook } from "../audit/order-book.ts";
import type { StormRecord } from "./storm.ts";

export interface LaneSummary extends LaneCounts {
  readonly charges: number;
  readonly cancels: number;
}

/** A storm, judged. */
export interface StormSummary {
  readonly database: StormRecord["database"];
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: number;
  readonly faultsUsed: StormRecord["faultsUsed"];
  /** By provider: the faults of it that no request met. Empty lists in a storm that is long enough. */
  readonly faultsUnused: Readonly<Record<string, readonly string[]>>;
  readonly lanes: Readonly<Record<Lane, LaneSummary>>;
  /** The protected lane's orders that are wrong, to be looked up in the evidence. */
  readonly defects: readonly { readonly orderId: string; readonly defect: Defect }[];
  readonly visits: StormRecord["visits"];
  /** The protected lane has no defect and nothing is pending. */
  readonly passed: boolean;
}

export function summarize({
  database,
  seed,
  durationMs,
  kills,
  faultsUsed,
  visits,
  evidence,
}: StormRecord): StormSummary {
  const book = new OrderBook();
  const laneOf = new Map<string, Lane>();
  const moved: Record<Lane, { charges: number; cancels: number }> = {
    bare: { charges: 0, cancels: 0 },
    outrigger: { charges: 0, cancels: 0 },
  };
  for (const order of evidence.orders) {
    laneOf.set(order.orderId, order.lane);
    book.order(order);
  }
  for (const line of Object.values(evidence.journals).flat()) {
    // A charge for an order that nobody sent would be the protected lane's worst defect.
    const lane = laneOf.get(line.orderId) ?? "outrigger";
    book.journal(line, lane);
    moved[lane][line.kind === "charge" ? "charges" : "cancels"] += 1;
  }
  const judged = Object.fromEntries(
    lanes.map((lane) => [lane, { ...book.counts(lane), ...moved[lane] }]),
  ) as unknown as Record<Lane, LaneSummary>;
  const { chargedTwice, chargedWithoutOrder, orderWithoutCharge, pending } = judged.outrigger;
  return {
    database,
    seed,
    durationMs,
    kills,
    faultsUsed,
    faultsUnused: Object.fromEntries(
      Object.entries(faultsUsed).map(([provider, used]) => [
        provider,
        faultKinds.filter((kind) => (used[kind] ?? 0) === 0),
      ]),
    ),
    lanes: judged,
    defects: [...book.defects()]
      .filter(({ lane }) => lane === "outrigger")
      .map(({ orderId, defect }) => ({ orderId, defect })),
    visits,
    passed:
      chargedTwice + chargedWithoutOrder + orderWithoutCharge + pending === 0 && judged.outrigger.orders > 0,
  };
}

const rows: readonly (keyof LaneSummary)[] = [
  "orders",
  "paid",
  "unpaid",
  "pending",
  "charges",
  "cancels",
  "chargedTwice",
  "chargedWithoutOrder",
  "orderWithoutCharge",
];

/** The two lanes as a table for the terminal. */
export function summaryTable(
  summary: StormSummary,
  words: Readonly<Record<keyof LaneSummary, string>>,
): string {
  const label = Math.max(...rows.map((row) => width(words[row])));
  const cell = (value: number | string): string => String(value).padStart(12);
  const lines = rows.map((row) => {
    const name = words[row] + " ".repeat(label - width(words[row]));
    return `  ${name}${cell(summary.lanes.bare[row])}${cell(summary.lanes.outrigger[row])}`;
  });
  return [`  ${" ".repeat(label)}${cell("bare")}${cell("outrigger")}`, ...lines].join("\n");
}

/** Columns a text takes in a terminal: Korean letters take two. */
function width(text: string): number {
  return [...text].reduce(
    (sum, letter) => sum + (/[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]/.test(letter) ? 2 : 1),
    0,
  );
}
