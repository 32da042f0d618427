import { budgetAt, type LoadBudget } from "../budget/load-budget.ts";
import { type Random, systemRandom } from "../clock/clock.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { show } from "../duration/duration.ts";
import { type Effect, verdictOf, worseEffect } from "../failure/failure.ts";
import { assertObject, assertOptions, integerIn, oneOf } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { answerOf, randomAt } from "../options/user-functions.ts";
import { withPlan } from "../pipeline/plan.ts";
import { type Backoff, exponential } from "./backoff.ts";
import { carrying } from "./carrying.ts";
import type { RetryCondition, RetryRules } from "./decide-retry.ts";
import { type Jitter, jitters, leastWaitMs, longestWaitMs } from "./jitter.ts";
import { type RetryCounts, RetryDecisions } from "./retry-decisions.ts";

export interface RetryOptions extends PolicyOptions {
  /** Calls after the first one: 2 makes at most 3 calls. Range: integer, 0 to 1,000. @defaultValue 2 */
  readonly maxRetries?: number | undefined;
  /** @defaultValue `exponential("200ms")` */
  readonly backoff?: Backoff | undefined;
  /** How chance spreads the waits. @defaultValue `"full"`; `decorrelated(…)` brings its own */
  readonly jitter?: Jitter | undefined;
  /** Bounds what all calls together add to the load. @defaultValue none */
  readonly budget?: LoadBudget | undefined;
  /**
   * Asked about failures that are safe to retry, and says whether to. It cannot allow what is not safe. One that
   * throws, or answers anything but `true`, says no.
   *
   * @defaultValue every failure that another attempt may mend
   */
  readonly when?: RetryCondition | undefined;
  /**
   * Also tries again after a rejection by our own policies (an open circuit, a full concurrency limit), not before
   * the moment that the rejection names; one that names none stays the end. Worth it where the caller can wait and
   * nobody is waiting behind it, such as a batch.
   *
   * @defaultValue false
   */
  readonly evenIfRejected?: boolean | undefined;
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
 * - `evenIfRejected` off: a rejection exists to answer at once; waiting for it gives that away.
 */
export const retryDefaults: {
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly jitter: Jitter;
  readonly evenIfRejected: boolean;
  readonly random: Random;
} = {
  maxRetries: 2,
  backoff: exponential("200ms"),
  jitter: "full",
  evenIfRejected: false,
  random: systemRandom,
};

/** Plain JSON. */
export interface RetrySnapshot extends RetryCounts {
  readonly kind: "retry";
  readonly name: string | undefined;
  readonly maxRetries: number;
  readonly backoff: string;
  readonly jitter: Jitter;
}

export type Retry = Policy & {
  snapshot(): RetrySnapshot;
  /**
   * Changes what is given and keeps the rest; `undefined` stands for the default. Counts stay, and so do waits that
   * have begun. A new `backoff` brings its own jitter, or the one that was given.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: Omit<RetryOptions, keyof PolicyOptions>): void;
};

/**
 * Calls again after a failure that another attempt may mend, and only where that is safe: the call certainly had
 * no effect, or it may have had one and is idempotent.
 *
 * Never repeated: rejections by our own policies, aborts, refusals, mistakes. A wait is never shorter than the
 * failure's `retryAfterMs`; when it would not end before the deadline, the call fails at once.
 *
 * With a budget, room for a retry is taken before its wait, and given back when the call is aborted meanwhile or
 * the retry is turned away by our own policies.
 *
 * The failure of the last attempt is thrown. When an earlier attempt left a worse effect, a copy of it is thrown
 * that says so, of the same class and with the same fields, and the original as its `cause`: a refused connection
 * does not undo a request whose answer never came.
 *
 * @throws what the last attempt threw; the effect is the worst of all attempts.
 */
export function retry(options: RetryOptions = {}): Retry {
  assertOptions("retry", options, [...ruleKeys, ...policyOptionKeys]);
  const observer = observerOf("retry", options);
  let given: { -readonly [Key in keyof RetryOptions]: RetryOptions[Key] } = { ...options };
  const decisions = new RetryDecisions(rulesOf(given), observer);
  const policy = <I, O>(next: Call<I, O>): Call<I, O> => retrying(next, decisions);
  const { name } = observer;

  return withPlan(
    Object.assign(policy, {
      snapshot: (): RetrySnapshot => {
        const { maxRetries, backoff, jitter } = decisions.rules;
        return { kind: "retry", name, maxRetries, backoff: backoff.describe(), jitter, ...decisions.counts };
      },
      reconfigure: (change: Omit<RetryOptions, keyof PolicyOptions>) => {
        assertOptions("retry", change, ruleKeys);
        const next = { ...given, ...change };
        // A jitter that was given for another backoff.
        if (change.backoff?.jitter !== undefined && change.jitter === undefined) delete next.jitter;
        decisions.rules = rulesOf(next);
        given = next;
      },
    }),
    {
      kind: "retry",
      name,
      get maxRetries() {
        return decisions.rules.maxRetries;
      },
      backoffCeilingsMs: (retryNumber) =>
        longestWaitMs(decisions.rules.jitter, decisions.rules.backoff, retryNumber),
      get leastWaitMs() {
        return leastWaitMs(decisions.rules.jitter, decisions.rules.backoff);
      },
      get evenIfRejected() {
        return decisions.rules.evenIfRejected;
      },
      get budget() {
        return decisions.rules.budget;
      },
      core: decisions,
    },
  );
}

function retrying<I, O>(next: Call<I, O>, decisions: RetryDecisions): Call<I, O> {
  return (input, context) => {
    const run = (attempt: number, worstBefore: Effect, previousWaitMs: number): Promise<O> => {
      const part = context.child({ attempt });
      return invoke(next, input, part).then(
        (value) => {
          part.end();
          decisions.succeeded();
          return value;
        },
        (error: unknown) => {
          const worst = worseEffect(worstBefore, verdictOf(error).effect);
          // What the attempt left behind is the call's own while the wait runs.
          context.record(worst);
          part.end();
          if (context.abortReason !== undefined) throw carrying(error, worst);
          const waitMs = decisions.next(attempt, error, worst, previousWaitMs, context);
          if (waitMs < 0) throw carrying(error, worst);
          return pause(context, waitMs).then(() => {
            if (context.abortReason === undefined) return run(attempt + 1, worst, waitMs);
            decisions.withdrawn(attempt, context);
            throw carrying(context.abortReason, worst);
          });
        },
      );
    };
    if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
    decisions.began(context);
    return run(1, "none", 0);
  };
}

/** Waits; ends at once when the call is aborted. */
function pause(context: CallContext, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = context.clock.setTimer(waitMs, () => {
      forget();
      resolve();
    });
    const forget = context.onAbort(() => {
      timer.cancel();
      resolve();
    });
  });
}

const ruleKeys = ["maxRetries", "backoff", "jitter", "budget", "when", "evenIfRejected", "random"];

function rulesOf(options: RetryOptions): RetryRules {
  const backoff = backoffOf(options.backoff ?? retryDefaults.backoff);
  const { random = retryDefaults.random, when, budget } = options;
  const evenIfRejected = options.evenIfRejected ?? retryDefaults.evenIfRejected;
  if (typeof evenIfRejected !== "boolean") {
    throw new TypeError(`retry.evenIfRejected must be true or false; got ${show(evenIfRejected)}`);
  }
  if (when !== undefined) functionAt("retry.when", when);
  if (budget !== undefined) budgetAt("retry.budget", budget);
  return {
    maxRetries: integerIn("retry.maxRetries", options.maxRetries ?? retryDefaults.maxRetries, 0, 1_000),
    backoff,
    jitter: jitterOf(options.jitter, backoff),
    random: randomAt("retry.random", random),
    when,
    evenIfRejected,
    budget,
  };
}

function backoffOf(value: unknown): Backoff {
  assertObject("retry.backoff", value);
  functionAt("retry.backoff.ceilingMs", value["ceilingMs"]);
  functionAt("retry.backoff.describe", value["describe"]);
  const backoff = value as unknown as Backoff;
  const { maxMs, jitter } = backoff;
  // NaN for what is no number: no retry follows then, see `decideRetry`.
  const ceilingMs = (retryNumber: number): number => {
    const ms: unknown = answerOf(() => backoff.ceilingMs(retryNumber));
    return typeof ms === "number" ? ms : Number.NaN;
  };
  const firstMs = ceilingMs(1);
  if (!Number.isFinite(firstMs) || firstMs < 0) {
    throw new RangeError(`retry.backoff.ceilingMs(1) must be milliseconds, 0 or more; got ${show(firstMs)}`);
  }
  return { maxMs, jitter, ceilingMs, describe: () => backoff.describe() };
}

function jitterOf(given: Jitter | undefined, backoff: Backoff): Jitter {
  const jitter = oneOf("retry.jitter", given ?? backoff.jitter ?? retryDefaults.jitter, jitters);
  if (backoff.jitter !== undefined && jitter !== backoff.jitter) {
    throw new RangeError(
      `retry.jitter must be left out: this backoff brings "${backoff.jitter}"; got ${show(jitter)}`,
    );
  }
  if (jitter === "decorrelated" && backoff.maxMs === undefined) {
    throw new RangeError(
      'retry.jitter "decorrelated" needs a backoff that grows up to a maximum: use decorrelated("200ms")',
    );
  }
  return jitter;
}
