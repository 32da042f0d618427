import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, ListeningContext, manual, silent, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  type Bulkhead,
  type BulkheadOptions,
  bulkhead,
  CallContext,
  circuitBreaker,
  deadline,
  execute,
  fixed,
  type Policy,
  type PolicyEvent,
  pipeline,
  retry,
} from "../index.ts";
import { planOf } from "../pipeline/plan.ts";

/** Each around the next. Not a pipeline, which refuses a timeout around a wait that may be longer. */
function within(...policies: readonly Policy[]): Policy {
  return (next) => policies.reduceRight((inner, policy) => policy(inner), next);
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const idle = { inUse: 0, outliving: 0, waiting: 0 };

/** A bulkhead of one slot whose slot is taken by `calls[0]`. */
async function busy(
  options: Partial<BulkheadOptions> = {},
): Promise<{ clock: VirtualClock; guard: Bulkhead; call: ReturnType<typeof manual>; events: PolicyEvent[] }> {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const guard = bulkhead({
    limit: 1,
    queue: { maxWaiting: 2, timeout: "1s" },
    onEvent: (event) => void events.push(event),
    ...options,
  });
  const call = manual();
  void watch(execute(guard(call.call), "first", { clock }));
  await clock.advance(0);
  return { clock, guard, call, events };
}

test("without a queue, whoever is over the limit is rejected at once", async () => {
  const guard = bulkhead(1);
  const { call, calls } = manual();
  const answer = watch(execute(guard(call), ""));
  await tick();
  await expect(execute(guard(call), "")).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
    message: "the limit of the bulkhead (1) is reached; try again in 1 s",
  });
  calls[0]?.resolve("ok");
  await tick();
  expect(answer.value).toBe("ok");
  expect(guard.snapshot()).toMatchObject({ ...idle, rejected: 1, rejectedBy: { limitReached: 1 } });
});

test("who is over the limit waits and is let in, in the order of coming, when a slot is given back", async () => {
  const { clock, guard, call, events } = await busy();
  const second = watch(execute(guard(call.call), "", { clock }));
  const third = watch(execute(guard(call.call), "", { clock }));
  await clock.advance(300);
  expect(guard.snapshot()).toMatchObject({ inUse: 1, waiting: 2, oldestWaitMs: 300 });
  expect(guard.utilisation()).toBe(3);
  call.calls[0]?.resolve("1");
  await clock.advance(100);
  expect([call.calls.length, guard.snapshot().inUse, guard.snapshot().waiting]).toEqual([2, 1, 1]);
  call.calls[1]?.reject(failure());
  await clock.advance(0);
  call.calls[2]?.resolve("3");
  await clock.advance(0);
  expect([second.status, third.value]).toEqual(["rejected", "3"]);
  expect(guard.snapshot()).toMatchObject({
    ...idle,
    rejected: 0,
    oldestWaitMs: 0,
    waits: { count: 2, meanMs: 350, maxMs: 400 },
  });
  expect(events).toEqual([
    { type: "queueLeft", name: undefined, policy: "bulkhead", waitedMs: 300, outcome: "admitted" },
    { type: "queueLeft", name: undefined, policy: "bulkhead", waitedMs: 400, outcome: "admitted" },
  ]);
  expect(clock.pending).toBe(0);
});

test("a full queue rejects at once and says when to come back", async () => {
  const { clock, guard, call, events } = await busy({ retryAfter: "2s", name: "toss" });
  void watch(execute(guard(call.call), "", { clock }));
  void watch(execute(guard(call.call), "", { clock }));
  await tick();
  await expect(execute(guard(call.call), "", { clock })).rejects.toMatchObject({
    code: "QUEUE_FULL",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 2_000,
    message: "the bulkhead of toss is full: 1 calls run and 2 wait; try again in 2 s",
  });
  expect(events).toEqual([
    { type: "queueRejected", name: "toss", code: "QUEUE_FULL", limit: 1, waiting: 2, retryAfterMs: 2_000 },
  ]);
});

test("a wait ends at the queue's timeout, not before, as a failure of its own that was never sent", async () => {
  const { clock, guard, call, events } = await busy();
  const answer = watch(execute(guard(call.call), "", { clock }));
  await clock.advance(999);
  expect(answer.status).toBe("waiting");
  await clock.advance(1);
  expect(answer.error).toMatchObject({
    code: "QUEUE_TIMEOUT",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
    message: "no slot of the bulkhead (1) was free within 1 s",
  });
  expect(guard.snapshot()).toMatchObject({ inUse: 1, waiting: 0, rejectedBy: { timedOut: 1 } });
  expect(events.map((event) => event.type)).toEqual(["queueRejected", "queueLeft"]);
  expect([call.calls.length, clock.pending]).toEqual([1, 0]);
});

test("T14: an aborted waiter settles at once and frees its place for the next one", async () => {
  const { clock, guard, call } = await busy();
  const controllers = [new AbortController(), new AbortController()];
  const waiters = controllers.map(({ signal }) => watch(execute(guard(call.call), "", { clock, signal })));
  await clock.advance(10);
  for (const controller of controllers) controller.abort();
  expect(guard.snapshot()).toMatchObject({ inUse: 1, waiting: 0, aborted: 2 });
  await clock.advance(0);
  for (const waiter of waiters) expect(waiter.error).toMatchObject({ code: "CALL_ABORTED", effect: "none" });
  const next = watch(execute(guard(call.call), "", { clock }));
  await clock.advance(0);
  expect([next.status, guard.snapshot().waiting]).toEqual(["waiting", 1]);
  call.calls[0]?.resolve("");
  await clock.advance(0);
  call.calls[1]?.resolve("mine");
  await clock.advance(0);
  expect([next.value, call.calls.length, clock.pending]).toEqual(["mine", 2, 0]);
  expect(guard.snapshot()).toMatchObject(idle);
});

test("T15: a newcomer in the very microtask of a hand-over neither overtakes nor pushes out the waiter", async () => {
  const { clock, guard, call } = await busy({ queue: { maxWaiting: 1 } });
  const waiter = watch(execute(guard(call.call), "waiter", { clock }));
  await tick();
  call.calls[0]?.resolve("");
  const newcomers = [];
  // At every microtask on the way from the end of the first call to the start of the second.
  for (let turn = 0; turn < 12; turn += 1) {
    newcomers.push(watch(execute(guard(call.call), "newcomer", { clock })));
    await Promise.resolve();
  }
  await tick();
  expect(call.calls).toHaveLength(2);
  call.calls[1]?.resolve("the waiter's");
  await tick();
  expect(waiter.value).toBe("the waiter's");
  expect(newcomers.filter(({ status }) => status === "rejected")).toHaveLength(11);
});

test("a call keeps its own async context when somebody else's end lets it in", async () => {
  const { clock, guard, call } = await busy();
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const reading = guard<string, string>(async () => {
    seen.push(storage.getStore());
    return "";
  });
  const waiting = storage.run("mine", () => execute(reading, "", { clock }));
  await tick();
  storage.run("theirs", () => call.calls[0]?.resolve(""));
  await waiting;
  expect(seen).toEqual(["mine"]);
});

test.each([
  ["a timeout outside", (guard: Bulkhead) => within(attemptTimeout("500ms"), guard), "ATTEMPT_TIMEOUT"],
  ["a deadline", (guard: Bulkhead) => pipeline(deadline("500ms"), guard), "DEADLINE_EXCEEDED"],
])("%s ends a wait with effect none, and nothing is called", async (_, build, code) => {
  const { clock, guard, call } = await busy();
  const answer = watch(execute(build(guard)(call.call), "", { clock }));
  await clock.advance(500);
  expect(answer.error).toMatchObject({ code, effect: "none" });
  expect([call.calls.length, clock.pending]).toEqual([1, 0]);
  expect(guard.snapshot()).toMatchObject({ inUse: 1, waiting: 0, aborted: 1 });
});

test("a deadline that came with the context ends the wait, also without a deadline policy", async () => {
  const { clock, guard, call } = await busy();
  const context = new CallContext({ clock, deadlineAtMs: 300 });
  const answer = watch(guard(call.call)("", context));
  await clock.advance(299);
  expect(answer.status).toBe("waiting");
  await clock.advance(1);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "none", kind: "rejected" });
  const late = guard(call.call)("", new CallContext({ clock, deadlineAtMs: 300 }));
  await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", kind: "rejected" });
  expect(guard.snapshot().rejectedBy.pastDeadline).toBe(2);
});

test("T8: time that runs out in our own queue does not speak against the other side", async () => {
  for (const outer of [deadline("500ms"), attemptTimeout("500ms")]) {
    const { clock, guard, call } = await busy();
    const breaker = circuitBreaker({ clock, minimumCalls: 1, probes: 1 });
    void watch(execute(within(outer, breaker, guard)(call.call), "", { clock }));
    await clock.advance(500);
    expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 0 });
  }
});

test("while a call waits its effect is none, and open again once it is made", async () => {
  const { clock, guard, call } = await busy();
  const context = new CallContext({ clock });
  void watch(guard(silent)("", context));
  expect(context.effect).toBe("none");
  call.calls[0]?.resolve("");
  await tick();
  expect(context.effect).toBe("unknown");
});

test("what a call recorded before it waited stays, and a transport inside can still say none", async () => {
  const { clock, guard, call } = await busy();
  const context = new CallContext({ clock });
  context.record("unknown");
  void watch(guard(silent)("", context));
  expect(context.effect).toBe("unknown");
  const other = new CallContext({ clock });
  void watch(
    pipeline(
      guard,
      attemptTimeout("9s"),
    )<string, string>((_, part) => {
      part.record("none");
      return new Promise(() => {});
    })("", other),
  );
  context.abort(failure({ kind: "aborted" }));
  call.calls[0]?.resolve("");
  await tick();
  expect(other.effect).toBe("none");
});

test("an abort between the hand-over and the call gives the slot on, and nothing is called", async () => {
  const { clock, guard, call } = await busy();
  const context = new CallContext({ clock });
  const answer = watch(guard(call.call)("", context));
  const reason = failure({ kind: "aborted" });
  call.calls[0]?.resolve("");
  for (let turn = 0; turn < 20 && guard.snapshot().waiting > 0; turn += 1) await Promise.resolve();
  expect(guard.snapshot()).toMatchObject({ inUse: 1, waiting: 0 });
  expect([call.calls.length, context.effect]).toEqual([1, "none"]);
  context.abort(reason);
  await tick();
  expect(answer.error).toBe(reason);
  expect(call.calls).toHaveLength(1);
  expect(guard.snapshot()).toMatchObject(idle);
});

test("T13: no more calls than slots truly run although timeouts answer their callers, and the rest is counted", async () => {
  for (const order of ["inside", "outside"]) {
    const clock = new VirtualClock();
    const guard = bulkhead({ limit: 2, queue: { maxWaiting: 2, timeout: "10s" } });
    const { call, calls } = manual();
    const guarded =
      order === "inside"
        ? pipeline(guard, attemptTimeout("1s"))(call)
        : within(attemptTimeout("1s"), guard)(call);
    for (let second = 0; second < 5; second += 1) {
      for (let index = 0; index < 3; index += 1) void watch(execute(guarded, "", { clock }));
      await clock.advance(1_000);
    }
    expect(calls).toHaveLength(2);
    expect(guard.snapshot()).toMatchObject({ inUse: 2 });
    calls[0]?.resolve("late");
    calls[1]?.reject(new Error("late"));
    for (let round = 0; round < 20; round += 1) {
      await clock.advance(1_000);
      for (const each of calls) each.resolve("");
    }
    await clock.advance(0);
    expect(guard.snapshot()).toMatchObject(idle);
    expect(clock.pending).toBe(0);
  }
});

test("a slot that is held by abandoned work only is told apart, and goes to the waiter when that work ends", async () => {
  const clock = new VirtualClock();
  const guard = bulkhead({ limit: 1, queue: { maxWaiting: 1, timeout: "5s" } });
  const { call, calls } = manual();
  const guarded = pipeline(guard, attemptTimeout("1s"))(call);
  void watch(execute(guarded, "", { clock }));
  const second = watch(execute(guarded, "", { clock }));
  await clock.advance(1_500);
  expect(guard.snapshot()).toMatchObject({ inUse: 1, outliving: 1, waiting: 1 });
  calls[0]?.resolve("late");
  await clock.advance(0);
  expect(guard.snapshot()).toMatchObject({ inUse: 1, outliving: 0, waiting: 0 });
  calls[1]?.resolve("ok");
  await clock.advance(0);
  expect([second.value, guard.snapshot().inUse]).toEqual(["ok", 0]);
});

test("T26: a slot is free again however its call ends, and the waiter behind it is let in", async () => {
  const guard = bulkhead({ limit: 1, queue: { maxWaiting: 10 } });
  const ends = [
    async () => "ok",
    async () => Promise.reject(failure()),
    () => {
      throw failure();
    },
    () => "a plain value" as never,
    () => undefined as never,
    // biome-ignore lint/suspicious/noThenProperty: a foreign thenable is what is tested.
    () => ({ then: (resolve: (value: string) => void) => resolve("thenable") }) as never,
  ];
  const all = ends.map((end) => execute(guard(end), ""));
  const settled = await Promise.allSettled(all);
  expect(settled.map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]);
  expect(guard.snapshot()).toMatchObject({ ...idle, rejected: 0, waits: { count: 5 } });
});

test("T27: a higher limit lets in who waits at once, a lower one waits until enough have ended", async () => {
  const { clock, guard, call } = await busy({ queue: { maxWaiting: 10, timeout: "1m" } });
  for (let index = 0; index < 5; index += 1) void watch(execute(guard(call.call), "", { clock }));
  await tick();
  guard.reconfigure({ limit: 4 });
  await tick();
  expect([call.calls.length, guard.snapshot().inUse, guard.snapshot().waiting]).toEqual([4, 4, 2]);
  expect(planOf(guard)).toMatchObject({ kind: "bulkhead", limit: 4, maxWaiting: 10 });
  guard.reconfigure({ limit: 2, queue: { maxWaiting: 1, timeout: "2m" } });
  expect(planOf(guard)).toMatchObject({ limit: 2, maxWaiting: 1, queueTimeoutMs: 120_000 });
  await expect(execute(guard(call.call), "", { clock })).rejects.toMatchObject({ code: "QUEUE_FULL" });
  for (const index of [0, 1]) {
    call.calls[index]?.resolve("");
    await tick();
    expect(call.calls).toHaveLength(4);
  }
  expect(guard.snapshot()).toMatchObject({ limit: 2, inUse: 2, waiting: 2 });
  call.calls[2]?.resolve("");
  await tick();
  expect([call.calls.length, guard.snapshot().inUse]).toEqual([5, 2]);
  for (const index of [3, 4]) call.calls[index]?.resolve("");
  await tick();
  call.calls[5]?.resolve("");
  await tick();
  expect(guard.snapshot()).toMatchObject({ ...idle, limit: 2 });
});

test("a wrong change changes nothing", () => {
  const guard = bulkhead({ limit: 2, queue: { maxWaiting: 3 } });
  expect(() => guard.reconfigure({ limit: 0 })).toThrow("bulkhead.limit must be a whole number, at least 1");
  expect(() => guard.reconfigure({ limits: 3 } as never)).toThrow('did you mean "limit"?');
  expect(() => guard.reconfigure({ limit: 9, queue: { maxWaiting: 0 } })).toThrow(
    "bulkhead.queue.maxWaiting",
  );
  expect(() => guard.reconfigure({ queue: { order: "lifo" } as never })).toThrow(
    "bulkhead.queue.order is not",
  );
  expect(() => bulkhead(1).reconfigure({ queue: { maxWaiting: 1 } })).toThrow("made without a queue");
  expect(guard.snapshot()).toMatchObject({ limit: 2, maxWaiting: 3 });
});

test("T17, T18: ten thousand waits on one long-lived signal leave no listener, no timer and no stray rejection", async () => {
  const stray: unknown[] = [];
  const onStray = (reason: unknown): void => void stray.push(reason);
  process.on("unhandledRejection", onStray);
  const clock = new VirtualClock();
  const guard = bulkhead({ limit: 1, queue: { maxWaiting: 100, timeout: "1s" } });
  const { signal } = new AbortController();
  const context = new ListeningContext({ clock });
  for (let round = 0; round < 100; round += 1) {
    await Promise.all(Array.from({ length: 100 }, () => execute(guard(echo), "", { clock, signal })));
  }
  const held = watch(guard(silent)("", context));
  const waits = Array.from({ length: 20 }, () => watch(guard(echo)("", context)));
  await clock.advance(1_000);
  expect(waits.every(({ status }) => status === "rejected")).toBe(true);
  context.abort(failure({ kind: "aborted" }));
  await tick();
  expect(held.status).toBe("rejected");
  process.off("unhandledRejection", onStray);
  expect([stray, getEventListeners(signal, "abort").length, context.listeners]).toEqual([[], 0, 1]);
  expect([clock.pending, guard.snapshot().waits.count]).toEqual([0, 9_900]);
  expect(guard.snapshot()).toMatchObject(idle);
});

test("T23: the wall clock may jump, waits do not notice", async () => {
  const { clock, guard, call } = await busy();
  const answer = watch(execute(guard(call.call), "", { clock }));
  clock.jumpWall(-3_600_000);
  await clock.advance(999);
  expect(answer.status).toBe("waiting");
  await clock.advance(1);
  expect(answer.error).toMatchObject({ code: "QUEUE_TIMEOUT" });
});

test("a rejection is not retried by a retry around the bulkhead", async () => {
  const { clock, guard, call } = await busy({ queue: { maxWaiting: 1 } });
  void watch(execute(guard(call.call), "", { clock }));
  const policy = pipeline(retry({ backoff: fixed("1s"), jitter: "none" }), guard);
  await expect(execute(policy(call.call), "", { clock, idempotent: true })).rejects.toMatchObject({
    code: "QUEUE_FULL",
  });
  expect(guard.snapshot().rejected).toBe(1);
});

test("a listener that throws, or that changes the limit while it is told, breaks nothing", async () => {
  const clock = new VirtualClock();
  const guard: Bulkhead = bulkhead({
    limit: 1,
    queue: { maxWaiting: 1, priorities: { levels: 2, of: (input) => Number(input) } },
    onEvent(event) {
      if (event.type === "queueRejected") guard.reconfigure({ limit: 2 });
      throw new Error("listener");
    },
  });
  const { call, calls } = manual();
  void watch(execute(guard(call), "0", { clock }));
  const low = watch(execute(guard(call), "0", { clock }));
  const high = watch(execute(guard(call), "1", { clock }));
  await tick();
  expect(low.error).toMatchObject({ code: "QUEUE_FULL" });
  expect([calls.length, guard.snapshot().waiting, clock.pending]).toEqual([2, 0, 0]);
  calls[1]?.resolve("ok");
  calls[0]?.resolve("ok");
  await tick();
  expect(high.value).toBe("ok");
  expect(guard.snapshot()).toMatchObject(idle);
});

test("what rejections tell the caller to wait can be changed, and is kept by other changes", async () => {
  const { guard } = await busy({ queue: undefined, retryAfter: "9s" });
  const rejected = (): Promise<unknown> => execute(guard(echo), "").catch((error: unknown) => error);
  guard.reconfigure({ retryAfter: "250ms" });
  expect(await rejected()).toMatchObject({ retryAfterMs: 250 });
  guard.reconfigure({ limit: 1 });
  expect(await rejected()).toMatchObject({ retryAfterMs: 250 });
  guard.reconfigure({ retryAfter: undefined });
  expect(await rejected()).toMatchObject({ retryAfterMs: 1_000 });
});
