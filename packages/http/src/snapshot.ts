import type { BreakerSnapshot, ConcurrencyLimitSnapshot } from "@outrigger/core";
import type { PoolSnapshot } from "./pool/connection-pool.ts";

/** Plain JSON. */
export interface HttpIntegrationSnapshot {
  readonly name: string;
  /** Null when the integration has none. */
  readonly breaker: BreakerSnapshot | null;
  /** Of the operations that have a circuit of their own, by name. */
  readonly breakers: Readonly<Record<string, BreakerSnapshot>>;
  /** Null when the integration has none. */
  readonly concurrency: ConcurrencyLimitSnapshot | null;
  readonly pool: PoolSnapshot;
  readonly calls: CallCounts;
}

export interface CallCounts {
  /** Calls whose callers wait now. */
  readonly running: number;
  readonly succeeded: number;
  /** Calls that ended with a failure, those rejected by our own policies included. */
  readonly failed: number;
}
