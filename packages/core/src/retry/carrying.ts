import { coreFailureCodes, type Effect, Failure, verdictOf, worseEffect } from "../failure/failure.ts";
import { withEffect } from "../failure/with-effect.ts";

/**
 * The same failure, unless another attempt left a worse effect than it admits: then a copy of it with that effect, and
 * the original as its cause.
 */
export function carrying(error: unknown, worst: Effect): unknown {
  const { effect, kind, transient, retryAfterMs } = verdictOf(error);
  if (worseEffect(effect, worst) === effect) return error;
  if (Failure.is(error)) return withEffect(error, worst);
  return new Failure(String(error), {
    code: coreFailureCodes.callFailed,
    effect: worst,
    kind,
    transient,
    retryAfterMs,
    cause: error,
  });
}
