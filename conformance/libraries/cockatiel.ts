import {
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  ConstantBackoff,
  CountBreaker,
  circuitBreaker,
  ExponentialBackoff,
  fullJitterGenerator,
  handleAll,
  handleWhen,
  type IBreaker,
  type IDefaultPolicyContext,
  type IPolicy,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  noJitterGenerator,
  retry,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from "cockatiel";
import type { BreakerSetup, OutcomeKind, PolicySetup, RetrySetup } from "../script/format.ts";
import { Declined, isAbortError, type Library, NoSuchPolicy, type Subject, Unavailable } from "./library.ts";

type Part = IPolicy<IDefaultPolicyContext, never>;

/** Our own rejections, aborts and business answers say nothing against the other side. */
const speaksAgainst = handleWhen(
  (error) =>
    !(
      isBrokenCircuitError(error) ||
      isBulkheadRejectedError(error) ||
      isAbortError(error) ||
      error instanceof Declined
    ),
);

const filtered = "handleWhen: leaves out own rejections, aborts and business answers";

const states = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "halfOpen",
  [CircuitState.Isolated]: "open",
} as const;

export const cockatiel: Library = {
  name: "cockatiel",
  version: "4.0.0",
  lacks: {
    reconfigure: "policies cannot be changed once made",
  },
  documented: {},
  remarks: {},
  unavailable: () => new Unavailable("503"),
  declined: () => new Declined("card declined"),
  build: (policies, _time, notes) => subject(policies, notes, undefined),
};

function subject(
  policies: readonly PolicySetup[],
  notes: Set<string>,
  initialState: string | undefined,
): Subject {
  const parts = policies.map((setup) => partOf(setup, notes, initialState));
  const breaker = parts.find((part): part is CircuitBreakerPolicy & Part => "isolate" in part);
  const policy = wrap<IDefaultPolicyContext, never>(...parts);
  return {
    call: (work, signal) => policy.execute((context) => work(context.signal), signal),
    ...(breaker === undefined ? {} : { state: () => states[breaker.state] }),
    kindOf,
    listen(listener) {
      for (const part of parts) {
        for (const [name, event] of Object.entries(listenable(part)))
          if (name.startsWith("on")) event(listener);
      }
    },
    ...(breaker === undefined
      ? {}
      : { restored: () => subject(policies, notes, JSON.parse(JSON.stringify(breaker.toJSON()))) }),
    read: () => breaker?.toJSON(),
  };
}

/** Some events are getters of the class, so they are named here. */
function listenable(part: Part): Record<string, (listener: () => void) => unknown> {
  const names = ["onSuccess", "onFailure", "onRetry", "onGiveUp", "onBreak", "onReset", "onHalfOpen"];
  const found = names.flatMap((name) => {
    const event: unknown = (part as unknown as Record<string, unknown>)[name];
    return typeof event === "function" ? [[name, event]] : [];
  });
  return Object.fromEntries(found);
}

function partOf(setup: PolicySetup, notes: Set<string>, initialState: string | undefined): Part {
  switch (setup.kind) {
    case "timeout":
      if (setup.byDefault) return timeout(setup.ms, TimeoutStrategy.Aggressive) as Part;
      notes.add(
        "abortOnReturn: false: and TimeoutStrategy.Aggressive, which answers the caller also when the work does not stop",
      );
      return timeout(setup.ms, { strategy: TimeoutStrategy.Aggressive, abortOnReturn: false }) as Part;
    case "retry":
      return retryOf(setup, notes);
    case "breaker":
      notes.add(filtered);
      return circuitBreaker(speaksAgainst, {
        halfOpenAfter: setup.openForMs,
        breaker: breakerOf(setup, notes),
        halfOpenSampling: { calls: setup.probes, threshold: Math.min(setup.failureRatio, 0.99) / 2 },
        ...(initialState === undefined ? {} : { initialState }),
      }) as Part;
    case "limit":
      return bulkhead(setup.calls, setup.queue ?? 0) as Part;
    case "hedge":
      throw new NoSuchPolicy("no hedging");
  }
}

function retryOf({ maxRetries, backoff, budget, filter }: RetrySetup, notes: Set<string>): Part {
  if (budget !== undefined) throw new NoSuchPolicy("no retry budget");
  if (filter !== "default") notes.add(filtered);
  return retry(filter === "default" ? handleAll : speaksAgainst, {
    maxAttempts: maxRetries,
    backoff:
      "fixedMs" in backoff
        ? new ConstantBackoff(backoff.fixedMs)
        : new ExponentialBackoff({
            initialDelay: backoff.firstMs,
            exponent: backoff.factor,
            maxDelay: backoff.maxMs,
            generator: backoff.jitter === "none" ? noJitterGenerator : (fullJitterGenerator as never),
          }),
  }) as unknown as Part;
}

function breakerOf({ window, failureRatio, minimumCalls }: BreakerSetup, notes: Set<string>): IBreaker {
  if ("inARow" in window) return new ConsecutiveBreaker(window.inARow);
  // The option must be below 1, and the breaker opens above it.
  const threshold = Math.min(failureRatio, 0.99);
  if (failureRatio === 1) notes.add("threshold 0.99: 1 is refused at construction");
  if ("calls" in window) {
    notes.add("CountBreaker: opens above its threshold");
    return new CountBreaker({ threshold, size: window.calls, minimumNumberOfCalls: minimumCalls });
  }
  notes.add("SamplingBreaker: with minimumRps for the minimum of calls");
  return new SamplingBreaker({
    threshold,
    duration: window.ms,
    minimumRps: (minimumCalls / window.ms) * 1_000,
  });
}

function kindOf(error: unknown): OutcomeKind | undefined {
  if (isBrokenCircuitError(error) || isBulkheadRejectedError(error)) return "rejected";
  // One error for both, told apart by the words that the timeout policy writes.
  if (isTaskCancelledError(error)) return /timed out/.test((error as Error).message) ? "timedOut" : "aborted";
  if (isAbortError(error)) return "aborted";
  return error instanceof Declined ? "refused" : undefined;
}
