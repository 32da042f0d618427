import type { ClientBase } from "pg";
import { shopSchema } from "../shop/schema.ts";
import type { Lane, OrderLine } from "./order-book.ts";

interface Row {
  readonly id: string;
  readonly amount: string;
  readonly currency: string;
  readonly status: "paying" | "paid" | "unpaid";
  readonly provider: string | null;
  readonly changed_at: string;
}

const tables: Readonly<Record<Lane, string>> = { bare: "bare_orders", outrigger: "orders" };

/**
 * Orders of a lane that changed at or after an instant of the database's clock.
 *
 * @param since - As `changedAt` of an earlier call gave it; "-infinity" for all.
 */
export async function ordersChangedSince(
  client: ClientBase,
  lane: Lane,
  since: string,
): Promise<{ readonly orders: readonly OrderLine[]; readonly changedAt: string }> {
  const { rows } = await client.query<Row>(
    `select id, amount, currency, status, provider, updated_at::text as changed_at
     from ${shopSchema}.${tables[lane]} where updated_at >= $1::timestamptz order by updated_at`,
    [since],
  );
  const orders = rows.map((row) => ({
    orderId: row.id,
    lane,
    amount: Number(row.amount),
    currency: row.currency,
    status: row.status === "paying" ? ("pending" as const) : row.status,
    provider: row.provider,
  }));
  return { orders, changedAt: rows.at(-1)?.changed_at ?? since };
}
