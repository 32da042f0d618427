export type BreakerState = "closed" | "open" | "halfOpen";

export type BreakerMove =
  | "thresholdReached"
  | "openTimeElapsed"
  | "probesPassed"
  | "probesFailed"
  | "probesOverdue";

/** Every move a breaker can make. A pair that is absent leaves the state as it is. */
export const breakerTable: {
  readonly [From in BreakerState]: { readonly [M in BreakerMove]?: BreakerState };
} = {
  closed: { thresholdReached: "open" },
  open: { openTimeElapsed: "halfOpen" },
  halfOpen: { probesPassed: "closed", probesFailed: "open", probesOverdue: "halfOpen" },
};

export function stepBreaker(state: BreakerState, move: BreakerMove): BreakerState {
  return breakerTable[state][move] ?? state;
}
