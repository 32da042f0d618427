import type { Duration } from "@outrigger/core";
import type { Size } from "./size.ts";

/**
 * What holds where an option is left out.
 *
 * - `timeout.connect` 3 s, `timeout.read` 10 s: 3-5 s and 5-30 s are where to start with a service that one does not
 *   know yet; its documentation, or its 99.9th percentile, then says more.
 * - `timeout.total` 30 s: three attempts of a usual length, and no longer than a caller's own gateway waits.
 * - `pool.connections` and `concurrency.limit` 100: what one process may put on a service at once.
 * - `pool.acquire` 1 s: 1-5 s; shorter turns a burst into errors, longer into slow answers.
 * - `pool.maxWaiting` 1000: ten times the connections; whoever comes after them would not be served in time.
 * - `pool.keepAlive` 4 s: Node's servers close after 5 s, and most that say nothing wait longer.
 * - `pool.keepAliveMax` 55 s: load balancers drop idle connections after 60 s, often without a FIN.
 * - `pool.maxLifetime` 10 min: often enough for load to follow what stands behind a balancer, rare enough for handshakes
 *   to cost nothing.
 * - `pool.http2` false: over one connection a lost packet holds up all calls, and a dead one ends them all.
 * - `pool.leak` 30 s: far longer than a reader that is merely slow pauses, and no longer than a whole call may take.
 * - `maxResponseBytes` 10 MiB: an answer is held in memory, once per call that runs.
 * - `decompress` off: most answers of an API are smaller than what compressing them costs within a data centre.
 * - `replay` 64 KiB: one chunk of a file, and what most bodies are smaller than; with 100 calls at a time it is 6 MiB.
 */
export const httpDefaults: {
  readonly timeout: { readonly connect: Duration; readonly read: Duration; readonly total: Duration };
  readonly pool: {
    readonly connections: number;
    readonly acquire: Duration;
    readonly maxWaiting: number;
    readonly keepAlive: Duration;
    readonly keepAliveMax: Duration;
    readonly maxLifetime: Duration | false;
    readonly http2: boolean;
    readonly leak: Duration;
  };
  readonly concurrency: { readonly limit: number };
  readonly maxResponseBytes: number;
  readonly replay: Size;
  readonly decompress: boolean;
  readonly close: { readonly within: Duration };
} = {
  timeout: { connect: "3s", read: "10s", total: "30s" },
  pool: {
    connections: 100,
    acquire: "1s",
    maxWaiting: 1_000,
    keepAlive: "4s",
    keepAliveMax: "55s",
    maxLifetime: "10m",
    http2: false,
    leak: "30s",
  },
  concurrency: { limit: 100 },
  maxResponseBytes: 10 * 1024 * 1024,
  replay: "64KiB",
  decompress: false,
  close: { within: "5s" },
};
