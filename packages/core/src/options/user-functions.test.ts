import { VirtualClock } from "@outrigger/lab";
import { afterEach, beforeEach, expect, test } from "vitest";
import { echo, failure, watch } from "../../test/calls.ts";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  adaptiveThrottle,
  attemptTimeout,
  bulkhead,
  type Call,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  type Failure,
  failover,
  failWhen,
  fallback,
  faultInjection,
  fixed,
  hedge,
  keyedBreaker,
  loadBudget,
  loadShedding,
  type Policy,
  pipeline,
  rateLimit,
  retry,
  systemRandom,
  tryExecute,
} from "../index.ts";
import { answerOf, randomAt, yesOrNo } from "./user-functions.ts";

const strays: unknown[] = [];
const stray = (reason: unknown): void => void strays.push(reason);
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  strays.length = 0;
  process.on("unhandledRejection", stray);
});
afterEach(async () => {
  await soon();
  await soon();
  process.off("unhandledRejection", stray);
  expect(strays).toEqual([]);
});

/** What a function of a user's may do instead of answering. */
// biome-ignore-start lint/suspicious/noThenProperty: foreign thenables are what is tested.
const broken: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error("broken");
  },
  "throws nothing": () => {
    throw undefined;
  },
  "rejects later": async () => {
    throw new Error("broken later");
  },
  "promises yes": async () => true,
  "is a thenable": () => ({ then: (resolve: (value: unknown) => void) => resolve(true) }),
  "is a thenable that rejects": () => ({
    then: (_: unknown, reject: (error: unknown) => void) => reject("no"),
  }),
  "answers undefined": () => undefined,
  "answers null": () => null,
  "answers an object": () => ({}),
  "answers NaN": () => Number.NaN,
  "answers a symbol": () => Symbol("odd"),
};
// biome-ignore-end lint/suspicious/noThenProperty: as above.

const limits = { permits: 9, per: "1s", burst: 9 } as const;
const unknown = failure({ effect: "none", code: "DOWN" });
const levels = [{ name: "less", shedAt: 0.5 }, { name: "more" }];

interface Asked {
  readonly of: string;
  /** A policy that asks the function about what goes through it. */
  readonly make: (fn: never, clock: VirtualClock) => Policy;
}

const asked: readonly Asked[] = [
  { of: "retry.when", make: (when) => retry({ when, backoff: fixed("1ms") }) },
  { of: "retry.random", make: (random) => retry({ random, backoff: fixed("1ms") }) },
  {
    of: "retry.backoff.ceilingMs",
    make: (ceilingMs) => {
      let first = true;
      // As it would be written: right where it is checked, and wrong later.
      const later = (retryNumber: number): unknown => {
        if (!first) return (ceilingMs as (retry: number) => unknown)(retryNumber);
        first = false;
        return 1;
      };
      return retry({ backoff: { ceilingMs: later as never, describe: () => "own" } });
    },
  },
  { of: "circuitBreaker.isFailure", make: (isFailure, clock) => circuitBreaker({ isFailure, clock }) },
  {
    of: "circuitBreaker.random",
    make: (random, clock) => circuitBreaker({ random, clock, minimumCalls: 1, openFor: { first: "1ms" } }),
  },
  { of: "keyedBreaker.key", make: (key, clock) => keyedBreaker({ key, clock }) },
  {
    of: "keyedBreaker.isFailure",
    make: (isFailure, clock) => keyedBreaker({ key: String, isFailure, clock }),
  },
  { of: "adaptiveConcurrency.isDrop", make: (isDrop, clock) => adaptiveConcurrency({ isDrop, clock }) },
  { of: "adaptiveConcurrency.random", make: (random, clock) => adaptiveConcurrency({ random, clock }) },
  { of: "adaptiveThrottle.isFailure", make: (isFailure, clock) => adaptiveThrottle({ isFailure, clock }) },
  {
    of: "adaptiveThrottle.random",
    make: (random, clock) => adaptiveThrottle({ random, clock, minimumRequests: 1_000 }),
  },
  { of: "loadShedding.utilisation", make: (utilisation) => loadShedding({ levels, utilisation }) },
  {
    of: "loadShedding.levelOf",
    make: (levelOf) => loadShedding({ levels, utilisation: () => 0.6, levelOf }),
  },
  {
    of: "bulkhead.queue.priorities.of",
    make: (of) => bulkhead({ limit: 1, queue: { maxWaiting: 9, priorities: { levels: 3, of } } }),
  },
  {
    of: "bulkhead.queue.fairness.key",
    make: (key) => bulkhead({ limit: 1, queue: { maxWaiting: 9, fairness: { key } } }),
  },
  { of: "fallback.when", make: (when) => fallback("instead", { when }) },
  {
    of: "faultInjection.when",
    make: (when) => faultInjection({ when, enabled: true, faults: [{ kind: "hang", rate: 1 }] }),
  },
  {
    of: "faultInjection.random",
    make: (random) => faultInjection({ random, enabled: true, faults: [{ kind: "hang", rate: 0.1 }] }),
  },
  { of: "failWhen", make: (classify) => failWhen(classify) },
  {
    of: "circuitBreaker.onEvent",
    make: (onEvent, clock) => circuitBreaker({ minimumCalls: 1, onEvent, clock }),
  },
  { of: "concurrencyLimit.onEvent", make: (onEvent) => concurrencyLimit({ limit: 1, onEvent }) },
  { of: "bulkhead.onEvent", make: (onEvent) => bulkhead({ limit: 1, queue: { maxWaiting: 1 }, onEvent }) },
  { of: "retry.onEvent", make: (onEvent) => retry({ backoff: fixed("1ms"), onEvent }) },
  { of: "rateLimit.onEvent", make: (onEvent, clock) => rateLimit({ ...limits, burst: 3, onEvent, clock }) },
  { of: "fallback.onEvent", make: (onEvent) => fallback("instead", { when: () => false, onEvent }) },
];

const cases = asked.flatMap(({ of, make }) =>
  Object.entries(broken).map(([how, fn]) => ({ of, make, how, fn })),
);

test.each(cases)(
  "$of that $how changes neither answers nor failures, and nothing is lost or left",
  async (each) => {
    const clock = new VirtualClock();
    for (const around of [(policy: Policy) => policy, (policy: Policy) => pipeline(deadline("1m"), policy)]) {
      const policy = each.make(each.fn as never, clock);
      const ends: (Error | string)[] = ["one", unknown, "two"];
      const call = around(policy)(async (): Promise<string> => {
        const end = ends.shift() ?? "late";
        if (end instanceof Error) throw end;
        return end;
      });
      const first = watch(execute(call, "a", { clock }));
      await clock.advance(5);
      const second = watch(execute(call, "b", { clock }));
      await clock.advance(5);
      await clock.advance(60_000);
      expect([first.status, first.value]).toEqual(["fulfilled", "one"]);
      // A retry may mend it; nobody else may.
      expect([second.value, second.error]).toEqual(
        each.of.startsWith("retry") && second.status === "fulfilled"
          ? ["two", undefined]
          : [undefined, unknown],
      );
      expect(await execute(call, "c", { clock }).catch((error: Failure) => error.kind)).toMatch(
        /two|late|rejected/,
      );
      const { inUse = 0, waiting = 0 } =
        (policy as { snapshot?: () => { inUse?: number; waiting?: number } }).snapshot?.() ?? {};
      expect([inUse, waiting, clock.pending]).toEqual([0, 0, 0]);
    }
  },
);

test.each(Object.entries(broken))(
  "a cost that %s fails its own call alone, and takes no permit",
  async (_, cost) => {
    const limit = rateLimit({ ...limits, cost: cost as never });
    const call = limit(echo);
    await expect(execute(call, "")).rejects.not.toBe("");
    expect(limit.snapshot()).toMatchObject({ available: 9, spent: 0, rejected: 0 });
  },
);

test.each(Object.entries(broken))(
  "a fallback's function that %s is as good as its answer",
  async (how, answer) => {
    const call = fallback(answer as never)(() => Promise.reject(failure()));
    const ended = await execute(call, "").then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    expect("error" in ended).toBe(
      how.startsWith("throws") || how.startsWith("rejects") || how.endsWith("rejects"),
    );
  },
);

test.each(Object.entries(broken))(
  "a fault's own error or result that %s is what the call ends with",
  async (_, make) => {
    for (const at of ["before", "after"] as const) {
      for (const fault of [
        { kind: "error", rate: 1, at, error: make },
        { kind: "result", rate: 1, at, result: make },
      ] as const) {
        const call = faultInjection({ enabled: true, faults: [fault] })(echo);
        await execute(call, "").catch(() => {});
      }
    }
  },
);

/** Every policy, quiet. */
const policies: Readonly<Record<string, (clock: VirtualClock) => Policy>> = {
  retry: () => retry(),
  deadline: () => deadline("1m"),
  attemptTimeout: () => attemptTimeout("1m"),
  adaptiveAttemptTimeout: () => adaptiveAttemptTimeout({ max: "1m" }),
  circuitBreaker: (clock) => circuitBreaker({ clock }),
  keyedBreaker: (clock) => keyedBreaker({ key: String, clock }),
  concurrencyLimit: () => concurrencyLimit(1),
  bulkhead: () => bulkhead(1),
  "bulkhead with a queue": () => bulkhead({ limit: 1, queue: { maxWaiting: 1 } }),
  "rateLimit that rejects": (clock) => rateLimit({ ...limits, clock }),
  "rateLimit that waits": (clock) => rateLimit({ ...limits, mode: "wait", clock }),
  loadShedding: () => loadShedding({ levels, utilisation: () => 0 }),
  adaptiveConcurrency: (clock) => adaptiveConcurrency({ clock }),
  adaptiveThrottle: (clock) => adaptiveThrottle({ clock }),
  hedge: () => hedge({ delay: "1s", budget: loadBudget() }),
  fallback: () => fallback("instead", { when: () => false }),
  faultInjection: () => faultInjection({ faults: [] }),
  failWhen: () => failWhen(() => undefined),
  "all of the standard order": (clock) =>
    pipeline(
      deadline("1m"),
      retry(),
      circuitBreaker({ clock, probes: 1 }),
      concurrencyLimit(1),
      attemptTimeout("30s"),
    ),
  failover: () => (next) => failover([{ name: "only", call: next }]),
};

// biome-ignore-start lint/suspicious/noThenProperty: foreign thenables are what is tested.
const odd: readonly [how: string, call: () => unknown, end: unknown][] = [
  ["answers no promise", () => 7, { ok: true, value: 7 }],
  ["answers undefined", () => undefined, { ok: true, value: undefined }],
  ["answers null", () => null, { ok: true, value: null }],
  ["answers a thenable", () => ({ then: (go: (value: number) => void) => go(8) }), { ok: true, value: 8 }],
  [
    "answers a thenable that rejects",
    () => ({ then: (_: unknown, no: (error: unknown) => void) => no(new Error("thenable")) }),
    { ok: false, failure: { code: "CALL_FAILED", message: "thenable", effect: "unknown" } },
  ],
  [
    "answers a thenable that throws",
    () => ({
      then: () => {
        throw new Error("then");
      },
    }),
    { ok: false, failure: { message: "then" } },
  ],
  [
    "throws at once",
    () => {
      throw new TypeError("at once");
    },
    { ok: false, failure: { code: "CALL_FAILED", message: "at once", transient: false } },
  ],
  [
    "throws what is no error",
    () => {
      throw "a string";
    },
    { ok: false, failure: { code: "CALL_FAILED", message: "a string" } },
  ],
];
// biome-ignore-end lint/suspicious/noThenProperty: as above.

test.each(
  Object.entries(policies).flatMap(([name, make]) =>
    odd.map(([how, call, end]) => ({ name, make, how, call, end })),
  ),
)("T26: through $name, a call that $how ends as what it is, and leaves nothing behind", async (each) => {
  const clock = new VirtualClock();
  const policy = each.make(clock);
  const guarded = policy(each.call as Call<string, unknown>);
  for (let round = 0; round < 3; round += 1) {
    expect(await tryExecute(guarded, "", { clock })).toMatchObject(each.end as object);
  }
  const { inUse = 0, waiting = 0 } =
    (policy as { snapshot?: () => { inUse?: number; waiting?: number } }).snapshot?.() ?? {};
  expect([inUse, waiting, clock.pending]).toEqual([0, 0, 0]);
});

test("an answer is what a function gives back, and a promise or a throw is none", () => {
  expect(answerOf((a: number, b: number) => a + b, 2, 3)).toBe(5);
  expect([false, 0, "", null].map((value) => answerOf(() => value))).toEqual([false, 0, "", null]);
  for (const [how, fn] of Object.entries(broken)) {
    if (/throws|later|promises|thenable/.test(how)) expect(answerOf(fn)).toBeUndefined();
    expect(yesOrNo(fn)).toBeUndefined();
  }
  expect([yesOrNo(() => true), yesOrNo(() => false)]).toEqual([true, false]);
});

test("chance that is none is the middle", () => {
  for (const fn of [...Object.values(broken), () => 1, () => -0.1, () => 5]) {
    expect(randomAt("x.random", fn as never)()).toBe(0.5);
  }
  for (const value of [0, 0.25, 0.999]) expect(randomAt("x.random", () => value)()).toBe(value);
  expect(randomAt("x.random", systemRandom)).toBe(systemRandom);
  expect(() => randomAt("x.random", 5 as never)).toThrow("x.random must be a function; got 5");
});
