import type { Effect, HedgeSnapshot } from "@outrigger/core";
import type { LaneCounts } from "./provider-lane.ts";
import type { StandingState } from "./standing-table.ts";

/** Plain JSON. */
export interface RedundantIntegrationSnapshot {
  readonly kind: "redundantIntegration";
  readonly name: string;
  readonly providers: readonly ProviderSnapshot[];
  readonly operations: Readonly<Record<string, RedundantOperationSnapshot>>;
  readonly calls: RedundantCallCounts;
  /** Keys of which it is remembered who has them. */
  readonly rememberedKeys: number;
}

export interface ProviderSnapshot extends Readonly<LaneCounts> {
  readonly name: string;
  /** Name of its integration, under which its own snapshot is found. */
  readonly integration: string;
  readonly priority: number;
  readonly weight: number;
  readonly draining: boolean;
  /** Calls that run there now, with their settling. */
  readonly running: number;
}

export interface RedundantOperationSnapshot {
  readonly kind: "read" | "write";
  /** Where each provider stands for this operation, and the share of the next calls that it gets. */
  readonly providers: readonly {
    readonly name: string;
    readonly state: StandingState;
    readonly share: number;
  }[];
  readonly hedge: HedgeSnapshot | null;
}

export interface RedundantCallCounts {
  readonly running: number;
  readonly succeeded: number;
  readonly failed: Readonly<Record<Effect, number>>;
  /** Those that succeeded at another provider than the first one they were given to. */
  readonly failedOver: number;
}
