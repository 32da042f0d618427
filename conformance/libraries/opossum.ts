import untyped from "opossum";
import type { OutcomeKind, PolicySetup } from "../script/format.ts";
import {
  Declined,
  isAbortError,
  type Library,
  NoSuchPolicy,
  type Subject,
  Unavailable,
  type Work,
} from "./library.ts";

/** What is used of the package, which ships no types. */
interface Breaker {
  fire(work: Work, signal: AbortSignal | undefined): Promise<unknown>;
  readonly opened: boolean;
  readonly halfOpen: boolean;
  readonly stats: unknown;
  on(event: string, listener: () => void): void;
  toJSON(): { state: object; status: object };
  getSignal(): AbortSignal | undefined;
}
type Action = (work: Work, signal: AbortSignal | undefined) => unknown;
const CircuitBreaker = untyped as unknown as new (action: Action, options: object) => Breaker;

export const opossum: Library = {
  name: "opossum",
  version: "10.0.0",
  lacks: {
    abortOfWaits: "no call takes an AbortSignal",
    reconfigure: "options cannot be changed by a documented way",
  },
  documented: {},
  remarks: {},
  unavailable: () => new Unavailable("503"),
  declined: () => new Declined("card declined"),
  build: (policies, _time, notes) => subject(policies, notes, undefined),
};

const events = [
  "fire",
  "success",
  "failure",
  "timeout",
  "reject",
  "open",
  "close",
  "halfOpen",
  "semaphoreLocked",
];

function subject(policies: readonly PolicySetup[], notes: Set<string>, from: object | undefined): Subject {
  const options = { ...optionsOf(policies, notes), ...from };
  const breaker = new CircuitBreaker((work, signal) => {
    const own = breaker.getSignal();
    const signals = [own, signal].filter((each) => each !== undefined);
    return work(signals.length > 1 ? AbortSignal.any(signals) : signals[0]);
  }, options);
  return {
    call: (work, signal) => breaker.fire(work, signal),
    state: () => (breaker.opened ? "open" : breaker.halfOpen ? "halfOpen" : "closed"),
    kindOf,
    listen(listener) {
      for (const event of events) breaker.on(event, listener);
    },
    restored() {
      const { state, status } = JSON.parse(JSON.stringify(breaker.toJSON())) as {
        state: object;
        status: object;
      };
      return subject(policies, notes, { state, status });
    },
    read: () => [breaker.stats, breaker.toJSON()],
  };
}

/** One object does it all, in one fixed order: breaker around limit around timeout. */
function optionsOf(policies: readonly PolicySetup[], notes: Set<string>): object {
  let options: object = { timeout: false, errorThresholdPercentage: 100 };
  for (const setup of policies) {
    if (setup.kind === "retry") throw new NoSuchPolicy("no retry");
    if (setup.kind === "hedge") throw new NoSuchPolicy("no hedging");
    if (setup.kind === "timeout") {
      notes.add("autoRenewAbortController: the work is given the breaker's signal");
      options = { ...options, timeout: setup.ms, autoRenewAbortController: true };
    } else if (setup.kind === "limit") {
      if (setup.queue !== undefined) throw new NoSuchPolicy("capacity has no queue");
      notes.add("capacity: the limit that is built in");
      options = { ...options, capacity: setup.calls };
    } else {
      if ("inARow" in setup.window) throw new NoSuchPolicy("no rule for failures in a row");
      if ("calls" in setup.window) notes.add("window of 10 s: there is no count window");
      notes.add("errorFilter: leaves out own rejections, aborts and business answers");
      const ms = "ms" in setup.window ? setup.window.ms : 10_000;
      options = {
        ...options,
        errorThresholdPercentage: setup.failureRatio * 100,
        volumeThreshold: setup.minimumCalls,
        rollingCountTimeout: ms,
        resetTimeout: setup.openForMs,
        errorFilter: (error: unknown) =>
          kindOf(error) === "rejected" || isAbortError(error) || error instanceof Declined,
      };
    }
  }
  return options;
}

function kindOf(error: unknown): OutcomeKind | undefined {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  if (code === "EOPENBREAKER" || code === "ESEMLOCKED") return "rejected";
  if (code === "ETIMEDOUT") return "timedOut";
  if (isAbortError(error)) return "aborted";
  return error instanceof Declined ? "refused" : undefined;
}
