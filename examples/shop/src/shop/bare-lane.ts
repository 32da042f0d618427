import type { Pool } from "pg";
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
  pool: Pool,
  providers: Readonly<Record<string, string>>,
  order: Order,
): Promise<OrderRow> {
  const client = await pool.connect().catch(() => {
    throw failed(); // No connection came free in time: every one is held by a checkout that waits for a provider.
  });
  // A session that the server ends while it waits for the provider would else end the whole process.
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on("error", onError);
  try {
    await client.query("begin");
    const stored = await client.query<OrderRow>("select * from bare_orders where id = $1", [order.orderId]);
    if (stored.rows[0] !== undefined) {
      await client.query("rollback");
      return stored.rows[0];
    }
    await client.query(
      "insert into bare_orders (id, amount, currency, method, status) values ($1, $2, $3, $4, 'paying')",
      [order.orderId, order.amount, order.currency, order.method],
    );
    const charge = await chargeSomewhere(providers, order);
    const paid = await client.query<OrderRow>(
      `update bare_orders set status = 'paid', provider = $2, updated_at = clock_timestamp()
       where id = $1 returning *`,
      [order.orderId, charge.provider],
    );
    await client.query("commit");
    return paid.rows[0] as OrderRow;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error instanceof ProblemError ? error : failed();
  } finally {
    client.removeListener("error", onError);
    client.release(broken);
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
