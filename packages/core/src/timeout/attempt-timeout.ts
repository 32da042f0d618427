import type { Policy } from "../context/call.ts";
import { deadlineExceeded } from "../deadline/deadline.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { assertKnownKeys } from "../options/options.ts";
import { observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { cutShort } from "./cut-short.ts";

export interface AttemptTimeoutOptions extends PolicyOptions {
  /** For one attempt. Range: at least 1 ms. */
  readonly timeout: Duration;
}

/**
 * Bounds one attempt. Stands inside `retry`, so that the next attempt gets its own time.
 *
 * The attempt is told to stop and its caller is answered at once, whether it stops or not. Where the deadline
 * of the call is nearer than the timeout, the attempt ends as `DEADLINE_EXCEEDED`: more time for the attempt
 * would not have helped.
 *
 * @throws {@link Failure} `ATTEMPT_TIMEOUT`; its effect is what the attempt had reached. An abort by the
 * caller stays an abort, and a deadline that had passed before the call is `DEADLINE_EXCEEDED` with effect
 * `none`.
 */
export function attemptTimeout(timeout: Duration | AttemptTimeoutOptions): Policy {
  const options = typeof timeout === "object" && timeout !== null ? timeout : { timeout };
  assertKnownKeys("attemptTimeout", options, ["timeout", ...policyOptionKeys]);
  const timeoutMs = durationMs("attemptTimeout.timeout", options.timeout);
  const { name, emit } = observerOf("attemptTimeout", options);

  const timedOut = (attempt: number, effect: Effect): Failure => {
    emit?.({ type: "attemptTimedOut", name, attempt, timeoutMs, effect });
    return new Failure(`attempt ${attempt} did not end within ${durationText(timeoutMs)}`, {
      code: coreFailureCodes.attemptTimeout,
      effect,
    });
  };

  return (next) => (input, context) => {
    if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
    const leftMs = context.leftMs;
    if (leftMs <= 0) return Promise.reject(deadlineExceeded("none"));
    const part = context.child();
    return cutShort(next, input, context, part, {
      afterMs: Math.min(timeoutMs, leftMs),
      // The deadline's own policy reports it; here it only ends the attempt.
      expired: () =>
        leftMs <= timeoutMs ? deadlineExceeded(part.effect) : timedOut(context.attempt, part.effect),
      late: (outcome, lateMs) => emit?.({ type: "lateResult", name, outcome, lateMs }),
    });
  };
}
