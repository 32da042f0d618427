import type { PolicyEvent } from "@outrigger/core";
import type { SettledAs } from "./redundancy-failure.ts";
import type { StandingState } from "./standing-table.ts";

interface OfProvider {
  /** The redundant integration's name. */
  readonly integration: string;
  readonly provider: string;
}

/** What a redundant integration tells its observers, beside the events of `failover` and `hedge`. */
export type RedundancyEvent =
  | (OfProvider & {
      readonly type: "providerStandingChanged";
      /** The operation whose circuit it is; undefined for the one that operations share. */
      readonly operation: string | undefined;
      readonly from: StandingState;
      readonly to: StandingState;
    })
  | (OfProvider & {
      readonly type: "callSettled";
      readonly operation: string;
      /** Of the failure that left the effect open. */
      readonly code: string;
      readonly settled: SettledAs;
      readonly durationMs: number;
    })
  | (OfProvider & { readonly type: "providerDraining"; readonly running: number })
  | (OfProvider & { readonly type: "providerDrained" })
  | (OfProvider & { readonly type: "providerResumed" })
  | PolicyEvent;
