/**
 * How long a lease is in the matrix: recovery waits for its end, so that it decides how long a case takes, and a machine
 * that is busy needs a longer one, or every fault would strike after it. Measured before anything is played.
 */
export const pace = { leaseMs: 1_000 };

/** Nothing here takes so long, on any machine that is worth waiting for. */
export const longestLeaseMs = 30_000;

/** From the time that one operation takes among as many others as there will be. */
export function leaseFor(slowestMs: number): number {
  return Math.min(longestLeaseMs, Math.max(1_000, 2 * Math.ceil(slowestMs)));
}
