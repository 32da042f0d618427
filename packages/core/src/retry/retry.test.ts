import { seededRandom, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, failure, ListeningContext, manual, script, watch } from "../../test/calls.ts";
import {
  CallContext,
  deadline,
  execute,
  Failure,
  fixed,
  type PolicyEvent,
  pipeline,
  retry,
} from "../index.ts";
import { retryDefaults } from "./retry.ts";

const steady = { backoff: fixed("100ms"), jitter: "none" } as const;

function observed(): { events: PolicyEvent[]; onEvent: (event: PolicyEvent) => void } {
  const events: PolicyEvent[] = [];
  return { events, onEvent: (event) => void events.push(event) };
}

test("a failure without effect is retried after the backoff, and each attempt has its number", async () => {
  const clock = new VirtualClock();
  const { call, contexts } = script(failure(), failure(), "ok");
  const { events, onEvent } = observed();
  const answer = watch(execute(retry({ ...steady, name: "toss", onEvent })(call), "ok", { clock }));
  await clock.advance(99);
  expect(contexts).toHaveLength(1);
  await clock.advance(1);
  expect(contexts).toHaveLength(2);
  await clock.advance(100);
  expect(answer).toMatchObject({ status: "fulfilled", value: "ok" });
  expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(events).toMatchObject([
    { type: "retryScheduled", name: "toss", retry: 1, waitMs: 100 },
    { type: "retryScheduled", name: "toss", retry: 2, waitMs: 100 },
  ]);
  expect(clock.pending).toBe(0);
});

test("maxRetries counts retries: 2 makes at most 3 calls, 0 makes one", async () => {
  const clock = new VirtualClock();
  for (const maxRetries of [0, 1, 2, 5]) {
    const { call, contexts } = script(...Array.from({ length: 9 }, () => failure()));
    const { events, onEvent } = observed();
    const answer = watch(execute(retry({ ...steady, maxRetries, onEvent })(call), "", { clock }));
    await clock.advance(5_000);
    expect(contexts).toHaveLength(maxRetries + 1);
    expect(answer.error).toMatchObject({ code: "TEST_FAILED" });
    expect(events.at(-1)).toMatchObject({ type: "retryRefused", why: "usedUp", attempt: maxRetries + 1 });
  }
  expect(retryDefaults.maxRetries).toBe(2);
});

test.each([
  ["failed without effect", failure(), true, true],
  ["failed with an unknown effect", failure({ effect: "unknown" }), false, true],
  ["failed after taking effect", failure({ effect: "done" }), false, false],
  ["failed for good", failure({ transient: false }), false, false],
  ["was refused", failure({ kind: "refused", transient: true }), false, false],
  ["was rejected by our own policies", failure({ kind: "rejected" }), false, false],
  ["was aborted", failure({ kind: "aborted", transient: true }), false, false],
  ["threw an error without facts", new Error("x"), false, true],
  ["made a mistake", new TypeError("x is not a function"), false, false],
])("a call that %s is retried only when safe", async (_, error, plain, idempotentOnly) => {
  for (const [idempotent, retried] of [
    [false, plain],
    [true, idempotentOnly],
  ] as const) {
    const clock = new VirtualClock();
    const { call, contexts } = script(error, "ok");
    const answer = watch(execute(retry(steady)(call), "ok", { clock, idempotent }));
    await clock.advance(1_000);
    expect(contexts).toHaveLength(retried ? 2 : 1);
    expect(answer.status).toBe(retried ? "fulfilled" : "rejected");
    if (!retried) expect(answer.error).toBe(error);
  }
});

test.each([
  ["notTransient", failure({ transient: false })],
  ["notSafe", failure({ effect: "unknown" })],
  ["pastDeadline", failure({ retryAfterMs: 60_000 })],
])("a retry that is not made says why: %s", async (why, error) => {
  const { events, onEvent } = observed();
  const { call } = script(error);
  await expect(
    execute(retry({ ...steady, onEvent })(call), "", { clock: new VirtualClock(), deadlineAtMs: 30_000 }),
  ).rejects.toBe(error);
  expect(events).toEqual([{ type: "retryRefused", name: undefined, attempt: 1, why, error }]);
});

test("rejections, refusals and aborts end a call without a word about retries", async () => {
  for (const kind of ["rejected", "refused", "aborted"] as const) {
    const { events, onEvent } = observed();
    const { call } = script(failure({ kind }));
    await expect(execute(retry({ ...steady, onEvent })(call), "")).rejects.toMatchObject({ kind });
    expect(events).toEqual([]);
  }
});

test("full jitter waits anything from nothing to the backoff, as the random number says", async () => {
  const waits: number[] = [];
  const onEvent = (event: PolicyEvent): void => {
    if (event.type === "retryScheduled") waits.push(event.waitMs);
  };
  const numbers = [0, 0.25, 0.999];
  const policy = retry({ maxRetries: 3, backoff: fixed("1s"), random: () => numbers.shift() ?? 0, onEvent });
  const clock = new VirtualClock();
  const { call } = script(failure(), failure(), failure(), "ok");
  const answer = watch(execute(policy(call), "ok", { clock }));
  await clock.advance(3_000);
  expect(answer.status).toBe("fulfilled");
  expect(waits).toEqual([0, 250, 999]);
});

test("retries of many clients are spread over the whole wait", async () => {
  const waits: number[] = [];
  const onEvent = (event: PolicyEvent): void => {
    if (event.type === "retryScheduled") waits.push(event.waitMs);
  };
  const seed = 20_261_122;
  const policy = retry({ maxRetries: 1, backoff: fixed("1s"), random: seededRandom(seed), onEvent });
  const clock = new VirtualClock();
  const answers = Array.from({ length: 1_000 }, () =>
    watch(execute(policy(script(failure(), "").call), "", { clock })),
  );
  await clock.advance(1_000);
  expect(answers.every(({ status }) => status === "fulfilled")).toBe(true);
  const perTenth = Array.from(
    { length: 10 },
    (_, tenth) => waits.filter((ms) => Math.floor(ms / 100) === tenth).length,
  );
  expect(Math.min(...perTenth), `seed ${seed}: ${perTenth}`).toBeGreaterThan(60);
});

test("a wait is never shorter than the other side asked for", async () => {
  const clock = new VirtualClock();
  const { call, contexts } = script(failure({ retryAfterMs: 5_000 }), "ok");
  const answer = watch(execute(retry({ ...steady, random: () => 0, jitter: "full" })(call), "ok", { clock }));
  await clock.advance(4_999);
  expect(contexts).toHaveLength(1);
  await clock.advance(1);
  expect(answer.status).toBe("fulfilled");
});

test("a longer backoff is not shortened to what the other side asked for", async () => {
  const clock = new VirtualClock();
  const { call, contexts } = script(failure({ retryAfterMs: 10 }), "ok");
  void watch(execute(retry(steady)(call), "ok", { clock }));
  await clock.advance(99);
  expect(contexts).toHaveLength(1);
});

test("no wait ends at or past the deadline: the call fails at once with the last failure", async () => {
  for (const [deadlineAtMs, retried] of [
    [100, false],
    [101, true],
  ] as const) {
    const clock = new VirtualClock();
    const last = failure({ retryAfterMs: 100 });
    const { call, contexts } = script(last, "ok");
    const answer = watch(execute(retry(steady)(call), "ok", { clock, deadlineAtMs }));
    await clock.advance(0);
    expect(answer.status).toBe(retried ? "waiting" : "rejected");
    await clock.advance(100);
    expect(contexts).toHaveLength(retried ? 2 : 1);
    if (!retried) expect(answer.error).toBe(last);
    expect(clock.pending).toBe(0);
  }
});

test("a wait leaves no listener behind", async () => {
  const clock = new VirtualClock();
  const context = new ListeningContext({ clock });
  const answer = watch(retry(steady)(script(failure(), "ok").call)("ok", context));
  await clock.advance(50);
  expect(context.listeners).toBe(1);
  await clock.advance(50);
  expect([answer.status, context.listeners, clock.pending]).toEqual(["fulfilled", 0, 0]);
});

test("an abort during the wait ends the call at once, without another attempt", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { call, contexts } = script(failure(), "ok");
  const answer = watch(execute(retry(steady)(call), "ok", { clock, signal: controller.signal }));
  await clock.advance(20);
  controller.abort();
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED", effect: "none" });
  expect(clock.pending).toBe(0);
  await clock.advance(1_000);
  expect(contexts).toHaveLength(1);
});

test("an abort during the wait carries the effect that earlier attempts left", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { call } = script(failure({ effect: "unknown" }), "ok");
  const policy = retry(steady)(call);
  const answer = watch(execute(policy, "", { clock, signal: controller.signal, idempotent: true }));
  await clock.advance(20);
  controller.abort();
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED", effect: "unknown" });

  const context = new CallContext({ clock, idempotent: true });
  const inner = watch(retry(steady)(script(failure({ effect: "unknown" })).call)("", context));
  await clock.advance(20);
  expect(context.effect).toBe("unknown");
  const mild = failure({ code: "CALL_ABORTED", kind: "aborted", effect: "none" });
  context.abort(mild);
  await clock.advance(0);
  expect(inner.error).toMatchObject({
    code: "CALL_ABORTED",
    kind: "aborted",
    effect: "unknown",
    cause: mild,
  });
});

test("an attempt that fails because the call was aborted is not repeated", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const context = new CallContext({ clock });
  const answer = watch(retry(steady)(call)("", context));
  context.abort(failure({ kind: "aborted" }));
  const torn = failure({ code: "SOCKET_DESTROYED" });
  calls[0]?.reject(torn);
  await clock.advance(1_000);
  expect(answer.error).toBe(torn);
  expect(calls).toHaveLength(1);
});

test("a call that was aborted before it began is not made", async () => {
  const context = new CallContext();
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  const { call, contexts } = script("ok");
  await expect(retry()(call)("", context)).rejects.toBe(reason);
  expect(contexts).toHaveLength(0);
});

test.each([
  ["a connection that was refused", failure({ code: "CONNECT_REFUSED", retryAfterMs: 7 })],
  ["an open breaker", failure({ code: "BREAKER_OPEN", kind: "rejected", retryAfterMs: 7 })],
  ["a refusal", failure({ code: "CARD_DECLINED", kind: "refused", retryAfterMs: 7 })],
])("after an attempt with an unknown effect, %s does not make the call's effect none", async (_, last) => {
  const clock = new VirtualClock();
  const { call, contexts } = script(failure({ effect: "unknown" }), last, last, last);
  const answer = watch(execute(retry(steady)(call), "", { clock, idempotent: true }));
  await clock.advance(1_000);
  expect(contexts.length).toBeGreaterThan(1);
  expect(answer.error).toBeInstanceOf(Failure);
  expect(answer.error).toMatchObject({
    code: last.code,
    message: last.message,
    kind: last.kind,
    transient: last.transient,
    retryAfterMs: 7,
    effect: "unknown",
    cause: last,
  });
});

test("a last failure that already carries the worst effect is thrown as it is", async () => {
  const clock = new VirtualClock();
  const last = failure({ effect: "unknown" });
  const { call } = script(failure(), last);
  const answer = watch(execute(retry(steady)(call), "", { clock }));
  await clock.advance(1_000);
  expect(answer.error).toBe(last);
});

test("while a later attempt runs, the effect of the call is the worst of all attempts so far", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const context = new CallContext({ clock, idempotent: true });
  void watch(retry(steady)(call)("", context));
  calls[0]?.reject(failure({ effect: "unknown" }));
  await clock.advance(50);
  expect(context.effect).toBe("unknown");
  await clock.advance(50);
  calls[1]?.context.record("none");
  expect(context.effect).toBe("unknown");
});

test("a deadline during an attempt that had no effect does not forget the attempt before", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const policy = pipeline(deadline("1s"), retry(steady));
  const answer = watch(execute(policy(call), "", { clock, idempotent: true }));
  await clock.advance(0);
  calls[0]?.reject(failure({ effect: "unknown" }));
  await clock.advance(100);
  calls[1]?.context.record("none");
  await clock.advance(900);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "unknown" });
});

test("an attempt that never ends, stops being waited for at the deadline", async () => {
  const clock = new VirtualClock();
  const answer = watch(execute(pipeline(deadline("1s"), retry(steady))(deaf), "", { clock }));
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
});

test("a call that throws at once is retried like any other", async () => {
  const clock = new VirtualClock();
  let calls = 0;
  const call = (): Promise<string> => {
    calls += 1;
    if (calls === 1) throw failure();
    return Promise.resolve("ok");
  };
  const answer = watch(execute(retry(steady)(call), "", { clock }));
  await clock.advance(100);
  expect(answer.value).toBe("ok");
});

test("a listener that throws changes nothing", async () => {
  const clock = new VirtualClock();
  const onEvent = (): never => {
    throw new Error("listener");
  };
  const answer = watch(execute(retry({ ...steady, onEvent })(script(failure(), "ok").call), "ok", { clock }));
  await clock.advance(100);
  expect(answer.status).toBe("fulfilled");
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => retry({ maxRetries: 2.5 })).toThrow(
    "retry.maxRetries must be a whole number, between 0 and 1000; got 2.5",
  );
  expect(() => retry({ maxRetries: -1 })).toThrow("got -1");
  expect(() => retry({ maxRetries: Number.POSITIVE_INFINITY })).toThrow("got Infinity");
  expect(() => retry({ maxAttempts: 3 } as never)).toThrow("retry.maxAttempts is not an option");
  expect(() => retry({ jitter: "half" as never })).toThrow(
    'retry.jitter must be one of "full", "equal", "decorrelated", "none"; got "half"',
  );
  expect(() => retry({ backoff: "200ms" as never })).toThrow('retry.backoff must be an object; got "200ms"');
  expect(() => retry({ backoff: {} as never })).toThrow("retry.backoff.ceilingMs must be a function");
  expect(() => retry({ backoff: { ceilingMs: () => Number.NaN, describe: () => "" } })).toThrow(
    "retry.backoff.ceilingMs(1) must be milliseconds, 0 or more; got NaN",
  );
  expect(() => retry({ random: 0.5 as never })).toThrow("retry.random must be a function; got 0.5");
  expect(() => retry(3 as never)).toThrow("retry must be an object; got 3");
});
