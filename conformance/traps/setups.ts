import type { BackoffSetup, BreakerSetup, PolicySetup, RetrySetup, Step } from "../script/format.ts";

export const openForMs = 30_000;

/** Opens at half of the last ten calls, or more, judged from the fifth on; one probe decides. */
export const breaker: BreakerSetup = {
  kind: "breaker",
  window: { calls: 10 },
  failureRatio: 0.5,
  minimumCalls: 5,
  openForMs,
  probes: 1,
  maxHalfOpenMs: 60_000,
};

export const limit = (calls: number): PolicySetup => ({ kind: "limit", calls });
export const queued = (calls: number, queue: number): PolicySetup => ({ kind: "limit", calls, queue });
export const timeout = (ms: number): PolicySetup => ({ kind: "timeout", ms });

export function retry(maxRetries: number, backoff: BackoffSetup, rest: Partial<RetrySetup> = {}): RetrySetup {
  return { kind: "retry", maxRetries, backoff, ...rest };
}

/** Ten failures, more than any breaker of these scripts needs; those after the opening are rejected. */
export const trip: readonly Step[] = [
  { repeat: 10, steps: [{ call: "trip", work: "fail" }] },
  { expect: { otherwise: "did not open on ten failures", state: "open" } },
];

/** The breaker has opened and its open time is over: the next call is the probe. */
export const tripAndWait: readonly Step[] = [...trip, { advance: openForMs + 1 }];
