import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, manual, script, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  CallContext,
  concurrencyLimit,
  concurrencyLimitDefaults,
  deadline,
  execute,
  fixed,
  type PolicyEvent,
  pipeline,
  retry,
} from "../index.ts";
import { planOf } from "../pipeline/plan.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("as many calls as there are slots run at a time, and the next one is rejected at once", async () => {
  const limit = concurrencyLimit(2);
  const { call, calls } = manual();
  const running = [watch(execute(limit(call), "")), watch(execute(limit(call), ""))];
  await expect(execute(limit(call), "")).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
    message: "the concurrency limit (2) is reached; try again in 1 s",
  });
  expect(calls).toHaveLength(2);
  expect(limit.snapshot()).toMatchObject({ limit: 2, inUse: 2, outliving: 0, rejected: 1 });
  calls[0]?.resolve("ok");
  await tick();
  expect([running[0]?.status, limit.snapshot().inUse]).toEqual(["fulfilled", 1]);
  void watch(execute(limit(call), ""));
  expect(limit.snapshot()).toMatchObject({ inUse: 2 });
});

test("a slot is free again however its call ends", async () => {
  const limit = concurrencyLimit(1);
  const ends = [
    async () => "ok",
    async () => Promise.reject(failure()),
    () => {
      throw failure();
    },
    () => "a plain value" as never,
    () => undefined as never,
  ];
  for (const end of ends) {
    await execute(limit(end), "").catch(() => {});
    expect(limit.snapshot()).toMatchObject({ inUse: 0, rejected: 0 });
  }
});

test("a slot is held until the work truly ends, not until its caller has left", async () => {
  const limit = concurrencyLimit(1);
  const controller = new AbortController();
  const { call, calls } = manual();
  const answer = watch(execute(limit(call), "", { signal: controller.signal }));
  controller.abort();
  await tick();
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED" });
  expect(limit.snapshot().inUse).toBe(1);
  await expect(execute(limit(call), "")).rejects.toMatchObject({ code: "LIMIT_REACHED" });
  calls[0]?.reject(new Error("late"));
  await tick();
  expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
});

test.each([
  ["inside", (limit: ReturnType<typeof concurrencyLimit>) => pipeline(limit, attemptTimeout("1s"))],
  ["outside", (limit: ReturnType<typeof concurrencyLimit>) => pipeline(attemptTimeout("1s"), limit)],
  [
    "inside, with a deadline",
    (limit: ReturnType<typeof concurrencyLimit>) => pipeline(limit, deadline("1s")),
  ],
])(
  "no more calls than slots truly run although a timeout %s the limit answers their callers",
  async (_, build) => {
    const clock = new VirtualClock();
    const limit = concurrencyLimit(2);
    const { call, calls } = manual();
    const guarded = build(limit)(call);
    for (let second = 0; second < 5; second += 1) {
      for (let index = 0; index < 3; index += 1) void watch(execute(guarded, "", { clock }));
      await clock.advance(1_000);
    }
    expect(calls).toHaveLength(2);
    expect(limit.snapshot()).toMatchObject({ inUse: 2, rejected: 13 });
    calls[0]?.resolve("late");
    await tick();
    expect(limit.snapshot().inUse).toBe(1);
    calls[1]?.reject(new Error("late"));
    await tick();
    expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
    expect(clock.pending).toBe(0);
  },
);

test("slots of work that outlived its caller are told apart", async () => {
  const clock = new VirtualClock();
  const limit = concurrencyLimit(3);
  const { call } = manual();
  const guarded = pipeline(limit, attemptTimeout("1s"))(call);
  void watch(execute(guarded, "", { clock }));
  await clock.advance(600);
  void watch(execute(guarded, "", { clock }));
  await clock.advance(400);
  expect(limit.snapshot()).toEqual({
    kind: "concurrencyLimit",
    name: undefined,
    limit: 3,
    inUse: 2,
    outliving: 1,
    rejected: 0,
  });
});

test("a limit around a retry holds its slot while an abandoned attempt goes on", async () => {
  const clock = new VirtualClock();
  const limit = concurrencyLimit(1);
  const { call, calls } = manual();
  const policy = pipeline(limit, retry({ backoff: fixed("1ms"), jitter: "none" }), attemptTimeout("1s"));
  const answer = watch(execute(policy(call), "", { clock, idempotent: true }));
  await clock.advance(1_001);
  calls[1]?.resolve("ok");
  await clock.advance(0);
  expect([answer.value, limit.snapshot().inUse]).toEqual(["ok", 1]);
  calls[0]?.resolve("late");
  await clock.advance(0);
  expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
});

test("a rejection is not retried by a retry around the limit, and holds no slot during other waits", async () => {
  const clock = new VirtualClock();
  const limit = concurrencyLimit(1);
  const guarded = pipeline(
    retry({ backoff: fixed("1s"), jitter: "none" }),
    limit,
  )(script(failure(), "ok").call);
  const answer = watch(execute(guarded, "ok", { clock }));
  await clock.advance(500);
  expect(limit.snapshot().inUse).toBe(0);
  await clock.advance(500);
  expect(answer.value).toBe("ok");
});

test("a rejection says when to come back, by an option, and is told to the listener", async () => {
  expect(concurrencyLimitDefaults.retryAfter).toBe("1s");
  const events: PolicyEvent[] = [];
  const limit = concurrencyLimit({
    limit: 1,
    retryAfter: "250ms",
    name: "toss",
    onEvent: (event) => {
      events.push(event);
      throw new Error("listener");
    },
  });
  const context = new CallContext();
  void watch(limit(manual().call)("", context));
  await expect(limit(echo)("", context)).rejects.toMatchObject({
    retryAfterMs: 250,
    message: "the concurrency limit of toss (1) is reached; try again in 250 ms",
  });
  expect(events).toEqual([
    { type: "limitReached", name: "toss", code: "LIMIT_REACHED", limit: 1, retryAfterMs: 250 },
  ]);
});

test("a limit can be changed while calls run, and the slots that are taken stay taken", async () => {
  const limit = concurrencyLimit({ limit: 2, retryAfter: "250ms" });
  const { call, calls } = manual();
  const policy = pipeline(limit);
  const running = [watch(execute(policy(call), "")), watch(execute(policy(call), ""))];
  await tick();
  limit.reconfigure({ limit: 1 });
  expect(limit.snapshot()).toMatchObject({ limit: 1, inUse: 2 });
  expect(planOf(limit)).toMatchObject({ kind: "gate", limit: 1 });
  calls[0]?.resolve("ok");
  await tick();
  // One of one is still taken by the call that began under the old limit.
  await expect(execute(policy(call), "")).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    retryAfterMs: 250,
    message: "the concurrency limit (1) is reached; try again in 250 ms",
  });
  limit.reconfigure({ limit: 2, retryAfter: "1s" });
  running.push(watch(execute(policy(call), "")));
  await expect(execute(policy(call), "")).rejects.toMatchObject({ retryAfterMs: 1_000 });
  for (const each of calls) each.resolve("ok");
  await tick();
  expect(running.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  expect(limit.snapshot()).toMatchObject({ limit: 2, inUse: 0, outliving: 0 });
});

test("a change that is refused changes nothing", () => {
  const limit = concurrencyLimit(2);
  expect(() => limit.reconfigure({ limit: 0 })).toThrow("concurrencyLimit.limit must be a whole number");
  expect(() => limit.reconfigure({ limit: 3, retryAfter: 5 as never })).toThrow(
    "concurrencyLimit.retryAfter",
  );
  expect(() => limit.reconfigure({ name: "x" } as never)).toThrow("concurrencyLimit.name is not an option");
  expect(limit.snapshot().limit).toBe(2);
});

test("wrong options are refused with their path and the fix", () => {
  for (const limit of [0, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => concurrencyLimit(limit)).toThrow(
      `concurrencyLimit.limit must be a whole number, at least 1; got ${limit}`,
    );
  }
  expect(() => concurrencyLimit("100" as never)).toThrow(
    'concurrencyLimit must be given a whole number, at least 1, or an object such as { limit: 100 }; got "100"',
  );
  expect(() => concurrencyLimit({ limit: "100" as never })).toThrow(
    'concurrencyLimit.limit must be a whole number, at least 1; got "100"',
  );
  expect(() => concurrencyLimit({ max: 3 } as never)).toThrow("concurrencyLimit.max is not an option");
  expect(() => concurrencyLimit({ limit: 1, retryAfter: 1_000 as never })).toThrow(
    "concurrencyLimit.retryAfter must be a duration",
  );
});
