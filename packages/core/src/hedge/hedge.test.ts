import { getEventListeners } from "node:events";
import { VirtualClock } from "@outrigger/lab";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deaf, echo, failure, ListeningContext, manual, silent, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  hedge,
  loadBudget,
  type PolicyEvent,
  pipeline,
  planOf,
  retry,
} from "../index.ts";

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => {
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

const free = (): ReturnType<typeof loadBudget> => loadBudget({ ratio: 1, minPerSecond: 1_000 });
const idempotent = true;

test("the first call is given its time; then a second one is sent, and the faster answer is taken", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): void => void events.push(event);
  const policy = hedge({ delay: "100ms", budget: free(), name: "map", onEvent });
  const { call, calls } = manual();
  const answer = watch(execute(policy(call), "", { clock, idempotent }));
  await clock.advance(99);
  expect(calls).toHaveLength(1);
  await clock.advance(1);
  expect(calls).toHaveLength(2);
  calls[1]?.resolve("second");
  await clock.advance(0);
  expect(answer).toMatchObject({ status: "fulfilled", value: "second" });
  expect(calls[0]?.context.abortReason).toMatchObject({ code: "HEDGE_LOST", kind: "aborted" });
  expect(calls[1]?.context.abortReason).toBeUndefined();
  expect(events).toEqual([
    { type: "hedgeStarted", name: "map", hedge: 1, afterMs: 100 },
    { type: "hedgeWon", name: "map", hedge: 1 },
  ]);
  expect(policy.snapshot()).toEqual({
    kind: "hedge",
    name: "map",
    maxHedges: 1,
    delayMs: 100,
    calls: 1,
    started: 1,
    refused: 0,
    won: 1,
  });
  expect(clock.pending).toBe(0);
});

test("a call that answers in time is not doubled, and leaves no timer and no listener", async () => {
  const clock = new VirtualClock();
  const budget = free();
  const context = new ListeningContext({ clock, idempotent });
  const { call, calls } = manual();
  const answer = watch(hedge({ delay: "100ms", budget })(call)("", context));
  await clock.advance(50);
  expect([context.listeners, clock.pending]).toEqual([1, 1]);
  calls[0]?.resolve("first");
  await clock.advance(0);
  expect([answer.value, context.listeners, clock.pending]).toEqual(["first", 0, 0]);
  await clock.advance(1_000);
  expect([calls.length, budget.snapshot().reserved]).toEqual([1, 0]);
});

test("a call that is not idempotent passes through untouched", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget().operation("x");
  const { call, calls } = manual();
  const context = new ListeningContext({ clock });
  void watch(hedge({ delay: "1ms", budget, maxHedges: 5 })(call)("", context));
  await clock.advance(10_000);
  expect(calls).toHaveLength(1);
  expect(calls[0]?.context).toBe(context);
  expect([context.listeners, clock.pending]).toEqual([0, 0]);
});

test("hedges follow each other by the delay, as in gRPC's example: at 0, 500, 1000 and 1500 ms", async () => {
  const clock = new VirtualClock();
  const startedAtMs: number[] = [];
  const call = hedge({ delay: "500ms", maxHedges: 3, budget: free() })(() => {
    startedAtMs.push(clock.now());
    return new Promise<string>(() => {});
  });
  void watch(execute(call, "", { clock, idempotent }));
  await clock.advance(10_000);
  expect(startedAtMs).toEqual([0, 500, 1_000, 1_500]);
  expect(clock.pending).toBe(0);
});

test("a hedge that the budget refuses is not sent, and the result of the call that is out still surfaces", async () => {
  for (const end of ["ok", "failed"] as const) {
    const clock = new VirtualClock();
    const events: PolicyEvent[] = [];
    // The floor of one is used up by this call's first hedge.
    const budget = loadBudget({ ratio: 0, minPerSecond: 1, window: "1s" });
    const policy = hedge({
      delay: "10ms",
      maxHedges: 5,
      budget,
      onEvent: (event) => void events.push(event),
    });
    const { call, calls } = manual();
    const answer = watch(execute(policy(call), "", { clock, idempotent }));
    await clock.advance(500);
    expect(calls).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: "hedgeRefused", hedge: 2, why: "budgetExhausted" });
    calls[1]?.reject(failure());
    await clock.advance(0);
    expect(answer.status).toBe("waiting");
    const last = failure({ code: "LAST" });
    if (end === "ok") calls[0]?.resolve("late but there");
    else calls[0]?.reject(last);
    await clock.advance(0);
    expect(end === "ok" ? answer.value : answer.error).toBe(end === "ok" ? "late but there" : last);
    expect(policy.snapshot()).toMatchObject({ started: 1, refused: 1 });
  }
});

test("a failure before the hedge is due ends the call at once; trying again is the retry's work", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const answer = watch(execute(hedge({ delay: "1s", budget: free() })(call), "", { clock, idempotent }));
  await clock.advance(10);
  const error = failure();
  calls[0]?.reject(error);
  await clock.advance(0);
  expect([answer.error, clock.pending]).toEqual([error, 0]);
  await clock.advance(10_000);
  expect(calls).toHaveLength(1);
});

test("when all fail, the last failure is thrown with the worst effect of all", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const answer = watch(execute(hedge({ delay: "1s", budget: free() })(call), "", { clock, idempotent }));
  await clock.advance(1_000);
  calls[0]?.reject(failure({ effect: "unknown" }));
  await clock.advance(0);
  const last = failure({ code: "CONNECT_REFUSED", effect: "none" });
  calls[1]?.reject(last);
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CONNECT_REFUSED", effect: "unknown", cause: last });
});

test("a failure of the other side is not covered up by our own rejection of a hedge", async () => {
  const clock = new VirtualClock();
  const budget = free();
  const { call, calls } = manual();
  const answer = watch(execute(hedge({ delay: "1s", budget })(call), "", { clock, idempotent }));
  await clock.advance(1_000);
  const real = failure({ effect: "unknown" });
  calls[0]?.reject(real);
  await clock.advance(0);
  calls[1]?.reject(failure({ kind: "rejected", code: "BREAKER_OPEN" }));
  await clock.advance(0);
  expect(answer.error).toBe(real);
  // What was turned away sent nothing.
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 1 });
});

test("a refusal is an answer: it ends the call, and carries what the others may have done", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const answer = watch(execute(hedge({ delay: "1s", budget: free() })(call), "", { clock, idempotent }));
  await clock.advance(1_000);
  const refusal = failure({ kind: "refused", code: "CARD_DECLINED" });
  calls[1]?.reject(refusal);
  await clock.advance(0);
  expect(answer.error).toMatchObject({
    code: "CARD_DECLINED",
    kind: "refused",
    effect: "unknown",
    cause: refusal,
  });
  expect(calls[0]?.context.abortReason).toMatchObject({ code: "HEDGE_LOST" });
});

test("an abort ends all calls at once, and what they end with later bothers nobody", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { call, calls } = manual();
  const policy = hedge({ delay: "10ms", maxHedges: 2, budget: free() });
  const answer = watch(execute(policy(call), "", { clock, idempotent, signal: controller.signal }));
  await clock.advance(20);
  controller.abort();
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED", effect: "unknown" });
  expect(calls.map(({ context }) => context.abortReason?.code)).toEqual([
    "CALL_ABORTED",
    "CALL_ABORTED",
    "CALL_ABORTED",
  ]);
  for (const each of calls) each.reject(new Error("late"));
  await clock.advance(1_000);
  expect([clock.pending, getEventListeners(controller.signal, "abort").length]).toEqual([0, 0]);
});

test("a loser's late failure is nobody's unhandled rejection, and its late answer changes nothing", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const policy = hedge({ delay: "10ms", maxHedges: 2, budget: free() });
  const answer = watch(execute(policy(call), "", { clock, idempotent }));
  await clock.advance(20);
  calls[0]?.resolve("first");
  await clock.advance(0);
  calls[1]?.reject(new Error("late"));
  calls[2]?.resolve("later");
  await clock.advance(100);
  expect([answer.value, policy.snapshot().won]).toEqual(["first", 0]);
});

test("a breaker inside takes no loser for a failure", async () => {
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ clock, minimumCalls: 1 });
  let calls = 0;
  const call = pipeline(
    hedge({ delay: "10ms", budget: free() }),
    breaker,
  )<string, string>((input, context) => {
    calls += 1;
    return calls % 2 === 0 ? echo(input, context) : silent(input, context);
  });
  for (let round = 0; round < 10; round += 1) {
    const answer = watch(execute(call, "ok", { clock, idempotent }));
    await clock.advance(20);
    expect(answer.value).toBe("ok");
  }
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 0, calls: 10 });
});

test("a slot inside or outside stays taken until the loser truly ends", async () => {
  const clock = new VirtualClock();
  const inside = concurrencyLimit(2);
  const outside = concurrencyLimit(1);
  const { call, calls } = manual();
  const guarded = pipeline(outside, hedge({ delay: "10ms", budget: free() }), inside)(call);
  const answer = watch(execute(guarded, "", { clock, idempotent }));
  await clock.advance(10);
  calls[1]?.resolve("ok");
  await clock.advance(0);
  expect(answer.value).toBe("ok");
  expect([inside.snapshot().inUse, outside.snapshot().inUse]).toEqual([1, 1]);
  calls[0]?.reject(new Error("late"));
  await clock.advance(0);
  expect([inside.snapshot().inUse, outside.snapshot().inUse]).toEqual([0, 0]);
});

test("no hedge is planned that would come at the deadline or later", async () => {
  const clock = new VirtualClock();
  const budget = free();
  const call = deadline("1s")(hedge({ delay: "1s", budget })(deaf));
  const answer = watch(execute(call, "", { clock, idempotent }));
  await clock.advance(0);
  expect(clock.pending).toBe(1);
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(budget.snapshot().reserved).toBe(0);
});

test("a deadline while a hedge waits to be sent does not forget what the first call may have done", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const policy = pipeline(deadline("1s"), hedge({ delay: "100ms", budget: free() }));
  const answer = watch(execute(policy(call), "", { clock, idempotent }));
  await clock.advance(100);
  calls[1]?.context.record("none");
  calls[0]?.reject(failure({ effect: "unknown" }));
  await clock.advance(900);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "unknown" });
});

test("attempt timeouts of the first call leave the hedge running", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const policy = pipeline(hedge({ delay: "60ms", budget: free() }), attemptTimeout("100ms"));
  const answer = watch(execute(policy(call), "", { clock, idempotent }));
  await clock.advance(110);
  expect(answer.status).toBe("waiting");
  calls[1]?.resolve("hedge");
  await clock.advance(0);
  expect([answer.value, clock.pending]).toEqual(["hedge", 0]);
});

test("a call that throws at once, or was aborted before, makes no hedge", async () => {
  const clock = new VirtualClock();
  const policy = hedge({ delay: "0ms", budget: free() });
  const thrown = failure();
  const call = policy((): Promise<string> => {
    throw thrown;
  });
  await expect(execute(call, "", { clock, idempotent })).rejects.toBe(thrown);
  const context = new ListeningContext({ clock, idempotent });
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  await expect(policy(echo)("", context)).rejects.toBe(reason);
  const aborting = new ListeningContext({ clock, idempotent });
  const answer = watch(
    policy((_, part) => {
      aborting.abort(reason);
      return silent("", part);
    })("", aborting),
  );
  await clock.advance(0);
  expect([answer.status, clock.pending, aborting.listeners]).toEqual(["rejected", 0, 0]);
});

test("settings that change live keep counts, and calls that are out", async () => {
  const clock = new VirtualClock();
  const policy = hedge({ delay: "100ms", budget: free() });
  const { call, calls } = manual();
  void watch(execute(policy(call), "", { clock, idempotent }));
  policy.reconfigure({ delay: "10ms", maxHedges: 2 });
  void watch(execute(policy(call), "", { clock, idempotent }));
  await clock.advance(20);
  expect(calls).toHaveLength(4);
  await clock.advance(80);
  expect(calls).toHaveLength(5);
  expect(policy.snapshot()).toMatchObject({ delayMs: 10, maxHedges: 2, calls: 2, started: 3 });
  expect(planOf(policy)).toMatchObject({ kind: "hedge", delayMs: 10, maxHedges: 2 });
  policy.reconfigure({ percentile: 0.9 });
  expect(policy.snapshot()).toMatchObject({ delayMs: null, maxHedges: 2 });
  expect(planOf(policy)).toMatchObject({ delayMs: undefined });
  expect(() => policy.reconfigure({ maxHedges: 99, delay: "1s" })).toThrow("hedge.maxHedges must be");
  expect(policy.snapshot().delayMs).toBeNull();
  expect(() => policy.reconfigure({ budget: free() } as never)).toThrow("hedge.budget is not an option");
});

test("ten thousand calls on one long-lived signal leave no listener on it", async () => {
  const { signal } = new AbortController();
  const call = pipeline(hedge({ delay: "1h", budget: free() }), retry())(echo);
  for (let index = 0; index < 10_000; index += 1) await execute(call, "", { signal, idempotent });
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("wrong options are refused with their path and the fix", () => {
  const budget = free();
  expect(() => hedge({ delay: "1s" } as never)).toThrow("hedge.budget is required");
  expect(() => hedge({ budget: 0.2 as never })).toThrow("hedge.budget.reserve must be a function");
  expect(() => hedge({ budget, delay: 100 as never })).toThrow("hedge.delay must be a duration");
  expect(() => hedge({ budget, delay: "1s", percentile: 0.9 })).toThrow(
    "hedge.delay and hedge.percentile exclude each other",
  );
  expect(() => hedge({ budget, delay: "1s", minDelay: "1ms" })).toThrow("hedge.delay and hedge.minDelay");
  expect(() => hedge({ budget, percentile: 95 })).toThrow(
    "hedge.percentile must be a share between 0.5 and 0.999; got 95: write 0.95",
  );
  expect(() => hedge({ budget, percentile: Number.NaN })).toThrow("got NaN");
  expect(() => hedge({ budget, maxHedges: 0 })).toThrow(
    "hedge.maxHedges must be a whole number, between 1 and 10; got 0",
  );
  expect(() => hedge({ budget, hedges: 2 } as never)).toThrow("hedge.hedges is not an option");
});
