import { type Random, systemRandom } from "../clock/clock.ts";
import { invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { show } from "../duration/duration.ts";
import type { RetryRefused } from "../events/policy-event.ts";
import { type Effect, Failure, type Verdict, verdictOf, worseEffect } from "../failure/failure.ts";
import { assertKnownKeys, assertObject, integerIn, oneOf } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { type Backoff, exponential } from "./backoff.ts";

export type Jitter = "full" | "none";

export interface RetryOptions extends PolicyOptions {
  /** Calls after the first one: 2 makes at most 3 calls. Range: integer, 0 to 1,000. @defaultValue 2 */
  readonly maxRetries?: number | undefined;
  /** @defaultValue `exponential("200ms")` */
  readonly backoff?: Backoff | undefined;
  /** `full`: anything from nothing to the backoff's wait. `none`: exactly the backoff's wait. @defaultValue `"full"` */
  readonly jitter?: Jitter | undefined;
  /** @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * - `maxRetries` 2: after three requests the fault is probably not a passing one, and each retry is load on a
 *   service that already struggles; the AWS SDKs make 3 requests as well.
 * - `backoff` from 200 ms: a connection reset or a failover of a load balancer is often over by then, and two
 *   waits of it (0.6 s) still fit a request that a person waits for.
 * - `jitter` full: of the kinds compared there it needs the fewest calls
 *   (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export const retryDefaults: {
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly jitter: Jitter;
  readonly random: Random;
} = { maxRetries: 2, backoff: exponential("200ms"), jitter: "full", random: systemRandom };

/**
 * Calls again after a failure that another attempt may mend, and only where that is safe: the call certainly had
 * no effect, or it may have had one and is idempotent.
 *
 * Never repeated: rejections by our own policies, aborts, refusals, mistakes. A wait is never shorter than the
 * failure's `retryAfterMs`; when it would not end before the deadline, the call fails at once.
 *
 * The failure of the last attempt is thrown. When an earlier attempt left a worse effect, it is thrown with
 * that effect, and the original as its `cause`: a refused connection does not undo a request whose answer
 * never came.
 *
 * @throws what the last attempt threw; the effect is the worst of all attempts.
 */
export function retry(options: RetryOptions = {}): Policy {
  assertKnownKeys("retry", options, ["maxRetries", "backoff", "jitter", "random", ...policyOptionKeys]);
  const maxRetries = integerIn("retry.maxRetries", options.maxRetries ?? retryDefaults.maxRetries, 0, 1_000);
  const backoff = backoffOf(options.backoff ?? retryDefaults.backoff);
  const jitter = oneOf("retry.jitter", options.jitter ?? retryDefaults.jitter, ["full", "none"]);
  const random = options.random ?? retryDefaults.random;
  functionAt("retry.random", random);
  const { name, emit } = observerOf("retry", options);

  const waitBefore = (retryNumber: number, verdict: Verdict): number => {
    const ceilingMs = backoff.ceilingMs(retryNumber);
    const waitMs = jitter === "full" ? random() * ceilingMs : ceilingMs;
    return Math.max(waitMs, verdict.retryAfterMs ?? 0);
  };

  return (next) => (input, context) => {
    const run = (attempt: number, worstBefore: Effect): ReturnType<typeof next> => {
      if (context.abortReason !== undefined)
        return Promise.reject(carrying(context.abortReason, worstBefore));
      const part = context.child({ attempt });
      return invoke(next, input, part).then(
        (value) => {
          part.end();
          return value;
        },
        (error: unknown) => {
          const verdict = verdictOf(error);
          const worst = worseEffect(worstBefore, verdict.effect);
          // What the attempt left behind is the call's own while the wait runs.
          context.record(worst);
          part.end();
          if (context.abortReason !== undefined || verdict.kind !== "failed") throw carrying(error, worst);

          const waitMs = waitBefore(attempt, verdict);
          const why = whyNot(verdict.transient, worst, attempt > maxRetries, waitMs, context);
          if (why !== undefined) {
            emit?.({ type: "retryRefused", name, attempt, why, error });
            throw carrying(error, worst);
          }
          emit?.({ type: "retryScheduled", name, retry: attempt, waitMs, error });
          return pause(context, waitMs, worst).then(() => run(attempt + 1, worst));
        },
      );
    };
    return run(1, "none");
  };
}

function backoffOf(value: unknown): Backoff {
  assertObject("retry.backoff", value);
  functionAt("retry.backoff.ceilingMs", value["ceilingMs"]);
  const backoff = value as unknown as Backoff;
  const firstMs: unknown = backoff.ceilingMs(1);
  if (typeof firstMs !== "number" || !Number.isFinite(firstMs) || firstMs < 0) {
    throw new RangeError(`retry.backoff.ceilingMs(1) must be milliseconds, 0 or more; got ${show(firstMs)}`);
  }
  return backoff;
}

/** Why no further attempt may follow; undefined when one may. */
function whyNot(
  transient: boolean,
  worst: Effect,
  usedUp: boolean,
  waitMs: number,
  context: CallContext,
): RetryRefused["why"] | undefined {
  if (!transient) return "notTransient";
  if (!(worst === "none" || (worst === "unknown" && context.idempotent))) return "notSafe";
  if (usedUp) return "usedUp";
  return waitMs < context.leftMs ? undefined : "pastDeadline";
}

/** Waits; ends at once, as a rejection, when the call is aborted. */
function pause(context: CallContext, waitMs: number, worst: Effect): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = context.clock.setTimer(waitMs, () => {
      forget();
      resolve();
    });
    const forget = context.onAbort((reason) => {
      timer.cancel();
      reject(carrying(reason, worst));
    });
  });
}

/** The same failure, unless an earlier attempt left a worse effect than it admits. */
function carrying(error: unknown, worst: Effect): unknown {
  const { effect, kind, transient, retryAfterMs } = verdictOf(error);
  if (worseEffect(effect, worst) === effect) return error;
  const [message, code] = Failure.is(error) ? [error.message, error.code] : [String(error), "CALL_FAILED"];
  return new Failure(message, { code, effect: worst, kind, transient, retryAfterMs, cause: error });
}
