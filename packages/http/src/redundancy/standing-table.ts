/**
 * Where a provider stands, as its circuit lets it look.
 *
 * - `up`: gets its whole share.
 * - `down`: its circuit is open; it is asked only where nobody else is left, and then turns the call away itself.
 * - `trial`: its circuit lets probes through; a few calls go to it.
 * - `recovering`: it answers again; its share grows.
 */
export type StandingState = "up" | "down" | "trial" | "recovering";

/** What is seen of a provider: the state of its circuit, that its ramp-up is over, or that it is back from a drain. */
export type StandingMove = "open" | "halfOpen" | "closed" | "rampedUp" | "resumed";

/** Every move a provider's standing can make. A pair that is absent leaves it as it is. */
export const standingTable: {
  readonly [From in StandingState]: { readonly [M in StandingMove]?: StandingState };
} = {
  up: { open: "down", halfOpen: "trial", resumed: "recovering" },
  down: { halfOpen: "trial", closed: "recovering" },
  trial: { open: "down", closed: "recovering" },
  recovering: { open: "down", halfOpen: "trial", rampedUp: "up", resumed: "recovering" },
};

export function stepStanding(state: StandingState, move: StandingMove): StandingState {
  return standingTable[state][move] ?? state;
}
