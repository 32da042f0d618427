import type { Call, Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { deadlineExceeded } from "../deadline/deadline.ts";
import { type Duration, durationMs, durationText, show } from "../duration/duration.ts";
import { coreFailureCodes, type Effect, Failure, verdictOf } from "../failure/failure.ts";
import { LatencyEstimate } from "../latency/latency-estimate.ts";
import { assertOptions } from "../options/options.ts";
import { observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { withPlan } from "../pipeline/plan.ts";
import { cutShort } from "../timeout/cut-short.ts";
import { proposedTimeoutMs } from "./proposed-timeout.ts";

export interface AdaptiveAttemptTimeoutOptions extends PolicyOptions {
  /** Never longer, and as long as this until enough calls have been seen. Range: at least 1 ms. */
  readonly max: Duration;
  /** Never shorter; a provider's documented floor belongs here. @defaultValue "100ms" */
  readonly min?: Duration | undefined;
  /** Share of the calls that shall get an answer. Range: 0.5 to 0.9999. @defaultValue 0.999 */
  readonly percentile?: number | undefined;
  /** The observed latency is multiplied by this. Range: 1 to 10. @defaultValue 1.2 */
  readonly padding?: number | undefined;
  /** Latencies of the last one to two windows decide. Range: 1 s to 7 d. @defaultValue "10m" */
  readonly window?: Duration | undefined;
}

/**
 * - `percentile` 0.999: one false timeout in a thousand is what Amazon starts from
 *   (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
 * - `padding` 1.2: with it, recomputing over and over stayed below 0.1 % false timeouts where the bare percentile
 *   of successes crept to 1.2 % in twelve rounds.
 * - `min` 100 ms: below it a garbage collection on either side passes for an outage.
 * - `window` 10 min: ten calls a second are enough for the 2,995 that a bound on 0.999 needs.
 */
export const adaptiveAttemptTimeoutDefaults: {
  readonly min: Duration;
  readonly percentile: number;
  readonly padding: number;
  readonly window: Duration;
} = { min: "100ms", percentile: 0.999, padding: 1.2, window: "10m" };

/** Plain JSON. */
export interface AdaptiveAttemptTimeoutSnapshot {
  readonly kind: "adaptiveAttemptTimeout";
  readonly name: string | undefined;
  readonly timeoutMs: number;
  /** Calls behind it; those that were cut short included. */
  readonly calls: number;
  /** Attempts that this timeout ended, since the start. */
  readonly timedOut: number;
}

/** What may change while calls run. */
export type AdaptiveAttemptTimeoutChange = Partial<Omit<AdaptiveAttemptTimeoutOptions, keyof PolicyOptions>>;

export type AdaptiveAttemptTimeout = Policy & {
  snapshot(): AdaptiveAttemptTimeoutSnapshot;
  /**
   * Changes what is given for attempts that begin from now on, and keeps the rest, the observed latencies and the
   * counts; `undefined` stands for the default. After another `window` older latencies are forgotten by the new one.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: AdaptiveAttemptTimeoutChange): void;
};

/**
 * Bounds one attempt by how long attempts have taken lately. Like `attemptTimeout` in all else.
 *
 * The timeout lies above the percentile with 95 % confidence, padded, and between `min` and `max`; until enough
 * calls have been seen it is `max`. Attempts that it ended count as longer than it, so that it does not creep
 * downward by its own doing. For reads and for services nearby; a provider that says how long a payment may take
 * is right about it, whatever was observed.
 *
 * @throws {@link Failure} `ATTEMPT_TIMEOUT`; its effect is what the attempt had reached.
 */
export function adaptiveAttemptTimeout(options: AdaptiveAttemptTimeoutOptions): AdaptiveAttemptTimeout {
  assertOptions(path, options, [...ruleKeys, ...policyOptionKeys]);
  const { name, emit } = observerOf(path, options);
  let given: AdaptiveAttemptTimeoutOptions = { ...options };
  let rules = rulesOf(given);
  const latency = new LatencyEstimate(rules.windowMs, (histogram, nowMs) => {
    const { minMs, maxMs, quantile, padding } = rules;
    return Math.min(maxMs, Math.max(minMs, proposedTimeoutMs(histogram, quantile, padding, nowMs)));
  });
  let timedOut = 0;

  const expired = (timeoutMs: number, context: CallContext, effect: Effect): Failure => {
    timedOut += 1;
    const { attempt, operation } = context;
    emit?.({ type: "attemptTimedOut", name, operation, attempt, timeoutMs, effect });
    return new Failure(`attempt ${attempt} did not end within ${durationText(timeoutMs)}`, {
      code: coreFailureCodes.attemptTimeout,
      effect,
    });
  };

  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
      const leftMs = context.leftMs;
      if (leftMs <= 0) return Promise.reject(deadlineExceeded("none"));
      const { clock } = context;
      const startedAtMs = clock.now();
      const timeoutMs = latency.figureMs(startedAtMs);
      const part = context.child();
      return cutShort(next, input, context, part, {
        afterMs: Math.min(timeoutMs, leftMs),
        expired: () =>
          leftMs <= timeoutMs ? deadlineExceeded(part.effect) : expired(timeoutMs, context, part.effect),
        late: (outcome, lateMs) => {
          const { operation } = context;
          emit?.({ type: "lateResult", name, operation, outcome, lateMs });
        },
      }).then(
        (value) => {
          const nowMs = clock.now();
          latency.observe(nowMs - startedAtMs, nowMs);
          return value;
        },
        (error: unknown) => {
          const nowMs = clock.now();
          // The deadline and an abort cut an attempt short as well; a failure or a rejection is no latency.
          if (isAnswer(error)) latency.observe(nowMs - startedAtMs, nowMs);
          else if (wasCutShort(error)) latency.censor(nowMs - startedAtMs, nowMs);
          throw error;
        },
      );
    };
  };

  const snapshot = (): AdaptiveAttemptTimeoutSnapshot => {
    const { figureMs, size } = latency.latest;
    return { kind: "adaptiveAttemptTimeout", name, timeoutMs: figureMs, calls: size, timedOut };
  };
  const reconfigure = (change: AdaptiveAttemptTimeoutChange): void => {
    assertOptions(path, change, ruleKeys);
    // A maximum that is missing now is refused with the rest of the rules.
    const next = { ...given, ...change } as AdaptiveAttemptTimeoutOptions;
    rules = rulesOf(next);
    given = next;
    latency.change(rules.windowMs);
  };
  return withPlan(Object.assign(policy, { snapshot, reconfigure }), {
    kind: "attemptTimeout",
    name,
    get timeoutMs() {
      return rules.maxMs;
    },
    get adaptiveMinMs() {
      return rules.minMs;
    },
  });
}

const path = "adaptiveAttemptTimeout";
const ruleKeys = ["max", "min", "percentile", "padding", "window"];

interface AdaptiveRules {
  readonly maxMs: number;
  readonly minMs: number;
  readonly quantile: number;
  readonly padding: number;
  readonly windowMs: number;
}

function rulesOf(options: AdaptiveAttemptTimeoutOptions): AdaptiveRules {
  const defaults = adaptiveAttemptTimeoutDefaults;
  const maxMs = durationMs(`${path}.max`, options.max);
  return {
    maxMs,
    minMs: minimumOf(options.min, maxMs),
    quantile: numberIn("percentile", options.percentile ?? defaults.percentile, 0.5, 0.9999),
    padding: numberIn("padding", options.padding ?? defaults.padding, 1, 10),
    windowMs: durationMs(`${path}.window`, options.window ?? defaults.window, {
      minMs: 1_000,
      maxMs: 7 * 86_400_000,
    }),
  };
}

function isAnswer(error: unknown): boolean {
  return verdictOf(error).kind === "refused";
}

function wasCutShort(error: unknown): boolean {
  if (!Failure.is(error)) return false;
  const { code, kind } = error;
  return (
    kind === "aborted" ||
    code === coreFailureCodes.attemptTimeout ||
    code === coreFailureCodes.deadlineExceeded
  );
}

function minimumOf(min: Duration | undefined, maxMs: number): number {
  if (min !== undefined) return durationMs(`${path}.min`, min, { maxMs });
  return Math.min(maxMs, durationMs(`${path}.min`, adaptiveAttemptTimeoutDefaults.min));
}

function numberIn(key: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw new RangeError(`${path}.${key} must be a number between ${min} and ${max}; got ${show(value)}`);
  }
  return value;
}
