export type BreakerState = "closed" | "open" | "halfOpen";

export type BreakerMove =
  | "thresholdReached"
  | "openTimeElapsed"
  | "probesPassed"
  | "probesFailed"
  | "probesOverdue"
  | "forcedOpen"
  | "forcedClosed"
  | "released";

/**
 * Every move a breaker can make. A pair that is absent leaves the state as it is.
 *
 * An operator's `forcedClosed` stands for forced closed and for disabled. Who releases a circuit that was forced
 * open lets probes decide, because nobody knows how the other side does by then.
 */
export const breakerTable: {
  readonly [From in BreakerState]: { readonly [M in BreakerMove]?: BreakerState };
} = {
  closed: { thresholdReached: "open", forcedOpen: "open" },
  open: { openTimeElapsed: "halfOpen", forcedClosed: "closed", released: "halfOpen" },
  halfOpen: {
    probesPassed: "closed",
    probesFailed: "open",
    probesOverdue: "halfOpen",
    forcedOpen: "open",
    forcedClosed: "closed",
  },
};

export function stepBreaker(state: BreakerState, move: BreakerMove): BreakerState {
  return breakerTable[state][move] ?? state;
}
