import { assertKnownKeys, type Duration, durationMs, integerIn, join } from "@outrigger/core";
import { httpDefaults } from "./defaults.ts";

export interface PoolOptions {
  /** The most connections to the service. Range: integer 1 to 10000. @defaultValue 100 */
  readonly connections?: number | undefined;
  /** The longest wait for a connection. @defaultValue "1s" */
  readonly acquire?: Duration | undefined;
  /** The most calls that wait for a connection; the next is turned away at once. Range: integer >= 0. @defaultValue 1000 */
  readonly maxWaiting?: number | undefined;
  /** How long an idle connection is kept if the server does not say. @defaultValue "4s" */
  readonly keepAlive?: Duration | undefined;
  /** The longest that an idle connection is kept, also if the server says more. @defaultValue "55s" */
  readonly keepAliveMax?: Duration | undefined;
  /**
   * The longest that a connection serves, so that load spreads over what stands behind a balancer by now; each lives up to a
   * tenth shorter, so that they do not end together. `false` for no bound.
   *
   * @defaultValue "10m"
   */
  readonly maxLifetime?: Duration | false | undefined;
  /**
   * Offer HTTP/2 to a server behind TLS. If it takes it, up to a hundred requests share a connection.
   *
   * @defaultValue false
   */
  readonly http2?: boolean | undefined;
  /**
   * How long the body of a streamed answer may lie unread: then it is reported, with the place that made the request,
   * and its connection is taken back.
   *
   * @defaultValue "30s"
   */
  readonly leak?: Duration | undefined;
}

export interface PoolOptionsMs {
  readonly connections: number;
  readonly acquireMs: number;
  readonly maxWaiting: number;
  readonly keepAliveMs: number;
  readonly keepAliveMaxMs: number;
  /** Infinity for no bound. */
  readonly maxLifetimeMs: number;
  readonly http2: boolean;
  readonly leakMs: number;
}

/** @throws RangeError or TypeError that names the option and the fix. */
export function parsePool(path: string, pool: PoolOptions): PoolOptionsMs {
  assertKnownKeys(path, pool, [
    "connections",
    "acquire",
    "maxWaiting",
    "keepAlive",
    "keepAliveMax",
    "maxLifetime",
    "http2",
    "leak",
  ]);
  const { connections, acquire, maxWaiting, keepAlive, keepAliveMax, maxLifetime, http2, leak } = {
    ...httpDefaults.pool,
    ...defined(pool),
  };
  if (typeof http2 !== "boolean") throw new TypeError(`${join(path, "http2")} must be true or false`);
  const keepAliveMaxMs = durationMs(join(path, "keepAliveMax"), keepAliveMax);
  const keepAliveMs = durationMs(join(path, "keepAlive"), keepAlive);
  if (pool.keepAlive !== undefined && keepAliveMs > keepAliveMaxMs) {
    throw new RangeError(
      `${join(path, "keepAlive")} (${keepAlive}) is longer than keepAliveMax (${keepAliveMax}): raise keepAliveMax`,
    );
  }
  return {
    connections: integerIn(join(path, "connections"), connections, 1, 10_000),
    acquireMs: durationMs(join(path, "acquire"), acquire),
    maxWaiting: integerIn(join(path, "maxWaiting"), maxWaiting, 0),
    keepAliveMs: Math.min(keepAliveMs, keepAliveMaxMs),
    keepAliveMaxMs,
    maxLifetimeMs:
      maxLifetime === false ? Number.POSITIVE_INFINITY : durationMs(join(path, "maxLifetime"), maxLifetime),
    http2,
    leakMs: durationMs(join(path, "leak"), leak),
  };
}

function defined(pool: PoolOptions): { [K in keyof PoolOptions]?: NonNullable<PoolOptions[K]> } {
  return Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== undefined));
}
