import { Failure } from "@outrigger/core";
import type { CallInfo, Inquiry, PgTx, ProviderDefinition } from "@outrigger/ledger";

export interface Order {
  readonly id: string;
  readonly amount: number;
}

export interface Payment {
  readonly charge: string;
}

/** A provider's functions over HTTP, with the effect stated for every way in which a call can end. */
export function paymentsThrough(url: () => string): ProviderDefinition<Order, Payment> {
  return {
    async call(_order, info) {
      const response = await post(url(), "/charge", info.key, info);
      if (response.status === 200) return (await response.json()) as Payment;
      const code = ((await response.json()) as { code: string }).code;
      if (response.status === 402) {
        throw new Failure("card declined", { code, effect: "none", kind: "refused" });
      }
      if (response.status === 503) {
        throw new Failure("busy", { code, effect: "none", retryAfterMs: 2_000 });
      }
      throw new Failure(`answered ${response.status}`, { code, effect: "unknown" });
    },
    async inquire(_order, info): Promise<Inquiry<Payment>> {
      const response = await fetch(`${url()}/inquire?key=${info.key}`, { signal: info.signal });
      if (response.status === 404) return { status: "notFound" };
      if (response.status !== 200) throw new Failure("no answer", { code: "DOWN", effect: "none" });
      const { charge, active } = (await response.json()) as Payment & { active: boolean };
      return active ? { status: "found", result: { charge } } : { status: "refused", code: "CANCELLED" };
    },
    async cancel(_order, info) {
      const response = await post(url(), "/cancel", info.key, info);
      if (response.status !== 200) throw new Error(`cancel answered ${response.status}`);
    },
    capabilities: { idempotencyKey: { window: "1d" }, inquiry: {}, cancel: { blocksLateOriginal: true } },
  };
}

async function post(url: string, path: string, key: string, { signal }: CallInfo): Promise<Response> {
  try {
    return await fetch(`${url}${path}?key=${key}`, { method: "POST", signal });
  } catch (cause) {
    const refused = ((cause as Error).cause as { code?: string } | undefined)?.code === "ECONNREFUSED";
    throw new Failure("no answer", { code: "NO_ANSWER", effect: refused ? "none" : "unknown", cause });
  }
}

export const ordersTable = "create table orders (id text primary key, status text not null, note text)";

/** The business side of an order: one row that is pending, paid or void. */
export const orders = {
  async prepare(tx: PgTx, order: Order): Promise<void> {
    await tx.query("insert into orders (id, status) values ($1, 'pending')", [order.id]);
  },
  async commit(tx: PgTx, order: Order, _payment: Payment, info: { provider: string }): Promise<void> {
    const { rowCount } = await tx.query(
      "update orders set status = 'paid', note = $2 where id = $1 and status = 'pending'",
      [order.id, info.provider],
    );
    if (rowCount !== 1) throw new Error("the order no longer waits for a payment");
  },
  async abandon(tx: PgTx, order: Order, why: { code: string }): Promise<void> {
    await tx.query(
      "update orders set status = 'void', note = $2 where id = $1 and status in ('pending', 'paid')",
      [order.id, why.code],
    );
  },
};
