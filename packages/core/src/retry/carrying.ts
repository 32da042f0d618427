import { coreFailureCodes, type Effect, Failure, verdictOf, worseEffect } from "../failure/failure.ts";

/**
 * The same failure, unless another attempt left a worse effect than it admits: then one with that effect, and the
 * original as its cause.
 */
export function carrying(error: unknown, worst: Effect): unknown {
  const { effect, kind, transient, retryAfterMs } = verdictOf(error);
  if (worseEffect(effect, worst) === effect) return error;
  const [message, code] = Failure.is(error)
    ? [error.message, error.code]
    : [String(error), coreFailureCodes.callFailed];
  return new Failure(message, { code, effect: worst, kind, transient, retryAfterMs, cause: error });
}
