import type { Call, Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { assertOptions } from "../options/options.ts";
import {
  type Observer,
  observerOf,
  type PolicyOptions,
  policyOptionKeys,
} from "../options/policy-options.ts";
import { type DeadlineCore, withPlan } from "../pipeline/plan.ts";
import { cutShort } from "../timeout/cut-short.ts";

export interface DeadlineOptions extends PolicyOptions {
  /** For everything inside together: attempts, waits between them, queues. Range: at least 1 ms. */
  readonly total: Duration;
}

/** Plain JSON. */
export interface DeadlineSnapshot {
  readonly kind: "deadline";
  readonly name: string | undefined;
  readonly totalMs: number;
}

export type Deadline = Policy & {
  snapshot(): DeadlineSnapshot;
  /** For calls that begin from now on. */
  reconfigure(options: Pick<DeadlineOptions, "total">): void;
};

/**
 * Gives everything inside it one deadline, which attempts and waits spend together.
 *
 * A deadline that the call brought along and that is nearer stays in force. The caller is answered on time
 * even if the work does not stop when told.
 *
 * @throws {@link Failure} `DEADLINE_EXCEEDED`; its effect is what the call had reached, and `none` when the
 * deadline had passed before anything was called. An abort by the caller stays an abort.
 */
export function deadline(total: Duration | DeadlineOptions): Deadline {
  const options = typeof total === "object" && total !== null ? total : { total };
  assertOptions("deadline", options, ["total", ...policyOptionKeys]);
  const observer = observerOf("deadline", options);
  const core = new DeadlineReports(durationMs("deadline.total", options.total), observer);
  const policy = <I, O>(next: Call<I, O>): Call<I, O> => untilDeadline(next, core);
  const { name } = observer;
  return withPlan(
    Object.assign(policy, {
      snapshot: (): DeadlineSnapshot => ({ kind: "deadline", name, totalMs: core.totalMs }),
      reconfigure: (changes: Pick<DeadlineOptions, "total">) => {
        assertOptions("deadline", changes, ["total"]);
        core.totalMs = durationMs("deadline.total", changes.total);
      },
    }),
    {
      kind: "deadline",
      name,
      core,
      get totalMs() {
        return core.totalMs;
      },
    },
  );
}

class DeadlineReports implements DeadlineCore {
  totalMs: number;
  readonly #observer: Observer;

  constructor(totalMs: number, observer: Observer) {
    this.totalMs = totalMs;
    this.#observer = observer;
  }

  exceeded(effect: Effect, context: CallContext): Failure {
    this.noticed(effect, context);
    return deadlineExceeded(effect, this.totalMs);
  }

  noticed(effect: Effect, { operation }: CallContext): void {
    const { name, emit } = this.#observer;
    emit?.({ type: "deadlineExceeded", name, operation, effect });
  }

  late(outcome: "success" | "failure", lateMs: number, { operation }: CallContext): void {
    const { name, emit } = this.#observer;
    emit?.({ type: "lateResult", name, operation, outcome, lateMs });
  }
}

const unobserved: DeadlineCore = new DeadlineReports(Number.POSITIVE_INFINITY, {
  name: undefined,
  emit: undefined,
});

/** The call, ended at its context's deadline or the core's from its start, whichever comes first. */
export function untilDeadline<I, O>(next: Call<I, O>, core: DeadlineCore = unobserved): Call<I, O> {
  return (input, context) => {
    if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
    const part = context.child({ deadlineAtMs: context.clock.now() + core.totalMs });
    const leftMs = part.leftMs;
    if (leftMs <= 0) {
      part.end();
      return Promise.reject(core.exceeded("none", context));
    }
    return cutShort(next, input, context, part, {
      afterMs: leftMs,
      expired: () => core.exceeded(part.effect, context),
      failed(error) {
        // An inner policy that keeps the same deadline may notice first, by the order of timers alone.
        if (isDeadlineExceeded(error) && part.leftMs <= 0) core.noticed(error.effect, context);
      },
      late: (outcome, lateMs) => core.late(outcome, lateMs, context),
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

export function isDeadlineExceeded(error: unknown): error is Failure {
  return Failure.is(error) && error.code === coreFailureCodes.deadlineExceeded;
}
