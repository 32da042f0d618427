import type { Call, Policy } from "../context/call.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { assertKnownKeys } from "../options/options.ts";
import {
  type Observer,
  observerOf,
  type PolicyOptions,
  policyOptionKeys,
} from "../options/policy-options.ts";
import { cutShort } from "../timeout/cut-short.ts";

export interface DeadlineOptions extends PolicyOptions {
  /** For everything inside together: attempts, waits between them, queues. Range: at least 1 ms. */
  readonly total: Duration;
}

/**
 * Gives everything inside it one deadline, which attempts and waits spend together.
 *
 * A deadline that the call brought along and that is nearer stays in force. The caller is answered on time
 * even if the work does not stop when told.
 *
 * @throws {@link Failure} `DEADLINE_EXCEEDED`; its effect is what the call had reached, and `none` when the
 * deadline had passed before anything was called. An abort by the caller stays an abort.
 */
export function deadline(total: Duration | DeadlineOptions): Policy {
  const options = typeof total === "object" && total !== null ? total : { total };
  assertKnownKeys("deadline", options, ["total", ...policyOptionKeys]);
  const totalMs = durationMs("deadline.total", options.total);
  const observer = observerOf("deadline", options);
  return (next) => untilDeadline(next, totalMs, observer);
}

const unobserved: Observer = { name: undefined, emit: undefined };

/** The call, ended at its context's deadline or `totalMs` from its start, whichever comes first. */
export function untilDeadline<I, O>(
  next: Call<I, O>,
  totalMs: number = Number.POSITIVE_INFINITY,
  { name, emit }: Observer = unobserved,
): Call<I, O> {
  const exceeded = (effect: Effect): Failure => {
    emit?.({ type: "deadlineExceeded", name, effect });
    return deadlineExceeded(effect, totalMs);
  };
  return (input, context) => {
    if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
    const part = context.child({ deadlineAtMs: context.clock.now() + totalMs });
    const leftMs = part.leftMs;
    if (leftMs <= 0) {
      part.end();
      return Promise.reject(exceeded("none"));
    }
    return cutShort(next, input, context, part, {
      afterMs: leftMs,
      expired: () => exceeded(part.effect),
      failed(error) {
        // An inner policy that keeps the same deadline may notice first, by the order of timers alone.
        if (isDeadlineExceeded(error) && part.leftMs <= 0) {
          emit?.({ type: "deadlineExceeded", name, effect: error.effect });
        }
      },
      late: (outcome, lateMs) => emit?.({ type: "lateResult", name, outcome, lateMs }),
    });
  };
}

/** The failure for a deadline that has passed. */
export function deadlineExceeded(effect: Effect, totalMs: number = Number.POSITIVE_INFINITY): Failure {
  const message =
    totalMs === Number.POSITIVE_INFINITY
      ? "the deadline of the call has passed"
      : `the call did not end within its deadline of ${durationText(totalMs)}`;
  return new Failure(message, { code: coreFailureCodes.deadlineExceeded, effect });
}

function isDeadlineExceeded(error: unknown): error is Failure {
  return Failure.is(error) && error.code === coreFailureCodes.deadlineExceeded;
}
