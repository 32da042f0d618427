import { expect, test } from "vitest";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  attemptTimeout,
  bulkhead,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  explain,
  type Failure,
  Failure as FailureClass,
  failWhen,
  fixed,
  hedge,
  keyedBreaker,
  loadBudget,
  type Policy,
  PolicyRegistry,
  pipeline,
  rateLimit,
  retry,
  standardPipeline,
  withPlan,
} from "../index.ts";

const hedging = (budget: { ratio: number } | undefined): Policy =>
  withPlan((next) => (input, context) => next(input, context), {
    kind: "hedge",
    maxHedges: 1,
    delayMs: 100,
    budget,
  });

test.each<[string, readonly (() => Policy)[], string]>([
  [
    "an attempt timeout above the deadline",
    [() => deadline("10s"), () => retry(), () => attemptTimeout({ timeout: "30s", name: "charge" })],
    'attemptTimeout "charge" (pipeline[2]) of 30 s could never end anything, because deadline (pipeline[0]) ends it after 10 s; make the inner one shorter than 10 s, or the outer one longer',
  ],
  [
    "an inner deadline that is longer",
    [() => deadline("1s"), () => deadline("2s")],
    "deadline (pipeline[1]) of 2 s could never end anything, because deadline (pipeline[0])",
  ],
  [
    "a deadline inside a shorter timeout",
    [() => attemptTimeout("1s"), () => deadline("2s")],
    "deadline (pipeline[1]) of 2 s could never end anything, because attemptTimeout (pipeline[0])",
  ],
  [
    "a timeout of an attempt around a retry",
    [() => attemptTimeout("1s"), () => retry()],
    "attemptTimeout (pipeline[0]) stands around retry (pipeline[1]) and would bound all attempts together; put it inside the retry, or use a deadline",
  ],
  [
    "a breaker around a retry",
    [() => circuitBreaker({ name: "toss" }), () => retry({ maxRetries: 2 })],
    'circuitBreaker "toss" (pipeline[0]) stands around retry (pipeline[1]): it would see one outcome for up to 3 calls',
  ],
  ["hedging without a budget", [() => hedging(undefined)], "hedge (pipeline[0]) has no budget"],
  [
    "more probes than slots",
    [() => circuitBreaker({ probes: 5 }), () => concurrencyLimit(4)],
    "circuitBreaker (pipeline[0]) lets 5 probes through at a time, but concurrencyLimit (pipeline[1]) has 4 slots and would turn the others away; use at most 4 probes, or a higher limit",
  ],
  [
    "more probes than an adaptive limit is sure to have",
    [() => circuitBreaker(), () => adaptiveConcurrency()],
    "circuitBreaker (pipeline[0]) lets 5 probes through at a time, but adaptiveConcurrency (pipeline[1]) may have come down to 3 slots and would turn the others away; use at most 3 probes, or a higher min",
  ],
  [
    "more probes than a bulkhead has room for",
    [() => keyedBreaker({ key: String }), () => bulkhead({ limit: 1, queue: { maxWaiting: 3 } })],
    "keyedBreaker (pipeline[0]) lets 5 probes through at a time, but bulkhead (pipeline[1]) has 4 slots",
  ],
  [
    "an adaptive timeout that is never as short as the deadline",
    [() => deadline("1s"), () => adaptiveAttemptTimeout({ min: "2s", max: "10s" })],
    "adaptiveAttemptTimeout (pipeline[1]) is never shorter than 2 s and could never end anything, because deadline (pipeline[0]) ends it after 1 s",
  ],
  [
    "an attempt timeout around a queue that may hold calls for longer",
    [() => attemptTimeout("1s"), () => bulkhead({ limit: 5, queue: { maxWaiting: 5 } })],
    "attemptTimeout (pipeline[0]) of 1 s would end calls that wait for bulkhead (pipeline[1]), for up to 1 s, and report our own queue as an attempt that took too long; put the timeout inside",
  ],
  [
    "an adaptive timeout around a rate limit that lets calls wait for longer",
    [
      () => adaptiveAttemptTimeout({ max: "1s" }),
      () => rateLimit({ permits: 1, per: "1s", mode: "wait", maxWait: "5s" }),
    ],
    "adaptiveAttemptTimeout (pipeline[0]) of 1 s would end calls that wait for rateLimit (pipeline[1]), for up to 5 s",
  ],
  [
    "a backoff that does not fit into the deadline",
    [() => deadline("1s"), () => retry({ backoff: fixed("1s"), jitter: "none" })],
    "retry (pipeline[1]) waits for at least 1 s and could never retry, because deadline (pipeline[0]) ends the call after 1 s; make the backoff shorter",
  ],
  [
    "waiting out rejections that last as long as the deadline",
    [
      () => deadline("1s"),
      () => retry({ evenIfRejected: true }),
      () => concurrencyLimit({ limit: 9, retryAfter: "2s" }),
    ],
    "retry (pipeline[1]) shall also retry rejections, and could never retry those of concurrencyLimit (pipeline[2]), which say to wait for 2 s, because deadline (pipeline[0]) ends the call after 1 s; make its retryAfter shorter",
  ],
  [
    "a hedge that waits for as long as the deadline",
    [() => deadline("1s"), () => hedge({ delay: "1s", budget: loadBudget() })],
    "hedge (pipeline[1]) waits for 1 s and could never be sent, because deadline (pipeline[0]) ends the call after 1 s; make its delay shorter than 1 s",
  ],
  [
    "a hedge that waits for as long as the attempt that it doubles",
    [() => hedge({ delay: "3s", budget: loadBudget() }), () => attemptTimeout("2s")],
    "hedge (pipeline[0]) waits for 3 s and could never be sent, because attemptTimeout (pipeline[1]) ends the call after 2 s",
  ],
])("%s is refused, naming both policies and the fix", (_, make, message) => {
  expect(() => pipeline(...make.map((each) => each()))).toThrow(message);
  // A pipeline in a pipeline is no way around it.
  const [first, ...rest] = make.map((each) => each());
  if (first !== undefined) expect(() => pipeline(first, pipeline(...rest))).toThrow(RangeError);
});

test("one limit twice is refused", () => {
  const limit = concurrencyLimit(1);
  expect(() => pipeline(limit, retry(), limit)).toThrow(
    "concurrencyLimit (pipeline[0]) and concurrencyLimit (pipeline[2]) are one object",
  );
});

test("what sits exactly on the edge is allowed, and what is only unusual as well", () => {
  pipeline(deadline("1s"), attemptTimeout("1s"));
  pipeline(circuitBreaker({ probes: 4 }), concurrencyLimit(4));
  pipeline(concurrencyLimit(1), retry(), retry());
  pipeline(circuitBreaker(), retry(), circuitBreaker());
  pipeline(circuitBreaker(), retry({ maxRetries: 0 }));
  pipeline(retry(), deadline("1s"));
  pipeline(hedging({ ratio: 0.2 }), retry());
  pipeline(circuitBreaker({ probes: 3 }), adaptiveConcurrency());
  pipeline(deadline("1s"), adaptiveAttemptTimeout({ max: "10s" }));
  pipeline(deadline("1s"), adaptiveAttemptTimeout({ min: "1s", max: "10s" }));
  pipeline(attemptTimeout("1001ms"), bulkhead({ limit: 5, queue: { maxWaiting: 5 } }));
  pipeline(attemptTimeout("1s"), bulkhead(5), rateLimit({ permits: 1, per: "1s" }));
  pipeline(bulkhead({ limit: 5, queue: { maxWaiting: 5 } }), attemptTimeout("1s"));
  pipeline(deadline("1s"), retry({ backoff: fixed("999ms"), jitter: "none" }));
  pipeline(deadline("1s"), retry({ backoff: fixed("1900ms"), jitter: "equal" }));
  pipeline(deadline("1s"), retry({ backoff: fixed("9s"), maxRetries: 0, jitter: "none" }));
  pipeline(deadline("1s"), retry({ backoff: fixed("9s") }));
  pipeline(
    deadline("1s"),
    retry({ evenIfRejected: true }),
    concurrencyLimit({ limit: 9, retryAfter: "999ms" }),
  );
  pipeline(deadline("1s"), retry(), concurrencyLimit({ limit: 9, retryAfter: "2s" }));
  pipeline(hedge({ delay: "3s", budget: loadBudget() }), retry(), attemptTimeout("2s"));
  pipeline(deadline("1001ms"), hedge({ delay: "1s", budget: loadBudget() }));
  pipeline(deadline("1s"), hedge({ percentile: 0.9, budget: loadBudget() }));
});

test("the worst case is explained in words, with the reason for each number", () => {
  const budget = loadBudget({ ratio: 0.2 });
  const policy = pipeline(
    deadline("60s"),
    retry({ maxRetries: 2, backoff: fixed("500ms"), jitter: "none", budget }),
    circuitBreaker({ name: "toss" }),
    concurrencyLimit(100),
    attemptTimeout("10s"),
  );
  expect(explain(policy)).toEqual({
    maxCalls: 3,
    maxMs: 31_000,
    loadFactor: 1.2,
    extraPerSecond: 10,
    lines: [
      "at most 3 calls, 31 s, 1.2 times the load and 10 calls a second",
      "deadline: everything inside together takes at most 60 s",
      "retry: 3 attempts, because maxRetries is 2, with at most 1 s of waits between them (500 ms + 500 ms; longer where the other side asks for it), all calls together at most 20 % more and 10 calls a second, because the budget allows no more",
      'circuitBreaker "toss": turns calls away at once while it is open',
      "concurrencyLimit: turns calls away at once, over 100 at a time",
      "attemptTimeout: an attempt takes at most 10 s",
    ].map((line) => line.replace("60 s", "1 m")),
  });
});

test("policies that share a budget share its room, and those without one multiply", () => {
  const budget = loadBudget({ ratio: 0.2 });
  const twice = (shared: typeof budget | undefined): Policy =>
    pipeline(retry({ maxRetries: 1, budget: shared }), retry({ maxRetries: 1, budget: shared }));
  expect(explain(twice(budget))).toMatchObject({ maxCalls: 4, loadFactor: 1.2 });
  expect(explain(twice(undefined))).toMatchObject({
    maxCalls: 4,
    loadFactor: 4,
    maxMs: Number.POSITIVE_INFINITY,
  });
  expect(explain(retry({ maxRetries: 0 })).lines[0]).toBe(
    "at most 1 call, as long as the call takes, 1 times the load",
  );
  expect(explain(pipeline((next) => next, attemptTimeout("1s"))).lines).toEqual([
    "at most 1 call, 1 s, 1 times the load, without what is not known",
    "a policy of your own: may add calls and time that are not known here",
    "attemptTimeout: an attempt takes at most 1 s",
  ]);
});

test("the recommended order by name, however it is written", () => {
  const policy = standardPipeline({
    attemptTimeout: attemptTimeout("1s"),
    limits: [concurrencyLimit({ limit: 9, name: "a" }), concurrencyLimit({ limit: 8, name: "b" })],
    breaker: circuitBreaker({ name: "c" }),
    retry: retry(),
    deadline: deadline("9s"),
  });
  expect(
    explain(policy)
      .lines.slice(1)
      .map((line) => line.split(":")[0]),
  ).toEqual([
    "deadline",
    "retry",
    'circuitBreaker "c"',
    'concurrencyLimit "a"',
    'concurrencyLimit "b"',
    "attemptTimeout",
  ]);
  expect(() => standardPipeline({ retry: deadline("1s") })).toThrow(
    "standardPipeline.retry takes retry(…); got deadline(…), which belongs in standardPipeline.deadline",
  );
  expect(() => standardPipeline({ timeout: deadline("1s") } as never)).toThrow(
    "standardPipeline.timeout is not an option",
  );
  expect(() => standardPipeline({ retry: 3 as never })).toThrow(TypeError);
});

test("a result can count as a failure, for retry, breaker and limit alike", async () => {
  const breaker = circuitBreaker();
  const policy = pipeline(
    retry({ maxRetries: 1, backoff: fixed("1ms") }),
    breaker,
    failWhen((response: { status: number }): Failure | undefined =>
      response.status === 503 ? new FailureClass("busy", { code: "BUSY", effect: "none" }) : undefined,
    ),
  );
  const statuses = [503, 200];
  const call = policy(async () => ({ status: statuses.shift() ?? 0 }));
  expect(await execute(call, undefined)).toEqual({ status: 200 });
  expect(breaker.snapshot()).toMatchObject({ failures: 1, calls: 2 });
  expect(() => failWhen("x" as never)).toThrow("failWhen must be a function");
});

test("a registry shows, hears and changes the policies it made", async () => {
  const registry = new PolicyRegistry();
  const heard: string[] = [];
  registry.subscribe(() => {
    throw new Error("a listener that throws");
  });
  const stop = registry.subscribe(({ type, name }) => heard.push(`${name} ${type}`));
  const timeout = registry.add("timeout", (own) => attemptTimeout({ ...own, timeout: "20ms" }));
  const all = registry.add("all", () => pipeline(timeout));
  const hang = all(() => new Promise(() => {}));
  await expect(execute(hang, "")).rejects.toMatchObject({ code: "ATTEMPT_TIMEOUT" });
  expect(heard).toEqual(["timeout attemptTimedOut"]);

  registry.reconfigure("timeout", { timeout: "1ms" });
  stop();
  await expect(execute(hang, "")).rejects.toThrow("did not end within 1 ms");
  expect(heard).toHaveLength(1);
  const shown = { kind: "attemptTimeout", name: "timeout", timeoutMs: 1 };
  expect(registry.snapshot()).toEqual({ timeout: shown, all: { kind: "pipeline", policies: [shown] } });

  expect(() => registry.reconfigure("timeout", { timeout: 5 })).toThrow("must be a duration");
  expect(() => registry.reconfigure("tiemout", {})).toThrow(
    'no policy is registered as "tiemout"; there are "timeout", "all"',
  );
  expect(() => registry.reconfigure("all", {})).toThrow('the policy "all" has nothing that can be changed');
  expect(() => registry.add("all", () => pipeline())).toThrow('a policy is registered as "all" already');
  expect(() => registry.add(" ", () => pipeline())).toThrow("name must be");
  registry.add("broken", () =>
    Object.assign(pipeline(), {
      snapshot: () => {
        throw new Error("no");
      },
    }),
  );
  expect(registry.snapshot()).toMatchObject({
    broken: { kind: "broken", error: "Error: no" },
    timeout: shown,
  });
  expect([registry.remove("broken"), registry.remove("broken"), registry.names]).toEqual([
    true,
    false,
    ["timeout", "all"],
  ]);
});
