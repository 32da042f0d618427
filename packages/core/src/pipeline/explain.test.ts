import { expect, test } from "vitest";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  adaptiveThrottle,
  attemptTimeout,
  bulkhead,
  circuitBreaker,
  deadline,
  explain,
  exponential,
  failWhen,
  fallback,
  faultInjection,
  hedge,
  loadBudget,
  loadShedding,
  type Policy,
  pipeline,
  rateLimit,
  retry,
  retryThrottle,
  withPlan,
} from "../index.ts";

const line = (policy: Policy): string => explain(policy).lines.at(-1) ?? "";

test("a hedge that waits for a percentile is counted as waiting for as long as a call may take", () => {
  const budget = loadBudget({ ratio: 0.1, minPerSecond: 0 });
  const policy = pipeline(hedge({ percentile: 0.9, maxHedges: 2, budget }), attemptTimeout("2s"));
  expect(explain(policy)).toMatchObject({ maxCalls: 3, maxMs: 6_000, loadFactor: 1.1, extraPerSecond: 0 });
  expect(explain(policy).lines.slice(0, 2)).toEqual([
    "at most 3 calls, 6 s, 1.1 times the load",
    "hedge: 2 more calls, because maxHedges is 2, each sent when the ones before have not answered for as long as " +
      "90 % of the calls take (not known here; at most as long as the calls before it), all calls together at most " +
      "10 % more, because the budget allows no more",
  ]);
  expect(explain(hedge({ budget })).maxMs).toBe(Number.POSITIVE_INFINITY);
});

test("a hedge with a delay adds the delay, and no more than a call may take", () => {
  const hedged = (delay: "500ms" | "5s"): number =>
    explain(pipeline(hedge({ delay, budget: loadBudget() }), retry({ maxRetries: 0 }), attemptTimeout("2s")))
      .maxMs;
  expect([hedged("500ms"), hedged("5s")]).toEqual([2_500, 4_000]);
  expect(explain(hedge({ delay: "1s", budget: loadBudget() })).lines[1]).toContain(
    "1 more call, because maxHedges is 1, each sent when the ones before have not answered for 1 s",
  );
});

test("the calls a second that a budget always allows are a part of the load", () => {
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 2.5 });
  const twice = pipeline(hedge({ delay: "1s", budget }), retry({ maxRetries: 1, budget }));
  expect(explain(twice)).toMatchObject({ loadFactor: 1.2, extraPerSecond: 2.5 });
  expect(explain(twice).lines[0]).toBe(
    "at most 4 calls, as long as the call takes, 1.2 times the load and 2.5 calls a second",
  );
  budget.reconfigure({ minPerSecond: 1 });
  expect(explain(twice).lines[0]).toMatch(/1.2 times the load and 1 call a second$/);
  expect(explain(retry({ budget: retryThrottle() })).extraPerSecond).toBe(0);
  expect(line(retry({ maxRetries: 1 }))).toContain("and no budget bounds what all calls together add");
});

test("the waits of a retry are listed", () => {
  expect(line(retry({ backoff: exponential("1s"), jitter: "none" }))).toContain(
    "3 attempts, because maxRetries is 2, with at most 3 s of waits between them (1 s + 2 s; longer where",
  );
  expect(line(retry({ maxRetries: 6, backoff: exponential("1s"), jitter: "none" }))).toContain(
    "(1 s + 2 s + 4 s + 8 s + …; longer",
  );
  expect(line(retry({ maxRetries: 0 }))).toBe("retry: 1 attempt, because maxRetries is 0");
});

test.each<[Policy, string]>([
  [
    rateLimit({ permits: 10, per: "1s", name: "maps" }),
    'rateLimit "maps": 10 calls in 1 s, 10 at once after a rest; turns the others away at once',
  ],
  [
    rateLimit({ permits: 1, per: "1s", mode: "wait", maxWait: "3s" }),
    "rateLimit: 1 call in 1 s, 1 at once after a rest; the others wait for at most 3 s",
  ],
  [
    rateLimit({ permits: 5, per: "1s", cost: () => 2 }),
    "rateLimit: 5 calls in 1 s, 5 at once after a rest; turns the others away at once",
  ],
  [circuitBreaker(), "circuitBreaker: turns calls away at once while it is open"],
  [
    adaptiveConcurrency(),
    "adaptiveConcurrency: turns calls away at once, over a limit that it learns, 3 to 200 at a time",
  ],
  [
    adaptiveThrottle(),
    "adaptiveThrottle: turns a share of the calls away while the other side accepts too few",
  ],
  [
    loadShedding({ levels: [{ name: "all", shedAt: 0.5 }], utilisation: () => 0 }),
    "loadShedding: turns the less important calls away while there is too much to do",
  ],
  [bulkhead(7), "bulkhead: turns calls away at once, over 7 at a time"],
  [bulkhead({ limit: 7, queue: { maxWaiting: 2 } }), "bulkhead: 7 at a time; 2 may wait for at most 1 s"],
  [
    adaptiveAttemptTimeout({ max: "9s" }),
    "adaptiveAttemptTimeout: an attempt takes at most 9 s, and less once latencies are known, down to 100 ms",
  ],
  [fallback("cached"), "fallback: answers in place of a failed call, at once"],
  [
    fallback(() => "made"),
    "fallback: its function answers in place of a failed call, and may add calls and time that are not known here",
  ],
  [
    faultInjection({ faults: [{ kind: "latency", rate: 0.1, delay: "2s" }] }),
    "faultInjection: holds calls up on purpose while it is enabled, for at most 2 s",
  ],
  [
    faultInjection({ faults: [{ kind: "hang", rate: 0.1 }] }),
    "faultInjection: makes calls hang on purpose while it is enabled",
  ],
  [failWhen(() => undefined), "failWhen: some results count as failures"],
  [
    withPlan((next) => next, { kind: "custom", name: "cache" }),
    'a policy of your own "cache": may add calls and time that are not known here',
  ],
  [withPlan((next) => next, { kind: "custom", addsMs: 20 }), "a policy of your own: adds at most 20 ms"],
])("$0 is told in the words that a user writes", (policy, said) => {
  expect(line(policy)).toBe(said);
});

test("waiting adds to the time, and what rejects at once does not", () => {
  const around = (policy: Policy): number => explain(pipeline(policy, attemptTimeout("1s"))).maxMs;
  expect(around(bulkhead({ limit: 1, queue: { maxWaiting: 1, timeout: "2s" } }))).toBe(3_000);
  expect(around(rateLimit({ permits: 1, per: "1s", mode: "wait", maxWait: "4s" }))).toBe(5_000);
  expect(around(rateLimit({ permits: 1, per: "1s", cost: () => 1 }))).toBe(1_000);
  expect(around(faultInjection({ faults: [{ kind: "latency", rate: 1, delay: "500ms" }] }))).toBe(1_500);
  const waiting = rateLimit({ permits: 1, per: "1s", mode: "wait" });
  waiting.reconfigure({ maxWait: "7s" });
  expect(around(waiting)).toBe(8_000);
});

test("what is not known is said of the sum as well", () => {
  expect(
    explain(
      pipeline(
        fallback(() => ""),
        deadline("1s"),
      ),
    ).lines[0],
  ).toMatch(/without what is not known$/);
  expect(explain(pipeline(fallback(""), deadline("1s"))).lines[0]).toBe(
    "at most 1 call, 1 s, 1 times the load",
  );
});
