import {
  BreakerError,
  BreakerMaxAllowedRequestError,
  BreakerState,
  Bulkhead,
  BulkheadOverloadError,
  BulkheadQueueWaitError,
  Circuit,
  type Module,
  Retry,
  RetryMode,
  SlidingCountBreaker,
  SlidingTimeBreaker,
  type SlidingWindowBreaker,
  Timeout,
  TimeoutError,
} from "mollitia";
import type { BreakerSetup, OutcomeKind, PolicySetup, RetrySetup } from "../script/format.ts";
import {
  Declined,
  isAbortError,
  type Library,
  NoSuchPolicy,
  type Subject,
  Unavailable,
  type Work,
} from "./library.ts";

const states = {
  [BreakerState.CLOSED]: "closed",
  [BreakerState.OPENED]: "open",
  [BreakerState.HALF_OPENED]: "halfOpen",
} as const;

export const mollitia: Library = {
  name: "mollitia",
  version: "0.1.1",
  lacks: {
    abortOfWaits: "no call takes an AbortSignal",
    workSignal: "the work is given no AbortSignal",
    reconfigure: "fields are public, but changing them in flight is not documented",
    restore: "state is kept between processes by an add-on only",
  },
  documented: {},
  remarks: {
    T26: "its types ask for a promise",
  },
  unavailable: () => new Unavailable("503"),
  declined: () => new Declined("card declined"),
  build: (policies, _time, notes) => subject(policies, notes),
};

function subject(policies: readonly PolicySetup[], notes: Set<string>): Subject {
  const modules = policies.map((setup) => moduleOf(setup, notes));
  const breaker = modules.find(isBreaker);
  const circuit = new Circuit({
    func: (work: Work, signal: AbortSignal | undefined) => work(signal),
    options: { modules },
  });
  return {
    call: (work, signal) => circuit.execute(work, signal),
    ...(breaker === undefined ? {} : { state: () => states[breaker.state] }),
    kindOf,
    listen(listener) {
      circuit.on("execute", listener);
      for (const each of modules) for (const event of events) each.on(event, listener);
    },
    read: () => breaker?.getState(),
  };
}

const events = [
  "execute",
  "state-changed",
  "retry",
  "success-without-retry",
  "failure-with-retry",
  "timeout",
];

function isBreaker(part: Module): part is SlidingWindowBreaker {
  return part instanceof SlidingCountBreaker || part instanceof SlidingTimeBreaker;
}

function moduleOf(setup: PolicySetup, notes: Set<string>): Module {
  switch (setup.kind) {
    case "timeout":
      return new Timeout({ delay: setup.ms });
    case "retry":
      return retryOf(setup, notes);
    case "breaker":
      return breakerOf(setup, notes);
    case "limit":
      return new Bulkhead({ concurrentSize: setup.calls, queueSize: setup.queue ?? 0 });
    case "hedge":
      throw new NoSuchPolicy("no hedging");
  }
}

function retryOf({ maxRetries, backoff, budget, filter }: RetrySetup, notes: Set<string>): Module {
  if (budget !== undefined) throw new NoSuchPolicy("no retry budget");
  const own = filter !== "default";
  if (own) notes.add("onRejection: returns false for own rejections, aborts and business answers");
  const filtered = own ? { onRejection: (error: unknown) => speaksAgainst(error) } : {};
  if ("fixedMs" in backoff)
    return new Retry({ attempts: maxRetries, interval: backoff.fixedMs, ...filtered });
  return new Retry({
    attempts: maxRetries,
    interval: backoff.firstMs,
    factor: backoff.factor,
    maxInterval: backoff.maxMs,
    mode: backoff.jitter === "none" ? RetryMode.EXPONENTIAL : RetryMode.JITTER,
    ...filtered,
  });
}

function breakerOf(setup: BreakerSetup, notes: Set<string>): Module {
  const { window } = setup;
  if ("inARow" in window) throw new NoSuchPolicy("no rule for failures in a row");
  notes.add("onError: leaves out own rejections, aborts and business answers");
  notes.add("halfOpenStateMaxDelay: 60 s, as it is off by default");
  const options = {
    openStateDelay: setup.openForMs,
    halfOpenStateMaxDelay: setup.maxHalfOpenMs,
    minimumNumberOfCalls: setup.minimumCalls,
    failureRateThreshold: setup.failureRatio * 100,
    permittedNumberOfCallsInHalfOpenState: setup.probes,
    onError: speaksAgainst,
  };
  return "calls" in window
    ? new SlidingCountBreaker({ ...options, slidingWindowSize: window.calls })
    : new SlidingTimeBreaker({ ...options, slidingWindowSize: window.ms });
}

function speaksAgainst(error: unknown): boolean {
  return !(kindOf(error) === "rejected" || isAbortError(error) || error instanceof Declined);
}

function kindOf(error: unknown): OutcomeKind | undefined {
  if (
    error instanceof BreakerError ||
    error instanceof BreakerMaxAllowedRequestError ||
    error instanceof BulkheadOverloadError ||
    error instanceof BulkheadQueueWaitError ||
    (error instanceof Error && error.message === "Max allowed requests reached")
  ) {
    return "rejected";
  }
  if (error instanceof TimeoutError) return "timedOut";
  if (isAbortError(error)) return "aborted";
  return error instanceof Declined ? "refused" : undefined;
}
