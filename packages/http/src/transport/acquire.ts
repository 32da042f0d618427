import type { CallContext } from "@outrigger/core";
import { httpFailureCodes } from "../failure.ts";
import type { ConnectionPool, Lease } from "../pool/connection-pool.ts";

/**
 * A connection, at once or after a wait of at most `acquireMs`.
 *
 * Whoever stops waiting, because of the time or because the caller has gone, leaves the queue in that moment; no
 * connection is opened, used or closed for it.
 *
 * @throws what `refuse` makes of `ACQUIRE_TIMEOUT` and `POOL_FULL`; the reason of the abort as it is.
 */
export function acquire(
  pool: ConnectionPool,
  acquireMs: number,
  context: CallContext,
  refuse: (message: string, code: string) => Error,
): Lease | Promise<Lease> {
  if (context.abortReason !== undefined) throw context.abortReason;
  return pool.take() ?? queue(pool, acquireMs, context, refuse);
}

function queue(
  pool: ConnectionPool,
  acquireMs: number,
  context: CallContext,
  refuse: (message: string, code: string) => Error,
): Promise<Lease> {
  return new Promise((resolve, reject) => {
    const place = pool.wait((lease) => {
      timer.cancel();
      forgetAbort();
      resolve(lease);
    });
    if (place === undefined) {
      const { waiting, connections } = pool.snapshot();
      const message = `all ${connections} connections are in use and ${waiting} calls wait already`;
      reject(refuse(message, httpFailureCodes.poolFull));
      return;
    }
    const timer = context.clock.setTimer(acquireMs, () => {
      if (!pool.leave(place)) return;
      forgetAbort();
      pool.countAcquireTimeout();
      reject(refuse(`no connection came free within ${acquireMs} ms`, httpFailureCodes.acquireTimeout));
    });
    const forgetAbort = context.onAbort((reason) => {
      if (!pool.leave(place)) return;
      timer.cancel();
      reject(reason);
    });
  });
}
