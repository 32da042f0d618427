import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, ListeningContext, manual, silent, watch } from "../../test/calls.ts";
import { attemptTimeout, CallContext, deadline, execute, type Policy, type PolicyEvent } from "../index.ts";

function observed(): { events: PolicyEvent[]; onEvent: (event: PolicyEvent) => void } {
  const events: PolicyEvent[] = [];
  return { events, onEvent: (event) => void events.push(event) };
}

test("an attempt that does not answer ends at its timeout, not before, and is told to stop", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const { events, onEvent } = observed();
  const context = new CallContext({ clock }).child({ attempt: 3 });
  const answer = watch(attemptTimeout({ timeout: "1s", name: "toss", onEvent })(call)("", context));
  await clock.advance(999);
  expect(answer.status).toBe("waiting");
  await clock.advance(1);
  expect(answer.error).toMatchObject({
    code: "ATTEMPT_TIMEOUT",
    effect: "unknown",
    kind: "failed",
    transient: true,
    message: "attempt 3 did not end within 1 s",
  });
  expect(calls[0]?.context.abortReason).toBe(answer.error);
  expect(context.abortReason).toBeUndefined();
  expect(events).toEqual([
    { type: "attemptTimedOut", name: "toss", attempt: 3, timeoutMs: 1_000, effect: "unknown" },
  ]);
  expect(clock.pending).toBe(0);
});

test("a timeout before anything was sent has no effect", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const answer = watch(execute(attemptTimeout("1s")(call), "", { clock }));
  await clock.advance(0);
  calls[0]?.context.record("none");
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "none" });
});

test.each([
  ["resolve", "success"],
  ["reject", "failure"],
] as const)(
  "an attempt that ends late (%s) is reported as a late %s and changes nothing",
  async (end, outcome) => {
    const clock = new VirtualClock();
    const { call, calls } = manual();
    const { events, onEvent } = observed();
    const answer = watch(execute(attemptTimeout({ timeout: "1s", onEvent })(call), "", { clock }));
    await clock.advance(1_250);
    calls[0]?.[end]("late");
    await clock.advance(0);
    expect(answer.error).toMatchObject({ code: "ATTEMPT_TIMEOUT" });
    expect(events[1]).toEqual({ type: "lateResult", name: undefined, outcome, lateMs: 250 });
  },
);

test("an abort after the timeout changes nothing: the attempt has been left already", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const { events, onEvent } = observed();
  const context = new CallContext({ clock });
  const answer = watch(attemptTimeout({ timeout: "1s", onEvent })(call)("", context));
  await clock.advance(1_500);
  context.abort(failure({ kind: "aborted" }));
  await clock.advance(500);
  calls[0]?.resolve("late");
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "ATTEMPT_TIMEOUT" });
  expect(calls[0]?.context.abortReason).toBe(answer.error);
  expect(events[1]).toMatchObject({ type: "lateResult", lateMs: 1_000 });
});

test("however an attempt ends, its timer and its listener are gone", async () => {
  const clock = new VirtualClock();
  const context = new ListeningContext({ clock });
  const no = failure();
  expect(await attemptTimeout("1s")(echo)("in time", context)).toBe("in time");
  expect([context.listeners, clock.pending]).toEqual([0, 0]);
  await expect(attemptTimeout("1s")(() => Promise.reject(no))("", context)).rejects.toBe(no);
  expect([context.listeners, clock.pending]).toEqual([0, 0]);
  const answer = watch(attemptTimeout("1s")(silent)("", context));
  expect([context.listeners, clock.pending]).toEqual([1, 1]);
  await clock.advance(1_000);
  expect(answer.status).toBe("rejected");
  expect([context.listeners, clock.pending]).toEqual([0, 0]);
});

test("the deadline counts where it is nearer, and is reported once, by the deadline's own policy", async () => {
  const clock = new VirtualClock();
  const { events, onEvent } = observed();
  const policy: Policy = (next) =>
    deadline({ total: "600ms", onEvent })(attemptTimeout({ timeout: "1s", onEvent })(next));
  const answer = watch(execute(policy(silent), "", { clock }));
  await clock.advance(600);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(events).toEqual([{ type: "deadlineExceeded", name: undefined, effect: "unknown" }]);
  expect(clock.pending).toBe(0);
});

test("the deadline is reported once also when the inner timer happens to run first", async () => {
  const clock = new VirtualClock();
  const { events, onEvent } = observed();
  // Order of timers at one instant is not promised by any clock: this one runs the last one first.
  const timers: (() => void)[] = [];
  const reversed = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    setTimer(_: number, callback: () => void) {
      timers.push(callback);
      return { cancel: () => void timers.splice(timers.indexOf(callback), 1) };
    },
  };
  const policy: Policy = (next) =>
    deadline({ total: "600ms", onEvent })(attemptTimeout({ timeout: "1s", onEvent })(next));
  const answer = watch(execute(policy(silent), "", { clock: reversed }));
  await clock.advance(600);
  timers.at(-1)?.();
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(events).toEqual([{ type: "deadlineExceeded", name: undefined, effect: "unknown" }]);
  expect(timers.filter((timer) => timer !== undefined)).toHaveLength(0);
});

test("a deadline that came with the context ends the attempt, also without a deadline policy", async () => {
  const clock = new VirtualClock();
  const answer = watch(attemptTimeout("1s")(silent)("", new CallContext({ clock, deadlineAtMs: 300 })));
  await clock.advance(299);
  expect(answer.status).toBe("waiting");
  await clock.advance(1);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
});

test("nothing is called when the deadline has already passed", async () => {
  const clock = new VirtualClock();
  await clock.advance(100);
  const { call, calls } = manual();
  const context = new CallContext({ clock, deadlineAtMs: 100 });
  await expect(attemptTimeout("1s")(call)("", context)).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    effect: "none",
  });
  expect([calls.length, clock.pending]).toEqual([0, 0]);
});

test("an abort by the caller is an abort, not a timeout, and frees the caller from work that does not stop", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const { events, onEvent } = observed();
  const context = new CallContext({ clock });
  const answer = watch(attemptTimeout({ timeout: "1s", onEvent })(call)("", context));
  await clock.advance(10);
  const reason = failure({ code: "CALL_ABORTED", kind: "aborted" });
  context.abort(reason);
  await clock.advance(0);
  expect(answer.error).toBe(reason);
  expect(clock.pending).toBe(0);
  calls[0]?.resolve("late");
  await clock.advance(2_000);
  expect(events).toEqual([{ type: "lateResult", name: undefined, outcome: "success", lateMs: 0 }]);
});

test("a call that is aborted while it is being made leaves no timer", async () => {
  const clock = new VirtualClock();
  const context = new CallContext({ clock });
  const reason = failure({ kind: "aborted" });
  const call = async (): Promise<string> => {
    context.abort(reason);
    return "too late";
  };
  await expect(attemptTimeout("1s")(call)("", context)).rejects.toBe(reason);
  expect(clock.pending).toBe(0);
  await expect(attemptTimeout("1s")(call)("", context)).rejects.toBe(reason);
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => attemptTimeout(1_000 as never)).toThrow(
    "attemptTimeout.timeout must be a duration with a unit",
  );
  expect(() => attemptTimeout("0ms")).toThrow("attemptTimeout.timeout must lie between 1ms and");
  expect(() => attemptTimeout({ timout: "1s" } as never)).toThrow('did you mean "timeout"?');
  expect(() => attemptTimeout({ timeout: "1s", onEvent: "x" as never })).toThrow(
    "attemptTimeout.onEvent must be",
  );
});
