import type { HttpIntegration, HttpIntegrationSnapshot } from "@outrigger/http";
import { type LedgerSnapshot, openStates } from "@outrigger/ledger";
import type { Usage } from "../database/shop-database.ts";
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
  readonly database: Usage;
}

/** Counts what the customers of one lane got. */
export interface LaneMeter {
  readonly latency: RecentLatency;
  rejected: number;
}

export function laneStatus(meter: LaneMeter, database: Usage): LaneStatus {
  return { ...meter.latency.snapshot(), rejected: meter.rejected, database };
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
