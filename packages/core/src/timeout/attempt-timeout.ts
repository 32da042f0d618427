import type { Call, Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { deadlineExceeded } from "../deadline/deadline.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { assertOptions } from "../options/options.ts";
import {
  type Observer,
  observerOf,
  type PolicyOptions,
  policyOptionKeys,
} from "../options/policy-options.ts";
import { type AttemptTimeoutCore, withPlan } from "../pipeline/plan.ts";
import { cutShort } from "./cut-short.ts";

export interface AttemptTimeoutOptions extends PolicyOptions {
  /** For one attempt. Range: at least 1 ms. */
  readonly timeout: Duration;
}

/** Plain JSON. */
export interface AttemptTimeoutSnapshot {
  readonly kind: "attemptTimeout";
  readonly name: string | undefined;
  readonly timeoutMs: number;
}

export type AttemptTimeout = Policy & {
  snapshot(): AttemptTimeoutSnapshot;
  /** For attempts that begin from now on. */
  reconfigure(options: Pick<AttemptTimeoutOptions, "timeout">): void;
};

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
export function attemptTimeout(timeout: Duration | AttemptTimeoutOptions): AttemptTimeout {
  const options = typeof timeout === "object" && timeout !== null ? timeout : { timeout };
  assertOptions("attemptTimeout", options, ["timeout", ...policyOptionKeys]);
  const observer = observerOf("attemptTimeout", options);
  const core = new TimeoutReports(durationMs("attemptTimeout.timeout", options.timeout), observer);
  const policy = <I, O>(next: Call<I, O>): Call<I, O> => withinTimeout(next, core);
  const { name } = observer;
  return withPlan(
    Object.assign(policy, {
      snapshot: (): AttemptTimeoutSnapshot => ({ kind: "attemptTimeout", name, timeoutMs: core.timeout }),
      reconfigure: (changes: Pick<AttemptTimeoutOptions, "timeout">) => {
        assertOptions("attemptTimeout", changes, ["timeout"]);
        core.timeout = durationMs("attemptTimeout.timeout", changes.timeout);
      },
    }),
    {
      kind: "attemptTimeout",
      name,
      core,
      get timeoutMs() {
        return core.timeout;
      },
    },
  );
}

class TimeoutReports implements AttemptTimeoutCore {
  timeout: number;
  readonly #observer: Observer;

  constructor(timeoutMs: number, observer: Observer) {
    this.timeout = timeoutMs;
    this.#observer = observer;
  }

  timeoutMs(): number {
    return this.timeout;
  }

  timedOut(attempt: number, timeoutMs: number, effect: Effect, { operation }: CallContext): Failure {
    const { name, emit } = this.#observer;
    emit?.({ type: "attemptTimedOut", name, operation, attempt, timeoutMs, effect });
    return new Failure(`attempt ${attempt} did not end within ${durationText(timeoutMs)}`, {
      code: coreFailureCodes.attemptTimeout,
      effect,
    });
  }

  late(outcome: "success" | "failure", lateMs: number, { operation }: CallContext): void {
    const { name, emit } = this.#observer;
    emit?.({ type: "lateResult", name, operation, outcome, lateMs });
  }
}

/** The call, ended after the core's timeout or at its context's deadline, whichever comes first. */
function withinTimeout<I, O>(next: Call<I, O>, core: AttemptTimeoutCore): Call<I, O> {
  return (input, context) => {
    if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
    const leftMs = context.leftMs;
    if (leftMs <= 0) return Promise.reject(deadlineExceeded("none"));
    const timeoutMs = core.timeoutMs(context);
    const part = context.child();
    return cutShort(next, input, context, part, {
      afterMs: Math.min(timeoutMs, leftMs),
      // The deadline's own policy reports it; here it only ends the attempt.
      expired: () =>
        leftMs <= timeoutMs
          ? deadlineExceeded(part.effect)
          : core.timedOut(context.attempt, timeoutMs, part.effect, context),
      late: (outcome, lateMs) => core.late(outcome, lateMs, context),
    });
  };
}
