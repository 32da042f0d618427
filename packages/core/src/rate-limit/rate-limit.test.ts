import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, ListeningContext, manual, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  bulkhead,
  CallContext,
  circuitBreaker,
  deadline,
  execute,
  type PolicyEvent,
  pipeline,
  type RateLimit,
  type RateLimitOptions,
  rateLimit,
} from "../index.ts";
import { planOf } from "../pipeline/plan.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function limited(options: Partial<RateLimitOptions> = {}): {
  clock: VirtualClock;
  limit: RateLimit;
  events: PolicyEvent[];
  send: (input?: string) => Promise<string>;
} {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const limit = rateLimit({
    permits: 2,
    per: "1s",
    clock,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return { clock, limit, events, send: (input = "") => execute(limit(echo), input, { clock }) };
}

test("after the burst a call is rejected, and let through exactly when the rejection said", async () => {
  const { clock, limit, events, send } = limited({ name: "toss" });
  await send();
  await send();
  await clock.advance(100);
  await expect(send()).rejects.toMatchObject({
    code: "RATE_LIMITED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 400,
    message: "the rate limit of toss is used up; try again in 400 ms",
  });
  await clock.advance(399.999);
  await expect(send()).rejects.toMatchObject({ code: "RATE_LIMITED" });
  await clock.advance(0.001);
  await send();
  expect(limit.snapshot()).toEqual({
    kind: "rateLimit",
    name: "toss",
    permits: 2,
    perMs: 1_000,
    burst: 2,
    available: 0,
    pausedForMs: 0,
    waiting: 0,
    spent: 3,
    refunded: 0,
    rejected: 2,
    aborted: 0,
  });
  expect(events[0]).toEqual({ type: "rateLimited", name: "toss", code: "RATE_LIMITED", retryAfterMs: 400 });
  await clock.advance(10_000);
  expect(limit.snapshot().available).toBe(2);
});

test("with a burst of 1 calls are spaced evenly", async () => {
  const { clock, send } = limited({ permits: 4, burst: 1 });
  const passed: number[] = [];
  for (let ms = 0; ms < 1_000; ms += 50) {
    await send().then(
      () => passed.push(ms),
      () => {},
    );
    await clock.advance(50);
  }
  expect(passed).toEqual([0, 250, 500, 750]);
});

test("a limit that rejects is a gate, and one that waits says how long it may take", () => {
  expect(planOf(limited({ name: "x" }).limit)).toMatchObject({
    kind: "gate",
    policy: "rateLimit",
    name: "x",
  });
  expect(planOf(limited({ mode: "wait", maxWait: "3s" }).limit)).toMatchObject({
    kind: "rateLimit",
    rate: { permits: 2, perMs: 1_000, burst: 2 },
    maxWaitMs: 3_000,
  });
});

test("who waits is let through in turn, exactly on time, by one timer for all", async () => {
  const { clock, limit, events, send } = limited({ mode: "wait", maxWait: "5s" });
  const answers = ["a", "b", "c", "d", "e"].map((input) => watch(send(input)));
  await clock.advance(0);
  expect(answers.map(({ status }) => status === "fulfilled")).toEqual([true, true, false, false, false]);
  expect([limit.snapshot().waiting, clock.pending]).toEqual([3, 1]);
  for (const index of [2, 3, 4]) {
    await clock.advance(499);
    expect(answers[index]?.status).toBe("waiting");
    await clock.advance(1);
    expect(answers[index]?.status).toBe("fulfilled");
  }
  expect([limit.snapshot().waiting, clock.pending]).toEqual([0, 0]);
  expect(events.map((event) => event.type === "queueLeft" && [event.waitedMs, event.outcome])).toEqual([
    [500, "admitted"],
    [1_000, "admitted"],
    [1_500, "admitted"],
  ]);
});

test("who would wait too long, or past its deadline, is told at once with the exact time", async () => {
  const { clock, limit, send } = limited({ mode: "wait", maxWait: "1s" });
  const waits = [send(), send(), send(), send()].map(watch);
  await tick();
  await expect(send()).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 1_500 });
  const soon = new CallContext({ clock, deadlineAtMs: 1_500 });
  await expect(limit(echo)("", soon)).rejects.toMatchObject({
    code: "WAIT_PAST_DEADLINE",
    kind: "rejected",
    effect: "none",
    retryAfterMs: 1_500,
  });
  await clock.advance(1_000);
  expect(waits.every(({ status }) => status === "fulfilled")).toBe(true);
  const justInTime = watch(limit(echo)("", new CallContext({ clock, deadlineAtMs: 1_501 })));
  await clock.advance(500);
  expect(justInTime.status).toBe("fulfilled");
});

test("a full line rejects at once and says when its first one leaves", async () => {
  const { clock, send } = limited({ mode: "wait", maxWait: "1m", maxWaiting: 1 });
  void send();
  void send();
  void watch(send());
  await clock.advance(100);
  await expect(send()).rejects.toMatchObject({ code: "QUEUE_FULL", retryAfterMs: 400 });
});

test("a newcomer does not overtake who waits, also when it needs less", async () => {
  const { clock, limit, send } = limited({
    permits: 10,
    burst: 10,
    mode: "wait",
    maxWait: "10s",
    cost: (input) => Number(input),
  });
  await send("10");
  const order: string[] = [];
  for (const cost of ["5", "1"]) void send(cost).then((answer) => order.push(answer));
  await clock.advance(499);
  expect(order).toEqual([]);
  await clock.advance(1);
  expect(order).toEqual(["5"]);
  await clock.advance(100);
  expect(order).toEqual(["5", "1"]);
  expect(limit.snapshot()).toMatchObject({ spent: 16, waiting: 0 });
});

test("T14: an aborted waiter frees its place at once, and who is behind it moves forward", async () => {
  const { clock, limit, send } = limited({ mode: "wait", maxWait: "2s", maxWaiting: 2 });
  await send();
  await send();
  const contexts = [new ListeningContext({ clock }), new ListeningContext({ clock })];
  const waits = contexts.map((context) => watch(limit(echo)("", context)));
  expect(contexts.map(({ effect }) => effect)).toEqual(["none", "none"]);
  contexts[0]?.abort(failure({ code: "CALL_ABORTED", kind: "aborted" }));
  await tick();
  expect(waits[0]?.error).toMatchObject({ code: "CALL_ABORTED" });
  expect(limit.snapshot()).toMatchObject({ waiting: 1, aborted: 1, spent: 2 });
  await clock.advance(500);
  expect(waits[1]?.status).toBe("fulfilled");
  expect([clock.pending, contexts[0]?.listeners, contexts[1]?.listeners]).toEqual([0, 0, 0]);
});

test("time that runs out in our own line does not speak against the other side", async () => {
  for (const outer of [deadline("300ms"), attemptTimeout("300ms")]) {
    const { clock, limit } = limited({ mode: "wait", maxWait: "10s", burst: 1 });
    const breaker = circuitBreaker({ clock, minimumCalls: 1 });
    await execute(limit(echo), "", { clock });
    limit.reconfigure({ maxWait: "20s" });
    const context = new CallContext({ clock });
    // Not a pipeline, which refuses a timeout around so long a wait.
    const answer = watch(outer(breaker(limit(echo)))("", context));
    await clock.advance(300);
    expect(answer.error).toMatchObject({ effect: "none" });
    expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 0 });
    expect([limit.snapshot().waiting, clock.pending]).toEqual([0, 0]);
  }
});

test("a call that a policy inside turned away gives its permit back", async () => {
  const { clock, limit } = limited();
  const guard = bulkhead(1);
  const { call, calls } = manual();
  const guarded = pipeline(limit, guard)(call);
  const first = watch(execute(guarded, "", { clock }));
  for (let round = 0; round < 20; round += 1) {
    await expect(execute(guarded, "", { clock })).rejects.toMatchObject({ code: "LIMIT_REACHED" });
  }
  expect(limit.snapshot()).toMatchObject({ spent: 21, refunded: 20, available: 1 });
  calls[0]?.reject(failure({ kind: "failed", effect: "none" }));
  await tick();
  expect(first.status).toBe("rejected");
  expect(limit.snapshot()).toMatchObject({ refunded: 20, available: 1 });
});

test("a call that was aborted or rejected after it may have been sent has used its permit, and pauses nobody", async () => {
  for (const kind of ["aborted", "rejected"] as const) {
    const { clock, limit } = limited();
    const sent = failure({ kind, effect: "unknown", retryAfterMs: 5_000 });
    await expect(
      execute(
        limit(() => Promise.reject(sent)),
        "",
        { clock },
      ),
    ).rejects.toBe(sent);
    expect(limit.snapshot()).toMatchObject({ available: 1, refunded: 0, pausedForMs: 0 });
  }
});

test("T18, T26: whatever a call gives back or throws passes through, and no rejection goes astray", async () => {
  const stray: unknown[] = [];
  const onStray = (reason: unknown): void => void stray.push(reason);
  process.on("unhandledRejection", onStray);
  for (const mode of ["reject", "wait"] as const) {
    const { clock, limit } = limited({ permits: 10, mode });
    const thrown = failure();
    const throwing = limit(() => {
      throw thrown;
    });
    await expect(execute(throwing, "", { clock })).rejects.toBe(thrown);
    expect(
      await execute(
        limit(() => "plain" as never),
        "",
        { clock },
      ),
    ).toBe("plain");
    expect(
      await execute(
        limit(() => undefined as never),
        "",
        { clock },
      ),
    ).toBeUndefined();
  }
  await tick();
  process.off("unhandledRejection", onStray);
  expect(stray).toEqual([]);
});

test("in a pipeline with other gates a limit counts, refunds and pauses as it does alone", async () => {
  const clock = new VirtualClock();
  const limit = rateLimit({ permits: 2, per: "1s", clock });
  const breaker = circuitBreaker({ clock, minimumCalls: 1, failureRatio: 1 });
  const { call, calls } = manual();
  const guarded = pipeline(limit, breaker)(call);
  void watch(execute(guarded, "", { clock }));
  await clock.advance(0);
  calls[0]?.reject(failure({ kind: "failed", effect: "unknown" }));
  await clock.advance(0);
  await expect(execute(guarded, "", { clock })).rejects.toMatchObject({ code: "BREAKER_OPEN" });
  expect(limit.snapshot()).toMatchObject({ available: 1, spent: 2, refunded: 1, pausedForMs: 0 });
});

test("an abort between the hand-over and the call gives the permit back, and nothing is called", async () => {
  const clock = new VirtualClock();
  const context = new CallContext({ clock });
  const reason = failure({ kind: "aborted" });
  const limit = rateLimit({
    permits: 2,
    per: "1s",
    burst: 1,
    mode: "wait",
    clock,
    onEvent: (event) => event.type === "queueLeft" && context.abort(reason),
  });
  await execute(limit(echo), "", { clock });
  const { call, calls } = manual();
  const answer = watch(limit(call)("", context));
  await clock.advance(500);
  expect(answer.error).toBe(reason);
  expect(calls).toHaveLength(0);
  expect(limit.snapshot()).toMatchObject({ spent: 2, refunded: 1, available: 1 });
});

test("an answer with Retry-After pauses everybody until then, and lets one call through at first", async () => {
  const { clock, limit, events } = limited({ permits: 10 });
  const throttled = failure({ kind: "failed", effect: "none", retryAfterMs: 3_000 });
  await expect(
    execute(
      limit(() => Promise.reject(throttled)),
      "",
      { clock },
    ),
  ).rejects.toBe(throttled);
  expect(events).toEqual([{ type: "ratePaused", name: undefined, pauseMs: 3_000 }]);
  expect(limit.snapshot()).toMatchObject({ available: 0, pausedForMs: 3_000 });
  await clock.advance(2_999);
  await expect(execute(limit(echo), "", { clock })).rejects.toMatchObject({
    retryAfterMs: 1,
    message: "the rate limit is paused; try again in 1 ms",
  });
  await clock.advance(1);
  await execute(limit(echo), "", { clock });
  await expect(execute(limit(echo), "", { clock })).rejects.toMatchObject({ retryAfterMs: 100 });
});

test("a refusal with Retry-After pauses as well, our own rejections never, and a pause has a longest time", async () => {
  const { clock, limit } = limited({ maxPause: "2s" });
  const answer = (init: Parameters<typeof failure>[0]) => () => Promise.reject(failure(init));
  const ours = answer({ kind: "rejected", retryAfterMs: 9_000 });
  await expect(execute(limit(ours), "", { clock })).rejects.toThrow();
  expect(limit.snapshot().pausedForMs).toBe(0);
  await expect(
    execute(limit(answer({ kind: "refused", retryAfterMs: 9_000 })), "", { clock }),
  ).rejects.toThrow();
  expect(limit.snapshot().pausedForMs).toBe(2_000);
  const deafened = limited({ obeyRetryAfter: false });
  const failing = deafened.limit(answer({ kind: "failed", retryAfterMs: 9_000 }));
  await expect(execute(failing, "", { clock: deafened.clock })).rejects.toThrow();
  expect(deafened.limit.snapshot().pausedForMs).toBe(0);
});

test("drain tells those who would now wait too long at once, keeps the others, and never shortens a pause", async () => {
  const { clock, limit, send } = limited({ mode: "wait", maxWait: "2s", burst: 1 });
  await send();
  const context = new CallContext({ clock, deadlineAtMs: 1_200 });
  const hurried = watch(limit(echo)("", context));
  const patient = watch(send());
  const later = watch(send());
  limit.drain(clock.now() + 1_300);
  await clock.advance(0);
  expect(hurried.error).toMatchObject({ code: "WAIT_PAST_DEADLINE", retryAfterMs: 1_300 });
  expect([patient.status, later.status]).toEqual(["waiting", "waiting"]);
  limit.drain(clock.now() + 100);
  expect(limit.snapshot().pausedForMs).toBe(1_300);
  await clock.advance(1_299);
  expect(patient.status).toBe("waiting");
  await clock.advance(1);
  expect([patient.status, later.status]).toEqual(["fulfilled", "waiting"]);
  await clock.advance(500);
  expect([later.status, clock.pending]).toEqual(["fulfilled", 0]);
  expect(() => limit.drain(Number.NaN)).toThrow("rateLimit.drain needs an instant");
});

test("T27: a new rate keeps the permits that are there and who waits", async () => {
  const { clock, limit, send } = limited({ mode: "wait", maxWait: "10s", permits: 10, burst: 10 });
  for (let index = 0; index < 10; index += 1) await send();
  const waiting = watch(send());
  await clock.advance(50);
  limit.reconfigure({ permits: 1, burst: 1 });
  expect(limit.snapshot()).toMatchObject({ permits: 1, burst: 1, available: 0.5, waiting: 1 });
  await clock.advance(499);
  expect(waiting.status).toBe("waiting");
  await clock.advance(1);
  expect(waiting.status).toBe("fulfilled");
  const second = watch(send());
  limit.reconfigure({ permits: 1_000, per: "1s" });
  await clock.advance(1);
  expect([second.status, clock.pending]).toEqual(["fulfilled", 0]);
  expect(() => limit.reconfigure({ permits: 0 })).toThrow("rateLimit.permits must be a whole number");
  expect(() => limit.reconfigure({ mode: "reject" } as never)).toThrow("rateLimit.mode is not an option");
  expect(limit.snapshot().permits).toBe(1_000);
});

test("a waiter whose cost no longer fits into the burst is told that it never will", async () => {
  const { clock, limit, send } = limited({ mode: "wait", maxWait: "10s", permits: 5, cost: () => 5 });
  await send();
  const waiting = watch(send());
  limit.reconfigure({ burst: 2 });
  await clock.advance(0);
  expect(waiting.error).toMatchObject({ code: "RATE_LIMITED", transient: false, retryAfterMs: undefined });
});

test("T23: the wall clock may jump, the rate does not notice", async () => {
  const { clock, send } = limited({ burst: 1 });
  await send();
  clock.jumpWall(-3_600_000);
  await clock.advance(500);
  await send();
  clock.jumpWall(3_600_000);
  await expect(send()).rejects.toMatchObject({ retryAfterMs: 500 });
});

test("a cost that there can never be is the caller's mistake, and takes nothing", async () => {
  const { limit, send } = limited({
    cost: (input) => JSON.parse(String(input)),
  });
  await expect(send("3")).rejects.toThrow(
    "rateLimit.cost(input) must be a whole number, between 0 and 2; got 3",
  );
  await expect(send("null")).rejects.toThrow("got null");
  await expect(send("x")).rejects.toBeInstanceOf(SyntaxError);
  await expect(send("-1")).rejects.toBeInstanceOf(RangeError);
  await send("0");
  expect(limit.snapshot()).toMatchObject({ available: 2, rejected: 0 });
});

test("wrong options are refused with their path and the fix", () => {
  const good = { permits: 1, per: "1s" } as const;
  expect(() => rateLimit({ ...good, permits: 0 })).toThrow(
    "rateLimit.permits must be a whole number, at least 1",
  );
  expect(() => rateLimit({ ...good, per: 1 as never })).toThrow("rateLimit.per must be a duration");
  expect(() => rateLimit({ ...good, burst: 1.5 })).toThrow("rateLimit.burst must be a whole number");
  expect(() => rateLimit({ ...good, mode: "block" as never })).toThrow(
    'rateLimit.mode must be one of "reject"',
  );
  expect(() => rateLimit({ ...good, maxWait: "1s" })).toThrow('counts only with the mode "wait"');
  expect(() => rateLimit({ ...good, maxWaiting: 1 })).toThrow('counts only with the mode "wait"');
  expect(() => rateLimit({ ...good, cost: 2 as never })).toThrow("rateLimit.cost must be a function");
  expect(() => rateLimit({ ...good, obeyRetryAfter: 1 as never })).toThrow("must be true or false; got 1");
  expect(() => rateLimit({ ...good, obeyRetryAfter: false, maxPause: "1s" })).toThrow("leave one out");
  expect(() => rateLimit({ ...good, maxPauses: "1s" } as never)).toThrow('did you mean "maxPause"?');
  expect(() => rateLimit({ ...good, clock: {} as never })).toThrow("rateLimit.clock.now must be a function");
  expect(() => rateLimit(undefined as never)).toThrow("rateLimit must be an object");
});

test("whether and for how long answers pause everybody can be changed live", async () => {
  const { clock, limit } = limited({ permits: 100, burst: 100, obeyRetryAfter: false });
  const wait = limit(() => Promise.reject(failure({ retryAfterMs: 60_000 })));
  const pausedForMs = async (): Promise<number> => {
    await execute(wait, "", { clock }).catch(() => {});
    return limit.snapshot().pausedForMs;
  };
  expect(await pausedForMs()).toBe(0);
  limit.reconfigure({ obeyRetryAfter: true, maxPause: "2s" });
  expect(await pausedForMs()).toBe(2_000);
  await clock.advance(2_000);
  limit.reconfigure({ maxPause: undefined });
  expect(await pausedForMs()).toBe(60_000);
  expect(() => limit.reconfigure({ obeyRetryAfter: false, maxPause: "1s" })).toThrow("leave one out");
});
