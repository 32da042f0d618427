import type { BareLane } from "../database/shop-database.ts";
import type { Order, OrderRow } from "./order.ts";
import { ProblemError } from "./problem.ts";

interface Charge {
  readonly provider: string;
}

/**
 * The checkout as it is often written: everything inside one transaction, any error rolls back.
 *
 * Nothing here is a caricature: there is a timeout, a fallback to the second provider, and a transaction. It
 * stands beside the protected lane to show what those alone do not give:
 * - after a timeout the provider may have charged, but the rollback forgets the order;
 * - the fallback then charges a second time;
 * - the transaction keeps a database connection for as long as the provider takes.
 */
export async function bareCheckout(
  lane: BareLane,
  providers: Readonly<Record<string, string>>,
  order: Order,
): Promise<OrderRow> {
  try {
    return await lane.transaction(async (orders) => {
      const stored = await orders.find(order.orderId);
      if (stored !== undefined) return stored;
      await orders.store(order);
      const charge = await chargeSomewhere(providers, order);
      await orders.paid(order.orderId, charge.provider);
      return (await orders.find(order.orderId)) as OrderRow;
    });
  } catch (error) {
    // Also when no connection came free in time: every one is held by a checkout that waits for a provider.
    throw error instanceof ProblemError ? error : failed();
  }
}

function failed(): ProblemError {
  return new ProblemError({
    status: 502,
    code: "CHECKOUT_FAILED",
    title: "Checkout failed",
    detail: "the payment did not go through",
  });
}

async function chargeSomewhere(providers: Readonly<Record<string, string>>, order: Order): Promise<Charge> {
  const names = Object.keys(providers).filter((name) => order.method === "card" || name === "b");
  let last: unknown;
  for (const name of names) {
    try {
      const response = await fetch(`${providers[name]}/v1/charges`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ orderId: order.orderId, amount: order.amount, currency: order.currency }),
        signal: AbortSignal.timeout(5_000),
      });
      if (response.status === 402) {
        throw new ProblemError({
          status: 402,
          code: "CARD_DECLINED",
          title: "Declined",
          detail: "card declined",
        });
      }
      if (!response.ok) throw new Error(`provider ${name} answered ${response.status}`);
      await response.json();
      return { provider: name };
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      last = error;
    }
  }
  throw last;
}
