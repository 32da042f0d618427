import { Failure } from "@outrigger/core";
import { HttpFailure } from "./failure.ts";
import type { CallProgress } from "./transport/request.ts";

/**
 * Gives a policy's failure what the transport knows: the stage that the call had reached, its attempts, its answer.
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
  // `retry` keeps the last attempt's failure as the cause when an earlier attempt left a worse effect.
  const last = HttpFailure.is(error.cause) ? error.cause : undefined;
  const { current, attempts, writtenBefore } = progress;
  return new HttpFailure(last?.message ?? `${integration}.${operation}: ${error.message}`, {
    code: error.code,
    effect: error.effect,
    kind: error.kind,
    transient: error.transient,
    retryAfterMs: error.retryAfterMs,
    cause: error.cause ?? error,
    integration,
    operation,
    stage: last?.stage ?? current?.stage ?? (attempts > 0 ? "acquire" : undefined),
    written: writtenBefore || current?.written === true,
    reused: current?.reused,
    attempts,
    response: last?.response,
    providerCode: last?.providerCode,
  });
}
