/**
 * Every way in which the sandbox payment provider can be told to misbehave, `healthy` first.
 * The names are the ones of the lab, of the storm, and of `PUT /api/providers/:name/fault`.
 */
export const faultKinds = [
  "healthy",
  "applyThenHang",
  "applyThenReset",
  "applyLate",
  "hangBeforeApply",
  "resetBeforeRead",
  "refuse",
  "unavailable",
  "slow",
  "closeIdle",
  "dropCancelAnswer",
  "failInquiry",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/**
 * Everything the page shows at one instant. The data of one `/events` message is one snapshot as JSON; the
 * `history` event, sent once after connecting, carries an array of them, oldest first.
 */
export interface ConsoleSnapshot {
  /** Wall clock of the server, ms since 1970. The chart's axis; it may jump when that clock is set. */
  readonly atMs: number;
  readonly shop: ShopSnapshot;
  /** Demo customers per second in each lane. 0 = nobody is shopping. */
  readonly traffic: { readonly perSecond: number };
  readonly lanes: { readonly bare: LaneSnapshot; readonly outrigger: LaneSnapshot };
  /** Integrations of the protected lane; the bare lane has none. */
  readonly integrations: readonly IntegrationSnapshot[];
  readonly providers: readonly ProviderSnapshot[];
}

export interface ShopSnapshot {
  readonly up: boolean;
  /** How often the supervisor has started the shop process again. */
  readonly restarts: number;
}

/** One checkout implementation: what became of its orders, and what the providers' journals say about them. */
export interface LaneSnapshot {
  readonly orders: number;
  readonly paid: number;
  readonly unpaid: number;
  /** Orders whose outcome at the provider is not known yet. */
  readonly pending: number;
  /** Requests answered at once with "not now": a limit or an open circuit. */
  readonly rejected: number;
  readonly chargedTwice: number;
  readonly chargedWithoutOrder: number;
  readonly orderWithoutCharge: number;
  /** Answers per second over the last seconds. */
  readonly perSecond: number;
  /** `null` while there is no answer to measure. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly database: { readonly connections: number; readonly inUse: number; readonly waiting: number };
}

export interface IntegrationSnapshot {
  readonly name: string;
  readonly breaker: {
    readonly state: "closed" | "open" | "halfOpen";
    /** Failures among `calls`, within the breaker's window. */
    readonly failures: number;
    readonly calls: number;
    /** Why it opened, in English and with its numbers. */
    readonly reason: string | null;
    /** Time until an open circuit lets probes through. */
    readonly retryAfterMs: number | null;
  };
  readonly concurrency: { readonly limit: number; readonly inUse: number; readonly rejected: number };
  readonly pool: { readonly connections: number; readonly inUse: number; readonly waiting: number };
}

export interface ProviderSnapshot {
  readonly name: string;
  /** `down` when the provider's process cannot be reached. */
  readonly fault: FaultKind | "down";
  readonly charges: number;
  readonly cancels: number;
}
