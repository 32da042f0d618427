import type { HttpIntegration, HttpIntegrationSnapshot } from "@outrigger/http";
import { type LedgerSnapshot, openStates } from "@outrigger/ledger";
import type { Pool } from "pg";
import type { LatencySnapshot, RecentLatency } from "./latency.ts";

/** What `GET /status` answers: the inside of the shop, for the console and for people. */
export interface ShopStatus {
  readonly pid: number;
  readonly lanes: { readonly bare: LaneStatus; readonly outrigger: LaneStatus };
  readonly integrations: readonly HttpIntegrationSnapshot[];
  readonly ledger: LedgerSnapshot;
}

export interface LaneStatus extends LatencySnapshot {
  /** Answers 503 since this process started. */
  readonly rejected: number;
  readonly database: PoolStatus;
}

interface PoolStatus {
  readonly connections: number;
  readonly inUse: number;
  readonly waiting: number;
}

/** Counts what the customers of one lane got. */
export interface LaneMeter {
  readonly latency: RecentLatency;
  rejected: number;
}

export function laneStatus(meter: LaneMeter, pool: Pool): LaneStatus {
  return { ...meter.latency.snapshot(), rejected: meter.rejected, database: poolStatus(pool) };
}

export function integrationStatus(
  providers: Readonly<Record<string, HttpIntegration>>,
): HttpIntegrationSnapshot[] {
  return Object.values(providers).map((each) => each.snapshot());
}

/** Operations that are not settled, those that wait for a person included. */
export function openOperations({ states }: LedgerSnapshot): number {
  return openStates.reduce((sum, state) => sum + states[state], 0);
}

function poolStatus(pool: Pool): PoolStatus {
  return {
    connections: pool.options.max,
    inUse: pool.totalCount - pool.idleCount,
    waiting: pool.waitingCount,
  };
}
