import { Failure } from "@outrigger/core";
import { HttpFailure } from "./failure.ts";
import type { CallProgress } from "./transport/request.ts";

/**
 * Gives a policy's failure what the transport knows: the stage that the call had reached, and its attempts.
 *
 * Code, effect, kind and waiting time stay the policy's. An error that is no {@link Failure} is a mistake in an
 * option or in this package, and passes unchanged.
 */
export function asHttpFailure(
  error: unknown,
  integration: string,
  operation: string,
  progress: CallProgress,
): unknown {
  if (HttpFailure.is(error) || !Failure.is(error)) return error;
  const { current, attempts, writtenBefore } = progress;
  return new HttpFailure(`${integration}.${operation}: ${error.message}`, {
    code: error.code,
    effect: error.effect,
    kind: error.kind,
    transient: error.transient,
    retryAfterMs: error.retryAfterMs,
    cause: error.cause ?? error,
    integration,
    operation,
    stage: current?.stage ?? (attempts > 0 ? "acquire" : undefined),
    written: writtenBefore || current?.written === true,
    reused: current?.reused,
    attempts,
  });
}
