import * as core from "@outrigger/core";
import type { BackoffSetup, BreakerSetup, BudgetSetup, OutcomeKind, PolicySetup } from "../script/format.ts";
import { ClockTime, type ScriptTime } from "../script/time.ts";
import type { Library, Subject } from "./library.ts";

type Duration = core.Duration;
type Listen = (listener: () => void) => void;

/** What a policy of ours may carry beside being a function. */
interface Handles {
  snapshot?(): unknown;
  reconfigure?(options: object): void;
}

export const outrigger: Library = {
  name: "Outrigger",
  version: "0.1.0",
  lacks: {},
  documented: {
    T2: "consecutiveFailures counts in the order in which calls end",
  },
  remarks: {},
  unavailable: () => new core.Failure("503", { code: "UNAVAILABLE", effect: "none" }),
  declined: () => new core.Failure("card declined", { code: "DECLINED", effect: "none", kind: "refused" }),
  build: (policies, time) => subject(policies, time),
};

function subject(setups: readonly PolicySetup[], time: ScriptTime, restore?: unknown): Subject {
  if (!(time instanceof ClockTime)) throw new TypeError("Outrigger is handed its clock");
  const { clock } = time;
  const listeners: (() => void)[] = [];
  const onEvent = (): void => {
    for (const listener of listeners) listener();
  };
  const policies = setups.map((setup) => policyOf(setup, { clock, onEvent }));
  const policy = core.pipeline(...policies);
  const breaker = policies.find((_, index) => setups[index]?.kind === "breaker") as
    | core.CircuitBreaker
    | undefined;
  if (restore !== undefined) breaker?.restore(restore);
  const listen: Listen = (listener) => void listeners.push(listener);
  return {
    call: (work, signal) => {
      const call = policy((_: unknown, context) => work(context.signal));
      return core.execute(call, undefined, { clock, idempotent: true, signal });
    },
    ...(breaker === undefined ? {} : { state: () => breaker.snapshot().state }),
    kindOf,
    listen,
    reconfigure(changes) {
      for (const [index, change] of changes.entries()) {
        const { reconfigure } = (policies[index] ?? {}) as Handles;
        if (reconfigure === undefined) throw new Error(`${change.kind} has no reconfigure`);
        reconfigure(optionsOf(change));
      }
    },
    ...(breaker === undefined
      ? {}
      : { restored: () => subject(setups, time, JSON.parse(JSON.stringify(breaker.snapshot()))) }),
    read: () => policies.map((each) => (each as Handles).snapshot?.()),
  };
}

interface Surroundings {
  readonly clock: core.Clock;
  readonly onEvent: () => void;
}

function policyOf(setup: PolicySetup, { clock, onEvent }: Surroundings): core.Policy {
  const options = { ...optionsOf(setup), onEvent };
  switch (setup.kind) {
    case "timeout":
      return core.attemptTimeout(options as object as core.AttemptTimeoutOptions);
    case "retry":
      return core.retry(options);
    case "breaker":
      return core.circuitBreaker({ ...options, clock });
    case "limit":
      return setup.queue === undefined
        ? core.concurrencyLimit(options as object as core.ConcurrencyLimitOptions)
        : core.bulkhead(options as object as core.BulkheadOptions);
    case "hedge":
      return core.hedge(options as object as core.HedgeOptions);
  }
}

/** The options of a setup, without those that belong to its surroundings. */
function optionsOf(setup: PolicySetup): object {
  switch (setup.kind) {
    case "timeout":
      return { timeout: ms(setup.ms) };
    case "retry":
      return { maxRetries: setup.maxRetries, ...backoffOf(setup.backoff), ...budgetOf(setup.budget) };
    case "breaker":
      return breakerOf(setup);
    case "limit":
      return {
        limit: setup.calls,
        ...(setup.queue === undefined ? {} : { queue: { maxWaiting: setup.queue, timeout: "1h" } }),
      };
    case "hedge":
      return { delay: ms(setup.afterMs), maxHedges: 1, ...budgetOf(setup.budget) };
  }
}

function backoffOf(backoff: BackoffSetup): core.RetryOptions {
  if ("fixedMs" in backoff) return { backoff: core.fixed(ms(backoff.fixedMs)), jitter: "none" };
  const { firstMs, factor, maxMs, jitter } = backoff;
  return { backoff: core.exponential(ms(firstMs), { factor, max: ms(maxMs) }), jitter };
}

function budgetOf(budget: BudgetSetup | undefined): object {
  if (budget === undefined) return {};
  return { budget: core.loadBudget({ ratio: budget.ratio, minPerSecond: budget.perSecond }) };
}

function breakerOf(setup: BreakerSetup): object {
  const { window, failureRatio, minimumCalls } = setup;
  const rest = {
    openFor: ms(setup.openForMs),
    probes: setup.probes,
    maxHalfOpen: ms(setup.maxHalfOpenMs),
  };
  if ("inARow" in window) return { ...rest, consecutiveFailures: window.inARow };
  const shape = "calls" in window ? { count: window.calls } : { window: ms(window.ms) };
  return { ...rest, ...shape, failureRatio, minimumCalls };
}

function ms(value: number): Duration {
  return `${value}ms`;
}

function kindOf(error: unknown): OutcomeKind | undefined {
  if (!core.Failure.is(error)) return undefined;
  if (error.kind === "failed") {
    return error.code === "ATTEMPT_TIMEOUT" || error.code === "DEADLINE_EXCEEDED" ? "timedOut" : undefined;
  }
  return error.kind;
}
