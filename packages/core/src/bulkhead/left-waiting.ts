import { coreFailureCodes, Failure } from "../failure/failure.ts";

/**
 * What a call ends with that was aborted while it waited in our own queue.
 *
 * A timeout or a deadline around the queue aborts with a failure that speaks against the other side, which has not
 * seen this call: a circuit breaker between the two must not count it. The caller gets the timeout's own failure.
 */
export function leftWaiting(reason: Failure): Failure {
  if (reason.kind === "aborted" || reason.kind === "rejected") return reason;
  return new Failure("the call was aborted while it waited for its turn", {
    code: coreFailureCodes.callAborted,
    effect: "none",
    kind: "aborted",
    cause: reason,
  });
}
