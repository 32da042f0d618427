import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure, manual, watch } from "../../test/calls.ts";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  adaptiveThrottle,
  bulkhead,
  concurrencyLimit,
  execute,
  explain,
  failover,
  fallback,
  fixed,
  hedge,
  loadBudget,
  loadShedding,
  PolicyRegistry,
  pipeline,
  planOf,
  rateLimit,
  retry,
  retryThrottle,
} from "../index.ts";

interface Changeable {
  snapshot(): unknown;
  reconfigure(change: never): void;
}

// One meaning everywhere: what is left out stays, undefined stands for the default, a refused change changes nothing.
interface Change {
  readonly of: string;
  readonly make: () => Changeable;
  /** Something else than the option that is shown. */
  readonly other: object;
  readonly key: string;
  readonly shown: string;
  readonly given: unknown;
  readonly byDefault: unknown;
}

const changes: readonly Change[] = [
  {
    of: "retry",
    make: () => retry({ maxRetries: 7, backoff: fixed("1s") }),
    other: { jitter: "none" },
    key: "maxRetries",
    shown: "maxRetries",
    given: 7,
    byDefault: 2,
  },
  {
    of: "loadBudget",
    make: () => loadBudget({ ratio: 0.5 }),
    other: { minPerSecond: 3 },
    key: "ratio",
    shown: "ratio",
    given: 0.5,
    byDefault: 0.2,
  },
  {
    of: "hedge",
    make: () => hedge({ budget: loadBudget(), maxHedges: 3 }),
    other: { percentile: 0.9 },
    key: "maxHedges",
    shown: "maxHedges",
    given: 3,
    byDefault: 1,
  },
  {
    of: "rateLimit",
    make: () => rateLimit({ permits: 5, per: "1s", burst: 2 }),
    other: { per: "2s" },
    key: "burst",
    shown: "burst",
    given: 2,
    byDefault: 5,
  },
  {
    of: "adaptiveConcurrency",
    make: () => adaptiveConcurrency({ max: 50 }),
    other: { min: 2 },
    key: "max",
    shown: "max",
    given: 50,
    byDefault: 200,
  },
  {
    of: "adaptiveThrottle",
    make: () => adaptiveThrottle({ k: 3 }),
    other: { window: "1m" },
    key: "k",
    shown: "k",
    given: 3,
    byDefault: 2,
  },
];

test.each(changes)(
  "$of keeps $key when something else is changed, and takes its default for undefined",
  (each) => {
    const policy = each.make();
    const shown = (): unknown => (policy.snapshot() as Record<string, unknown>)[each.shown];
    expect(shown()).toBe(each.given);
    policy.reconfigure(each.other as never);
    expect(shown()).toBe(each.given);
    expect(() => policy.reconfigure({ ...each.other, [each.key]: -1 } as never)).toThrow(
      `${each.of}.${each.key}`,
    );
    expect(shown()).toBe(each.given);
    policy.reconfigure({ [each.key]: undefined } as never);
    expect(shown()).toBe(each.byDefault);
    policy.reconfigure({} as never);
    expect(shown()).toBe(each.byDefault);
  },
);

test("a retry throttle keeps its tokens as far as they fit", () => {
  const throttle = retryThrottle({ maxTokens: 10 });
  throttle.failed?.();
  throttle.reconfigure({ tokenRatio: 1 });
  expect(throttle.snapshot()).toMatchObject({ tokens: 9, maxTokens: 10 });
  expect(throttle.ratio).toBe(1);
  throttle.reconfigure({ maxTokens: 4 });
  expect(throttle.snapshot()).toMatchObject({ tokens: 4, maxTokens: 4 });
  throttle.failed?.();
  throttle.succeeded?.();
  expect(throttle.snapshot().tokens).toBe(4);
  expect(() => throttle.reconfigure({ maxTokens: 0, tokenRatio: 2 })).toThrow("retryThrottle.maxTokens");
  expect(throttle.ratio).toBe(1);
});

const required: readonly [of: string, policy: Changeable, change: object, message: string][] = [
  [
    "concurrencyLimit",
    concurrencyLimit(3),
    { limit: undefined },
    "concurrencyLimit.limit must be a whole number",
  ],
  ["bulkhead", bulkhead(3), { limit: undefined }, "bulkhead.limit must be a whole number"],
  [
    "bulkhead's queue",
    bulkhead({ limit: 3, queue: { maxWaiting: 2 } }),
    { queue: { maxWaiting: undefined } },
    "bulkhead.queue.maxWaiting must be a whole number",
  ],
  [
    "rateLimit",
    rateLimit({ permits: 1, per: "1s" }),
    { permits: undefined },
    "rateLimit.permits must be a whole",
  ],
  [
    "loadShedding",
    loadShedding({ levels: [{ name: "all", shedAt: 0.5 }], utilisation: () => 0 }),
    { levels: undefined },
    "loadShedding.levels must be a list of levels",
  ],
];

test.each(required)("what %s must be given cannot be taken back", (_, policy, change, message) => {
  const before = policy.snapshot();
  expect(() => policy.reconfigure(change as never)).toThrow(message);
  expect(policy.snapshot()).toEqual(before);
});

test("an adaptive timeout changes its bounds at once and keeps what it has seen", async () => {
  const clock = new VirtualClock();
  const timeout = adaptiveAttemptTimeout({ max: "5s", min: "10ms", percentile: 0.9 });
  const after = (ms: number): Promise<string> => {
    const { call, calls } = manual();
    const answer = execute(timeout(call), "", { clock });
    return clock.advance(ms).then(() => {
      calls[0]?.resolve("ok");
      return answer;
    });
  };
  for (let call = 0; call < 60; call += 1) await after(50);
  const { timeoutMs, calls } = timeout.snapshot();
  expect([timeoutMs < 200, calls]).toEqual([true, 60]);

  timeout.reconfigure({ min: "1s" });
  expect(timeout.snapshot()).toMatchObject({ timeoutMs: 1_000, calls: 60 });
  expect(planOf(timeout)).toMatchObject({ timeoutMs: 5_000, adaptiveMinMs: 1_000 });
  timeout.reconfigure({ min: "10ms", max: "60ms" });
  const hung = watch(execute(timeout(deaf), "", { clock }));
  await clock.advance(60);
  expect(hung.error).toMatchObject({ code: "ATTEMPT_TIMEOUT" });
  expect(explain(timeout).maxMs).toBe(60);

  expect(() => timeout.reconfigure({ max: "1s", padding: 0 })).toThrow(
    "adaptiveAttemptTimeout.padding must be",
  );
  expect(() => timeout.reconfigure({ max: undefined } as never)).toThrow(
    "adaptiveAttemptTimeout.max must be",
  );
  expect(explain(timeout).maxMs).toBe(60);
  timeout.reconfigure({ window: "1s", max: "5s" });
  await clock.advance(3_000);
  await after(50);
  expect(timeout.snapshot().calls).toBe(1);
});

test("a fallback changes its answer and its rules, and counts on", async () => {
  const policy = fallback("cached", { when: (verdict) => verdict.kind === "failed" });
  const fail = (): Promise<unknown> =>
    execute(
      policy(() => Promise.reject(failure())),
      "",
    ).catch((error: unknown) => error);
  expect(await fail()).toBe("cached");
  policy.reconfigure({ answer: () => "made" });
  expect(await fail()).toBe("made");
  expect(planOf(policy)).toMatchObject({ handled: true });
  policy.reconfigure({ when: () => false });
  expect(await fail()).toBeInstanceOf(Error);
  expect(() => policy.reconfigure({ when: 5 as never, answer: "never" })).toThrow(
    "fallback.when must be a function",
  );
  policy.reconfigure({ when: undefined, answer: undefined });
  expect(await fail()).toBeUndefined();
  expect(policy.snapshot()).toMatchObject({ used: 3 });
  expect(() => policy.reconfigure({ name: "x" } as never)).toThrow("fallback.name is not an option");
});

test("a failover changes its targets for calls that begin, and each counts on under its name", async () => {
  const { call, calls } = manual();
  const north = { name: "north", call };
  const south = { name: "south", call: echo };
  const both = failover([north, south]);
  const running = watch(execute(both, "a"));
  await Promise.resolve();
  both.reconfigure({ targets: [south, { name: "west", call: echo }] });
  expect(await execute(both, "b")).toBe("b");
  calls[0]?.reject(failure());
  await new Promise((resolve) => setImmediate(resolve));
  expect(running.value).toBe("a");
  both.reconfigure({ targets: [north, south] });
  expect(both.snapshot().targets).toEqual([
    { name: "north", tried: 1, answered: 0 },
    { name: "south", tried: 2, answered: 2 },
  ]);
  both.reconfigure({ acceptUnknown: true });
  expect(() => both.reconfigure({ targets: [], acceptUnknown: false })).toThrow(
    "failover.targets needs an array",
  );
  expect(() => both.reconfigure({ targets: [north], budget: 5 as never })).toThrow("failover.budget.reserve");
  expect(both.snapshot().targets).toHaveLength(2);
});

test("a registry keeps failovers and budgets as well, shows them and changes them", () => {
  const registry = new PolicyRegistry();
  const budget = registry.add("toss.budget", ({ name }) => loadBudget({ name }));
  registry.add("toss", (own) => failover([{ name: "north", call: echo }], { ...own, budget }));
  registry.add("all", () => pipeline(retry({ budget })));
  registry.reconfigure("toss.budget", { ratio: 0.1 });
  expect(registry.snapshot()).toMatchObject({
    "toss.budget": { kind: "loadBudget", name: "toss.budget", ratio: 0.1 },
    toss: { kind: "failover", name: "toss" },
    all: { kind: "pipeline" },
  });
  expect(() => registry.add("nothing", () => ({}) as never)).toThrow(
    '"nothing" must be a policy, or something with a snapshot; got an object',
  );
  expect(() => registry.add("nothing", () => undefined as never)).toThrow("got undefined");
});
