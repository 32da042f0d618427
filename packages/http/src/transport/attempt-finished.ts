import { Failure } from "@outrigger/core";
import type { HttpEvent } from "../events.ts";
import type { AttemptFacts } from "./judge.ts";

interface EndedAttempt extends AttemptFacts {
  readonly startedAtMs: number;
  readonly leasedAtMs: number | undefined;
  readonly unwrittenResends: number;
}

/** What is told of an attempt when it is over, or when the body of its answer is. */
export function attemptFinished(attempt: EndedAttempt, error: unknown): HttpEvent {
  const { settings, exchange, request, context, leasedAtMs, startedAtMs } = attempt;
  const endedAtMs = context.clock.now();
  const failure = Failure.is(error) ? error : undefined;
  return {
    type: "attemptFinished",
    integration: settings.integration,
    operation: request.operation,
    attempt: context.attempt,
    code: failure?.code ?? (error === undefined ? undefined : "UNKNOWN"),
    effect: failure?.effect,
    stage: exchange?.stage ?? "acquire",
    status: exchange?.status,
    written: exchange?.written === true || attempt.writtenResends > 0,
    reused: exchange?.reused === true,
    resends: attempt.unwrittenResends + attempt.writtenResends,
    acquireMs: (leasedAtMs ?? endedAtMs) - startedAtMs,
    connectMs: between(leasedAtMs, exchange?.sentAtMs),
    tlsMs: exchange?.tlsMs,
    headersMs: between(exchange?.sentAtMs, exchange?.headersAtMs),
    bodyMs: exchange?.headersAtMs === undefined ? undefined : endedAtMs - exchange.headersAtMs,
    durationMs: endedAtMs - startedAtMs,
  };
}

function between(fromMs: number | undefined, untilMs: number | undefined): number | undefined {
  return fromMs === undefined || untilMs === undefined ? undefined : untilMs - fromMs;
}
