import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure, script, watch } from "../../test/calls.ts";
import {
  CallContext,
  decideRetry,
  decorrelated,
  execute,
  exponential,
  Failure,
  fixed,
  linear,
  type PolicyEvent,
  planOf,
  type RetryOptions,
  retry,
  retryDefaults,
} from "../index.ts";

const steady = { backoff: fixed("100ms"), jitter: "none" } as const;

async function attempts(options: RetryOptions, error: Failure, idempotent = false): Promise<number> {
  const clock = new VirtualClock();
  const { call, contexts } = script(error, "ok");
  void watch(execute(retry({ ...steady, ...options })(call), "", { clock, idempotent }));
  await clock.advance(60_000);
  return contexts.length;
}

test("a condition narrows what is retried, and sees the verdict, the error and the call", async () => {
  const asked: unknown[] = [];
  const error = failure({ code: "BUSY" });
  const when: RetryOptions["when"] = (verdict, given, context) => {
    asked.push(verdict.effect, given, context.key);
    return Failure.is(given) && given.code === "BUSY";
  };
  expect(await attempts({ when }, error)).toBe(2);
  expect(asked).toEqual(["none", error, undefined]);
  expect(await attempts({ when }, failure({ code: "OTHER" }))).toBe(1);
});

test("a condition cannot widen what is safe, and is not asked about it", async () => {
  let asked = 0;
  const when = (): boolean => {
    asked += 1;
    return true;
  };
  for (const error of [
    failure({ effect: "unknown" }),
    failure({ effect: "done" }),
    failure({ transient: false }),
    failure({ kind: "refused", transient: true }),
    failure({ kind: "rejected", retryAfterMs: 1 }),
    failure({ kind: "aborted", transient: true }),
  ]) {
    expect(await attempts({ when }, error)).toBe(1);
  }
  expect(asked).toBe(0);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
  ["forgets to answer", () => undefined as never],
  ["answers a promise", (async () => true) as never],
])("a condition that %s says no, and the failure stays what it was", async (_, when) => {
  const events: PolicyEvent[] = [];
  const error = failure();
  const policy = retry({ ...steady, when, onEvent: (event) => void events.push(event) });
  await expect(
    execute(
      policy(() => Promise.reject(error)),
      "",
    ),
  ).rejects.toBe(error);
  expect(events).toMatchObject([{ type: "retryRefused", why: "notWanted" }]);
});

test("a rejection by our own policies is retried only when asked for, and not before it says", async () => {
  const busy = failure({ kind: "rejected", retryAfterMs: 5_000 });
  expect(retryDefaults.evenIfRejected).toBe(false);
  expect(await attempts({}, busy)).toBe(1);

  const clock = new VirtualClock();
  const { call, contexts } = script(busy, "ok");
  const answer = watch(execute(retry({ ...steady, evenIfRejected: true })(call), "ok", { clock }));
  await clock.advance(4_999);
  expect(contexts).toHaveLength(1);
  await clock.advance(1);
  expect(answer.value).toBe("ok");
});

test("a rejection that does not say when to come back stays the end, and so does what is unsafe", async () => {
  expect(await attempts({ evenIfRejected: true }, failure({ kind: "rejected" }))).toBe(1);
  expect(
    await attempts(
      { evenIfRejected: true },
      failure({ kind: "rejected", effect: "unknown", retryAfterMs: 1 }),
    ),
  ).toBe(1);
  expect(await attempts({ evenIfRejected: true }, failure({ kind: "aborted", retryAfterMs: 1 }))).toBe(1);
});

test("a Retry-After beyond the deadline fails at once, with the moment exposed", async () => {
  const clock = new VirtualClock();
  const { call, contexts } = script(failure({ retryAfterMs: 60_000 }), "ok");
  const answer = watch(execute(retry(steady)(call), "", { clock, deadlineAtMs: 30_000 }));
  await clock.advance(0);
  expect(answer.error).toMatchObject({ retryAfterMs: 60_000 });
  expect(contexts).toHaveLength(1);
});

test("a decorrelated wait goes by the wait before it", async () => {
  const clock = new VirtualClock();
  const waits: number[] = [];
  const policy = retry({
    maxRetries: 4,
    backoff: decorrelated("100ms", { max: "2s" }),
    random: () => 0.5,
    onEvent: (event) => void (event.type === "retryScheduled" && waits.push(event.waitMs)),
  });
  const { call } = script(failure(), failure(), failure(), failure(), "ok");
  const answer = watch(execute(policy(call), "ok", { clock }));
  await clock.advance(10_000);
  expect(answer.value).toBe("ok");
  // 100 + 0.5 * (3 * 100 - 100) = 200, then 100 + 0.5 * (600 - 100) = 350, and so on.
  expect(waits).toEqual([200, 350, 575, 912.5]);
});

test("the decision is a function of the rules and the failed attempt", () => {
  const error = failure();
  const rules = { ...retryDefaults, ...steady, when: undefined, budget: undefined };
  const failed = { attempt: 1, error, verdict: error, worst: "none", previousWaitMs: 0 } as const;
  const context = new CallContext({ clock: new VirtualClock(), deadlineAtMs: 1_000 });
  expect(decideRetry(rules, failed, context)).toEqual({ waitMs: 100, reservation: undefined });
  expect(decideRetry(rules, { ...failed, attempt: 3 }, context)).toEqual({
    waitMs: undefined,
    why: "usedUp",
  });
  expect(decideRetry(rules, { ...failed, worst: "unknown" }, context)).toMatchObject({ why: "notSafe" });
});

test("the plan tells the longest waits, jitter included", () => {
  const ceilings = (options: RetryOptions): number[] => {
    const plan = planOf(retry(options));
    if (plan?.kind !== "retry") return expect.fail("no plan");
    return [1, 2, 3].map(plan.backoffCeilingsMs);
  };
  expect(ceilings({})).toEqual([200, 400, 800]);
  expect(ceilings({ jitter: "decorrelated" })).toEqual([600, 1_800, 5_400]);
  expect(ceilings({ backoff: decorrelated("1s", { max: "4s" }) })).toEqual([3_000, 4_000, 4_000]);
});

test("settings that change live keep the counts and what is left out", async () => {
  const clock = new VirtualClock();
  const policy = retry({ ...steady, maxRetries: 1, name: "toss" });
  const run = async (): Promise<void> => {
    const answer = watch(
      execute(
        policy(() => Promise.reject(failure())),
        "",
        { clock },
      ),
    );
    await clock.advance(10_000);
    expect(answer.status).toBe("rejected");
  };
  await run();
  policy.reconfigure({ maxRetries: 3 });
  await run();
  expect(policy.snapshot()).toEqual({
    kind: "retry",
    name: "toss",
    maxRetries: 3,
    backoff: "100 ms",
    jitter: "none",
    scheduled: 4,
    withdrawn: 0,
    refused: {
      usedUp: 2,
      notTransient: 0,
      notSafe: 0,
      notWanted: 0,
      pastDeadline: 0,
      budgetExhausted: 0,
    },
  });
  policy.reconfigure({ backoff: decorrelated("100ms") });
  expect(policy.snapshot().jitter).toBe("decorrelated");
  policy.reconfigure({ backoff: linear("100ms") });
  expect(policy.snapshot().jitter).toBe("full");
  const plan = planOf(policy);
  expect(plan?.kind === "retry" && plan.maxRetries).toBe(3);
  expect(() => policy.reconfigure({ name: "other" } as never)).toThrow("retry.name is not an option");
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => retry({ when: true as never })).toThrow("retry.when must be a function; got true");
  expect(() => retry({ evenIfRejected: 1 as never })).toThrow(
    "retry.evenIfRejected must be true or false; got 1",
  );
  expect(() => retry({ budget: 0.2 as never })).toThrow("retry.budget.reserve must be a function");
  expect(() => retry({ budget: null as never })).toThrow("retry.budget must not be null");
  expect(() => retry({ backoff: decorrelated("100ms"), jitter: "full" })).toThrow(
    'retry.jitter must be left out: this backoff brings "decorrelated"; got "full"',
  );
  expect(() => retry({ backoff: fixed("1s"), jitter: "decorrelated" })).toThrow(
    'retry.jitter "decorrelated" needs a backoff that grows up to a maximum: use decorrelated("200ms")',
  );
  expect(() => retry({ backoff: exponential("1s"), jitter: "decorrelated" })).not.toThrow();
  expect(() => decorrelated("1s", { max: "500ms" })).toThrow("decorrelated.max must lie between 1s");
  expect(() => decorrelated("1s", { factor: 3 } as never)).toThrow("decorrelated.factor is not an option");
});

test("a backoff that gives no wait ends the retry as one that is not wanted", async () => {
  const waits = [1, Number.NaN];
  const policy = retry({ backoff: { ceilingMs: () => waits.shift() ?? Number.NaN, describe: () => "own" } });
  const down = failure();
  const guarded = policy(() => Promise.reject(down));
  await expect(execute(guarded, "")).rejects.toBe(down);
  expect(policy.snapshot().refused).toMatchObject({ notWanted: 1, pastDeadline: 0 });
});
