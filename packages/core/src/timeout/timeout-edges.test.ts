import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure, manual, silent, watch } from "../../test/calls.ts";
import { attemptTimeout, CallContext, deadline, type PolicyEvent } from "../index.ts";
import { isObedience } from "./cut-short.ts";

test("a call that is aborted already is not made", async () => {
  const context = new CallContext();
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  const { call, calls } = manual();
  await expect(attemptTimeout("1s")(call)("", context)).rejects.toBe(reason);
  expect(calls).toHaveLength(0);
});

test("where the deadline comes at the same instant as the timeout, it is the deadline", async () => {
  const clock = new VirtualClock();
  const answer = watch(attemptTimeout("1s")(silent)("", new CallContext({ clock, deadlineAtMs: 1_000 })));
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({
    code: "DEADLINE_EXCEEDED",
    message: "the deadline of the call has passed",
  });
});

test("work obeys that ends with its reason, or with an error because of it", () => {
  const reason = failure();
  expect(isObedience(reason, reason)).toBe(true);
  expect(isObedience(new Error("stopped", { cause: reason }), reason)).toBe(true);
  expect(isObedience(new Error("stopped", { cause: failure() }), reason)).toBe(false);
  expect(isObedience(new Error("stopped"), reason)).toBe(false);
  expect(isObedience({ cause: reason }, reason)).toBe(false);
  expect(isObedience(undefined, reason)).toBe(false);
});

test("a part that was not let begin is no part of the call any more", async () => {
  const clock = new VirtualClock();
  await clock.advance(100);
  const context = new CallContext({ clock, deadlineAtMs: 100 });
  await expect(deadline("1s")(silent)("", context)).rejects.toMatchObject({ effect: "none" });
  const part = context.child();
  part.record("none");
  expect(context.effect).toBe("none");
});

test("only a deadline that has passed is reported as such: not another failure, and not one that came early", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const policy = deadline({ total: "1s", onEvent: (event) => void events.push(event) });
  const early = failure({ code: "DEADLINE_EXCEEDED" });
  await expect(policy(() => Promise.reject(early))("", new CallContext({ clock }))).rejects.toBe(early);
  const atTheEnd = async (error: unknown): Promise<void> => {
    const { call, calls } = manual();
    const answer = watch(policy(call)("", new CallContext({ clock: stopped(clock) })));
    await clock.advance(1_000);
    calls[0]?.reject(error);
    await clock.advance(0);
    expect(answer.error).toBe(error);
  };
  await atTheEnd(failure());
  await atTheEnd(new Error("of nobody's"));
  expect(events).toEqual([]);
  await atTheEnd(early);
  expect(events).toEqual([
    { type: "deadlineExceeded", name: undefined, operation: undefined, effect: "none" },
  ]);
});

/** The same clock, whose timers are late. */
function stopped(clock: VirtualClock): {
  now(): number;
  wallNow(): number;
  setTimer(): { cancel(): void };
} {
  return {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    setTimer: () => ({ cancel() {} }),
  };
}
