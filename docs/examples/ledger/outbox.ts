import type { Ledger, Outbox, Passed } from "@outrigger/ledger";
import type pg from "pg";

export interface OrderChanged {
  readonly status: string;
}

export function defineOutbox(ledger: Ledger, url: string): Outbox<OrderChanged> {
  // #region define
  const changes = ledger.outbox<OrderChanged>("order-changes", {
    async deliver({ key, id, sequence, payload }, { signal }) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": id },
        body: JSON.stringify({ order: key, sequence, ...payload }),
        signal,
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the warehouse answered ${response.status}`);
    },
  });
  ledger.start(); // delivers in the background, in this process too
  // #endregion
  return changes;
}

export async function ship(pool: pg.Pool, changes: Outbox<OrderChanged>, order: string): Promise<void> {
  // #region send
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("update orders set status = 'shipped' where id = $1", [order]);
    await changes.send(client, { key: order, payload: { status: "shipped" } });
    await client.query("commit"); // the message is there exactly when the change is
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
  // #endregion
}

export async function giveUp(changes: Outbox<OrderChanged>): Promise<number> {
  // #region parked
  const parked = await changes.parked();
  for (const { key, next, lastError } of parked) {
    const why = { next, reason: `the warehouse knows no such order: ${lastError?.message}`, by: "kim" };
    await changes.skip(key, why); // or retry(key, why)
  }
  // #endregion
  return parked.length;
}

export async function reserve(
  ledger: Ledger,
  client: pg.PoolClient,
  key: string,
  item: string,
): Promise<Passed<unknown>> {
  // #region barrier
  // The endpoint of a service of one's own, which others call with try, confirm and cancel; in its transaction:
  const passed = await ledger.barrier(client, { key, action: "try", scope: "stock" }, () =>
    client.query("update stock set free = free - 1 where id = $1", [item]),
  );
  // ran: reserved now · repeated: it was before · cancelled: its cancel came first, so nothing is reserved
  // #endregion
  return passed;
}
