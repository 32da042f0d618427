import { systemClock, systemRandom } from "@outrigger/core";
import { parseConnect } from "../packages/http/src/connect/connect-options.ts";
import { createConnector } from "../packages/http/src/connect/connector.ts";
import { parsePool } from "../packages/http/src/options/pool-options.ts";
import { ConnectionPool, type Lease } from "../packages/http/src/pool/connection-pool.ts";
import { median } from "./measure.ts";

/**
 * Nanoseconds to queue for a connection and be granted one, with so many waiting in front, and to queue and leave
 * again from the middle.
 */
async function costBehind(waiting: number, port: number): Promise<number> {
  const origin = `http://127.0.0.1:${port}`;
  const pool = new ConnectionPool(
    {
      ...parsePool("pool", { connections: 1, maxWaiting: 10_000, keepAlive: "50s" }),
      origin,
      connector: createConnector(parseConnect({}, { origin, tls: {}, connectMs: 1_000, clock: systemClock })),
      connectMs: 1_000,
      clock: systemClock,
      random: systemRandom,
    },
    { opened: () => {}, failed: () => {}, closed: () => {} },
  );
  let lease = pool.take();
  if (lease === undefined) throw new Error("the pool gave nothing");
  await used(lease);
  const grant = (granted: Lease): void => {
    lease = granted;
  };
  for (let nth = 0; nth < waiting; nth += 1) pool.wait(grant);
  const operations = 20_000;
  const start = process.hrtime.bigint();
  for (let nth = 0; nth < operations; nth += 1) {
    const place = pool.wait(grant);
    pool.wait(grant);
    lease.release();
    if (place !== undefined) pool.leave(place);
  }
  const cost = Number(process.hrtime.bigint() - start) / operations;
  await pool.destroy(new Error("measured"));
  return cost;
}

/** One request, so that the connection is open. */
function used({ connection }: Lease): Promise<void> {
  return new Promise((resolve, reject) => {
    const handler = {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => resolve(),
      onResponseError: (_controller: unknown, error: Error) => reject(error),
    };
    connection.dispatch({ method: "GET", path: "/" }, handler);
  });
}

export interface WaitersCost {
  /** Nanoseconds behind 10 waiters, and behind 1,000. */
  readonly few: number;
  readonly many: number;
  readonly ratio: number;
}

export async function waitersCost(port: number): Promise<WaitersCost> {
  await costBehind(10, port);
  await costBehind(1_000, port);
  const rounds: { few: number; many: number }[] = [];
  for (let round = 0; round < 7; round += 1) {
    rounds.push({ few: await costBehind(10, port), many: await costBehind(1_000, port) });
  }
  return {
    few: median(rounds.map(({ few }) => few)),
    many: median(rounds.map(({ many }) => many)),
    ratio: median(rounds.map(({ few, many }) => many / few)),
  };
}
