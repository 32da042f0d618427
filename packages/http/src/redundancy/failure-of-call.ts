import { coreFailureCodes, Failure, verdictOf } from "@outrigger/core";
import { messageOf } from "./message-of.ts";
import type { LogicalCall } from "./provider-attempt.ts";
import { type ProviderAttempt, RedundancyFailure } from "./redundancy-failure.ts";

/**
 * One failure for all providers: where something may have been left behind, that provider's; else the last that came
 * from outside, rather than a rejection after it.
 *
 * @param cause - What the call ended with.
 */
export function failureOfCall(
  integration: string,
  operation: string,
  cause: unknown,
  { tried }: LogicalCall,
): RedundancyFailure {
  const open = tried.findLast((each) => each.effect !== "none");
  const met = open ?? tried.findLast((each) => each.kind !== "rejected") ?? tried.at(-1);
  const error = met?.error === undefined || verdictOf(cause).kind === "aborted" ? cause : met.error;
  const { kind, transient, retryAfterMs } = verdictOf(error);
  // All were turned away: the first circuit to let calls in again is the one to wait for.
  const waits = tried.map((each) => verdictOf(each.error).retryAfterMs).filter((ms) => ms !== undefined);
  return new RedundancyFailure(`${integration}.${operation}: ${messageOf(error)}`, {
    code: Failure.is(error) ? error.code : coreFailureCodes.callFailed,
    effect: open?.effect ?? "none",
    kind,
    transient,
    retryAfterMs: kind === "rejected" && waits.length > 0 ? Math.min(...waits) : retryAfterMs,
    cause: error,
    integration,
    operation,
    provider: met?.provider,
    tried: tried.map(toldOf),
  });
}

/** What others may know of an attempt. */
export function toldOf({ error: _, ...attempt }: LogicalCall["tried"][number]): ProviderAttempt {
  return attempt;
}
