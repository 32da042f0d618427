// #region imports
import { type Guard, guardTransactions, type PoolWatch, watchPool } from "@outrigger/ledger/guard";
import type { Pool } from "pg";
import { Agent, type Dispatcher, setGlobalDispatcher } from "undici";

// #endregion

/** What of an event goes into the log. */
type Log = (event: object) => void;

export function putUpGuard(pool: Pool, log: Log): { guard: Guard; dispatcher: Dispatcher } {
  // #region guard
  const guard = guardTransactions({
    allow: ["collector.internal:4318"], // telemetry, for which no transaction waits
    onEvent: log,
  });
  guard.watchPgPool(pool);
  // #endregion
  // #region fetch
  const dispatcher = new Agent().compose(guard.interceptor);
  setGlobalDispatcher(dispatcher); // fetch, and undici's request, now fail before anything leaves
  // #endregion
  return { guard, dispatcher };
}

export async function chargeInside(pool: Pool, provider: string, orderId: string): Promise<void> {
  // #region wrong
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("update orders set status = 'paid' where id = $1", [orderId]);
    await fetch(`${provider}/charges`, { method: "POST", body: orderId }); // CALL_IN_TRANSACTION
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
  // #endregion
}

export function watchOrders(pool: Pool, log: Log): PoolWatch {
  // #region watch
  const watch = watchPool(pool, { name: "orders", heldFor: "1s", waitingFor: "100ms", onEvent: log });

  watch.snapshot(); // in use, waiting, who holds them, and when none is left: for a console
  // #endregion
  return watch;
}
