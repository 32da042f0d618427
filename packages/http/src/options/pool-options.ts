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
  readonly leakMs: number;
}

/** @throws RangeError or TypeError that names the option and the fix. */
export function parsePool(path: string, pool: PoolOptions): PoolOptionsMs {
  assertKnownKeys(path, pool, ["connections", "acquire", "maxWaiting", "keepAlive", "keepAliveMax", "leak"]);
  const { connections, acquire, maxWaiting, keepAlive, keepAliveMax, leak } = {
    ...httpDefaults.pool,
    ...defined(pool),
  };
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
    leakMs: durationMs(join(path, "leak"), leak),
  };
}

function defined(pool: PoolOptions): { [K in keyof PoolOptions]?: NonNullable<PoolOptions[K]> } {
  return Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== undefined));
}
