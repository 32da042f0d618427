import { expect, test } from "vitest";
import { echo } from "../../test/calls.ts";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  adaptiveThrottle,
  attemptTimeout,
  bulkhead,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  decorrelated,
  exponential,
  failover,
  fallback,
  faultInjection,
  fixed,
  hedge,
  keyedBreaker,
  linear,
  loadBudget,
  loadShedding,
  rateLimit,
  retry,
  retryThrottle,
  show,
} from "../index.ts";

/** Wrong values of an option, by what the option takes; each list has both sides of the edges that are there. */
const notNumbers = ["3", true, {}, [], Number.NaN, Number.POSITIVE_INFINITY, null];
const integer = (min: number, max = Number.MAX_SAFE_INTEGER): readonly unknown[] => [
  ...notNumbers,
  min - 1,
  max + 1,
  min + 0.5,
];
const number = (min: number, max: number): readonly unknown[] => [...notNumbers, min - 0.001, max + 0.001];
/** Above 0, at most 1. */
const ratio: readonly unknown[] = [...notNumbers, 0, -0.1, 1.01];
const duration = (...outside: readonly unknown[]): readonly unknown[] => [
  ...[5, 0, "", "5", "-5s", "5 s", "5w", "s", "1e3s", Number.NaN, {}, [], true, null],
  ...outside,
];
const truth: readonly unknown[] = [0, 1, "true", {}, [], null];
const fn: readonly unknown[] = [5, "f", {}, [], true, null];
const text: readonly unknown[] = [5, "", "  ", {}, [], true, null];
const clock: readonly unknown[] = [5, {}, { now: () => 0 }, { now: 5, wallNow: 5, setTimer: 5 }, null];
const budget: readonly unknown[] = [5, {}, { reserve: () => undefined }, null];
const object: readonly unknown[] = [5, "x", [], true, null];
const choice: readonly unknown[] = [5, "other", {}, [], true, null];
const list: readonly unknown[] = [5, "x", {}, true, null];
const observed = { name: text, onEvent: fn };

interface Options {
  /** As a user writes it; an error begins with it. */
  readonly path: string;
  readonly make: (options: never) => unknown;
  /** What is required, and what lets every option count. */
  readonly good: Readonly<Record<string, unknown>>;
  /** Wrong values of each option. */
  readonly wrong: Readonly<Record<string, readonly unknown[]>>;
  /** Options that cannot stand together; the message names both. */
  readonly conflicts?: readonly (readonly [
    together: Readonly<Record<string, unknown>>,
    ...named: string[],
  ])[];
}

const breakerRules = {
  window: duration("9ms"),
  count: integer(1, 100_000),
  failureRatio: ratio,
  minimumCalls: integer(1),
  consecutiveFailures: integer(1, 100_000),
  trip: [...list, []],
  slowCall: object,
  // An empty object grows by default.
  openFor: duration("0ms").filter((value) => show(value) !== "an object"),
  probes: integer(1, 1_000),
  probeFailureRatio: ratio,
  maxHalfOpen: duration("0ms"),
  rampUp: duration("0ms"),
  shadow: truth,
  isFailure: fn,
  clock,
  random: fn,
  ...observed,
};
const breakerConflicts: Options["conflicts"] = [
  [{ window: "10s", count: 10 }, "window", "count"],
  [{ count: 10, minimumCalls: 11 }, "minimumCalls", "count"],
  [{ count: 10, consecutiveFailures: 11 }, "consecutiveFailures", "failureRatio"],
  [{ trip: [{}], failureRatio: 0.3 }, "trip", "failureRatio"],
  [{ slowCall: { after: "10s" } }, "slowCall.after", "window"],
  [{ openFor: { first: "2m", max: "1m" } }, "openFor.max", "openFor.first"],
];
const rate = { permits: 5, per: "1s" };
const level = { name: "all", shedAt: 0.5 };
const inBreaker = (key: string) => (given: never) => circuitBreaker({ [key]: given });

const all: readonly Options[] = [
  {
    path: "attemptTimeout",
    make: attemptTimeout,
    good: { timeout: "1s" },
    wrong: { timeout: duration("0ms", "40000d"), ...observed },
  },
  { path: "deadline", make: deadline, good: { total: "1s" }, wrong: { total: duration("0ms"), ...observed } },
  {
    path: "adaptiveAttemptTimeout",
    make: adaptiveAttemptTimeout,
    good: { max: "10s" },
    wrong: {
      max: duration("0ms"),
      min: duration("0ms", "11s"),
      percentile: number(0.5, 0.9999),
      padding: number(1, 10),
      window: duration("999ms", "8d"),
      ...observed,
    },
    conflicts: [[{ max: "1s", min: "2s" }, "min", "1s"]],
  },
  {
    path: "retry",
    make: retry,
    good: {},
    wrong: {
      maxRetries: integer(0, 1_000),
      backoff: [
        ...object,
        { ceilingMs: () => 5 },
        { ceilingMs: () => Number.NaN, describe: () => "" },
        { ceilingMs: () => -1, describe: () => "" },
        { ceilingMs: () => "5", describe: () => "" },
      ],
      jitter: choice,
      budget,
      when: fn,
      evenIfRejected: truth,
      random: fn,
      ...observed,
    },
    conflicts: [
      [{ backoff: decorrelated("1s"), jitter: "full" }, "jitter", "decorrelated"],
      [{ backoff: fixed("1s"), jitter: "decorrelated" }, "jitter", "backoff"],
    ],
  },
  {
    path: "exponential",
    make: (options) => exponential("1s", options),
    good: {},
    wrong: { max: duration("999ms"), factor: number(1, 10) },
  },
  { path: "linear", make: (options) => linear("1s", options), good: {}, wrong: { max: duration("999ms") } },
  {
    path: "decorrelated",
    make: (options) => decorrelated("1s", options),
    good: {},
    wrong: { max: duration("999ms") },
  },
  {
    path: "loadBudget",
    make: loadBudget,
    good: {},
    wrong: {
      ratio: number(0, 1),
      minPerSecond: number(0, 1_000_000),
      window: duration("99ms", "2h"),
      perOperationShare: ratio,
      name: text,
    },
    conflicts: [[{ ratio: 0, minPerSecond: 0 }, "ratio", "minPerSecond"]],
  },
  {
    path: "retryThrottle",
    make: retryThrottle,
    good: {},
    wrong: { maxTokens: number(0.001, 1_000), tokenRatio: number(0.001, 1_000), name: text },
  },
  {
    path: "hedge",
    make: hedge,
    good: { budget: loadBudget() },
    wrong: {
      delay: duration(),
      percentile: number(0.5, 0.999),
      minDelay: duration(),
      maxHedges: integer(1, 10),
      budget,
      ...observed,
    },
    conflicts: [
      [{ delay: "1s", percentile: 0.9 }, "delay", "percentile"],
      [{ delay: "1s", minDelay: "1ms" }, "delay", "minDelay"],
      [{ budget: undefined }, "budget", "loadBudget()"],
    ],
  },
  {
    path: "circuitBreaker",
    make: circuitBreaker,
    good: {},
    wrong: breakerRules,
    conflicts: breakerConflicts,
  },
  {
    path: "circuitBreaker.openFor",
    make: inBreaker("openFor"),
    good: {},
    wrong: {
      first: duration("0ms"),
      factor: number(1, 10),
      max: duration("0ms"),
      jitter: number(0, 1),
      resetAfter: duration("0ms"),
      maxRetryAfter: duration(),
    },
  },
  {
    path: "circuitBreaker.slowCall",
    make: inBreaker("slowCall"),
    good: { after: "1s" },
    wrong: { after: duration("0ms", "10s"), ratio, minimumCalls: integer(1) },
  },
  {
    path: "circuitBreaker.trip[0]",
    make: (rule) => circuitBreaker({ trip: [rule] }),
    good: {},
    wrong: {
      window: duration("9ms"),
      count: integer(1, 100_000),
      failureRatio: ratio,
      minimumCalls: integer(1),
      consecutiveFailures: integer(1, 100_000),
    },
    conflicts: [
      [{ window: "10s", count: 10 }, "window", "count"],
      [{ consecutiveFailures: 3, failureRatio: 0.5 }, "consecutiveFailures", "failureRatio"],
    ],
  },
  {
    path: "keyedBreaker",
    make: keyedBreaker,
    good: { key: String },
    wrong: { ...breakerRules, key: fn, maxKeys: integer(1), idleFor: duration("0ms") },
    conflicts: breakerConflicts,
  },
  {
    path: "concurrencyLimit",
    make: concurrencyLimit,
    good: { limit: 5 },
    wrong: { limit: integer(1), retryAfter: duration(), ...observed },
  },
  {
    path: "bulkhead",
    make: bulkhead,
    good: { limit: 5 },
    wrong: { limit: integer(1), queue: object, retryAfter: duration(), ...observed },
  },
  {
    path: "bulkhead.queue",
    make: (queue) => bulkhead({ limit: 5, queue }),
    good: { maxWaiting: 5 },
    wrong: {
      maxWaiting: integer(1),
      timeout: duration("0ms"),
      order: choice,
      codel: object,
      priorities: object,
      fairness: object,
    },
    conflicts: [[{ order: "lifo", codel: {} }, "codel", "order"]],
  },
  {
    path: "bulkhead.queue.codel",
    make: (codel) => bulkhead({ limit: 5, queue: { maxWaiting: 5, order: "codel", codel } }),
    good: {},
    wrong: { target: duration("0ms"), interval: duration("0ms"), newestFirst: truth },
    conflicts: [[{ target: "1s", interval: "1s" }, "target", "interval"]],
  },
  {
    path: "bulkhead.queue.priorities",
    make: (priorities) => bulkhead({ limit: 5, queue: { maxWaiting: 5, priorities } }),
    good: { levels: 3, of: () => 0 },
    wrong: { levels: integer(2, 16), of: fn, maxOvertakes: integer(1) },
  },
  {
    path: "bulkhead.queue.fairness",
    make: (fairness) => bulkhead({ limit: 5, queue: { maxWaiting: 5, fairness } }),
    good: { key: String },
    wrong: { key: fn, maxKeys: integer(1) },
  },
  {
    path: "rateLimit",
    make: rateLimit,
    good: { ...rate, mode: "wait" },
    wrong: {
      permits: integer(1),
      per: duration("0ms"),
      burst: integer(1),
      mode: choice,
      maxWait: duration("0ms"),
      maxWaiting: integer(1),
      cost: fn,
      obeyRetryAfter: truth,
      maxPause: duration("0ms"),
      clock,
      ...observed,
    },
    conflicts: [
      [{ mode: "reject", maxWait: "1s" }, "maxWait", "mode"],
      [{ mode: undefined, maxWaiting: 5 }, "maxWaiting", "mode"],
      [{ obeyRetryAfter: false, maxPause: "1s" }, "maxPause", "obeyRetryAfter"],
    ],
  },
  {
    path: "loadShedding",
    make: loadShedding,
    good: { levels: [level], utilisation: () => 0 },
    wrong: {
      levels: [...list, []],
      utilisation: fn,
      levelOf: fn,
      hysteresis: [...notNumbers, -0.1],
      holdFor: duration(),
      retryAfter: duration(),
      ...observed,
    },
    conflicts: [[{ hysteresis: 0.5 }, "hysteresis", "threshold (0.5)"]],
  },
  {
    path: "loadShedding.levels[0]",
    make: (first) => loadShedding({ levels: [first, { name: "rest" }], utilisation: () => 0 }),
    good: level,
    wrong: { name: text, shedAt: [...notNumbers, 0, -1] },
    conflicts: [[{ name: "rest" }, "name", "rest"]],
  },
  {
    path: "adaptiveConcurrency",
    make: adaptiveConcurrency,
    good: {},
    wrong: {
      algorithm: choice,
      min: integer(1, 1_000_000),
      max: integer(1, 1_000_000),
      initial: integer(3, 200),
      window: duration(),
      minimumCalls: integer(1),
      backoffRatio: number(0.1, 0.99),
      retryAfter: duration(),
      isDrop: fn,
      gradient: object,
      gradient2: object,
      vegas: object,
      aimd: object,
      clock,
      random: fn,
      ...observed,
    },
    conflicts: [
      [{ min: 9, max: 8 }, "max", "9"],
      [{ initial: 2 }, "initial", "between 3 and"],
      [{ algorithm: "aimd", gradient: {} }, "gradient", "aimd"],
    ],
  },
  {
    path: "adaptiveConcurrency.gradient",
    make: (gradient) => adaptiveConcurrency({ gradient }),
    good: {},
    wrong: { buffer: number(0, 10), probeEvery: number(2, 1_000_000) },
  },
  {
    path: "adaptiveConcurrency.gradient2",
    make: (gradient2) => adaptiveConcurrency({ algorithm: "gradient2", gradient2 }),
    good: {},
    wrong: {
      queueSize: integer(1, 1_000_000),
      smoothing: ratio,
      longWindow: integer(10),
      tolerance: number(1, 10),
    },
  },
  {
    path: "adaptiveConcurrency.vegas",
    make: (vegas) => adaptiveConcurrency({ algorithm: "vegas", vegas }),
    good: {},
    wrong: {
      alpha: number(0.1, 6),
      beta: number(0.1, 1_000),
      smoothing: ratio,
      probeEvery: number(2, 1_000_000),
    },
  },
  {
    path: "adaptiveConcurrency.aimd",
    make: (aimd) => adaptiveConcurrency({ algorithm: "aimd", aimd }),
    good: {},
    wrong: { slowAfter: duration("0ms") },
  },
  {
    path: "adaptiveThrottle",
    make: adaptiveThrottle,
    good: {},
    wrong: {
      k: number(1, 100),
      window: duration("9ms"),
      maxRejection: [...ratio, 1],
      minimumRequests: integer(1),
      retryAfter: duration(),
      isFailure: fn,
      clock,
      random: fn,
      ...observed,
    },
  },
  {
    path: "fallback",
    make: (options) => fallback("cached", options),
    good: {},
    wrong: { when: fn, acceptUnknown: truth, ...observed },
  },
  {
    path: "failover",
    make: (options) => failover([{ name: "north", call: echo }], options),
    good: {},
    wrong: { budget, acceptUnknown: truth, ...observed },
  },
  {
    path: "failover[0]",
    make: (target) => failover([target, { name: "south", call: echo }]),
    good: { name: "north", call: echo },
    wrong: { name: text, call: fn },
    conflicts: [[{ name: "south" }, "name", "differ"]],
  },
  {
    path: "faultInjection",
    make: faultInjection,
    good: { faults: [] },
    wrong: { faults: list, enabled: truth, when: fn, random: fn, ...observed },
  },
  {
    path: "faultInjection.faults[0]",
    make: (fault) => faultInjection({ faults: [fault] }),
    good: { kind: "latency", rate: 0.5, delay: "1s" },
    wrong: { kind: choice, rate: ratio, at: choice, delay: duration(), error: [() => 5], result: [() => 5] },
    conflicts: [
      [{ result: () => 5 }, "result", "latency"],
      [{ kind: "error", error: () => 5 }, "delay", "latency"],
    ],
  },
];

const failureOf = (make: () => unknown): Error => {
  try {
    make();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

/** The options that a product knows, by its own word. */
function knownTo({ make, good }: Options): readonly string[] {
  const { message } = failureOf(() => make({ ...good, zzzzzzzzzzzzzzzzzzzzzzzzzzzz: 1 } as never));
  return / known options: (.*)$/.exec(message)?.[1]?.split(", ") ?? [];
}

test.each(all)("$path: wrong values are listed below for every option that there is", (options) => {
  options.make(options.good as never);
  expect(Object.keys(options.wrong).toSorted()).toEqual(knownTo(options).toSorted());
});

const values = all.flatMap((options) =>
  Object.entries(options.wrong).flatMap(([key, wrong]) => wrong.map((value) => ({ options, key, value }))),
);

test.each(all.map(({ path }) => path))(
  "%s: a value of the wrong type or out of range is refused, naming the option, the value and the fix",
  (path) => {
    for (const { options, key, value } of values.filter((each) => each.options.path === path)) {
      const told = `${path}.${key} = ${show(value)}`;
      let error: Error;
      try {
        error = failureOf(() => options.make({ ...options.good, [key]: value } as never));
      } catch {
        expect.fail(`${told} is taken`);
      }
      const { message } = error;
      expect([told, error instanceof RangeError || error instanceof TypeError]).toEqual([told, true]);
      expect([told, message.startsWith(`${path}.${key}`) ? "named" : message]).toEqual([told, "named"]);
      // What is wrong inside of a given object or function is named with its own path instead.
      const shown =
        message.includes(show(value)) || message.startsWith(`${path}.${key}.`) || /got /.test(message);
      expect([
        told,
        shown || /must not be null|is for the algorithm/.test(message) ? "shown" : message,
      ]).toEqual([told, "shown"]);
      expect([told, /must|belongs|is for|counts only/.test(message) ? "said" : message]).toEqual([
        told,
        "said",
      ]);
    }
  },
);

test.each(all)(
  "$path: a misspelt option is refused with the one that was meant",
  ({ path, make, good, wrong }) => {
    for (const key of Object.keys(wrong)) {
      const misspelt = `${key[0]}${key}`;
      const { message } = failureOf(() => make({ ...good, [misspelt]: 1 } as never));
      expect(message).toContain(`${path}.${misspelt} is not an option; `);
      expect(message).toContain(`did you mean "${key}"?`);
    }
  },
);

test.each(
  all.flatMap(({ conflicts = [], ...options }) => conflicts.map((conflict) => ({ ...options, conflict }))),
)(
  "$path: options that cannot stand together are refused, naming both: $conflict",
  ({ path, make, good, conflict: [together, ...named] }) => {
    const { message } = failureOf(() => make({ ...good, ...together } as never));
    expect(message).toContain(path.replace(/\[\d\]$/, ""));
    for (const each of named) expect(message).toContain(each);
  },
);

test.each(all)("$path: what is no object is refused by its name", ({ path, make }) => {
  for (const value of [null, [], true, Symbol.iterator]) {
    const { message } = failureOf(() => make(value as never));
    expect([show(value), message.startsWith(path) ? path : message]).toEqual([show(value), path]);
  }
});

test.each([
  ["fixed.delay", fixed],
  ["linear.step", linear],
  ["exponential.first", exponential],
  ["decorrelated.first", decorrelated],
  ["attemptTimeout.timeout", attemptTimeout],
  ["deadline.total", deadline],
] as const)("%s is a duration", (path, make) => {
  for (const value of [5, "", "5", "-5s", "5 s", Number.NaN, true]) {
    expect(failureOf(() => make(value as never)).message).toMatch(new RegExp(`^${path} must be a duration`));
  }
});
