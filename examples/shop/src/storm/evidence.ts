import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLedger, type OperationRecord } from "@outrigger/ledger";
import { type JournalLine, lanes, type OrderLine } from "../audit/order-book.ts";
import { allOrders } from "../audit/read-orders.ts";
import { ledgerSchema, type ShopDatabase } from "../database/shop-database.ts";
import type { Stack } from "../stack.ts";
import type { CustomerOrder } from "../traffic/customer.ts";

/** What both sides say about every order of a storm, unjudged. */
export interface Evidence {
  readonly journals: Readonly<Record<string, readonly JournalLine[]>>;
  readonly orders: readonly OrderLine[];
  readonly operations: readonly OperationRecord[];
}

export async function gatherEvidence(stack: Stack, sent: readonly CustomerOrder[]): Promise<Evidence> {
  const journals = await Promise.all(
    stack.providers.map(async (each) => [each.name, await each.journal()] as const),
  );
  const ledger = createLedger({ sql: stack.database.sql, schema: ledgerSchema });
  return {
    journals: Object.fromEntries(journals),
    orders: await orderLines(stack.database, sent),
    operations: await all(ledger.export()),
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** One line per order that was sent: also those that a lane forgot or never stored, which are unpaid. */
async function orderLines(database: ShopDatabase, sent: readonly CustomerOrder[]): Promise<OrderLine[]> {
  const stored = new Map<string, OrderLine>();
  for (const lane of lanes) {
    for (const order of await allOrders(database, lane)) stored.set(order.orderId, order);
  }
  return sent.map(
    ({ orderId, lane, amount }): OrderLine =>
      stored.get(orderId) ?? { orderId, lane, amount, currency: "KRW", status: "unpaid", provider: null },
  );
}

/** Writes `journal-*.ndjson`, `orders.ndjson` and `operations.ndjson`: enough to judge the storm without us. */
export async function writeEvidence(directory: string, evidence: Evidence): Promise<void> {
  await mkdir(directory, { recursive: true });
  const write = (name: string, lines: readonly unknown[]): Promise<void> =>
    writeFile(join(directory, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  for (const [provider, lines] of Object.entries(evidence.journals)) {
    await write(`journal-${provider}.ndjson`, lines);
  }
  await write("orders.ndjson", evidence.orders);
  await write("operations.ndjson", evidence.operations);
}
