import { getEventListeners } from "node:events";
import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import { CallContext } from "./call-context.ts";

test("a context starts with an unknown effect, because nobody has vouched for less", () => {
  const context = new CallContext();
  expect(context).toMatchObject({ effect: "unknown", attempt: 1, idempotent: false, key: undefined });
  expect([context.deadlineAtMs, context.leftMs]).toEqual([
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ]);
  context.record("none");
  expect(context.effect).toBe("none");
  context.record("unknown");
  expect(context.effect).toBe("unknown");
});

test("a child has its parent's key, clock, idempotency and attempt, and its own attempt where given", () => {
  const clock = new VirtualClock();
  const parent = new CallContext({ key: "k", idempotent: true, clock });
  const child = parent.child({ attempt: 2 });
  expect(child).toMatchObject({ key: "k", idempotent: true, clock, attempt: 2 });
  expect(child.child().attempt).toBe(2);
});

test("a deadline can come nearer in a child, never move away", async () => {
  const clock = new VirtualClock();
  const parent = new CallContext({ clock, deadlineAtMs: 1_000 });
  expect(parent.child({ deadlineAtMs: 400 }).deadlineAtMs).toBe(400);
  expect(parent.child({ deadlineAtMs: 4_000 }).deadlineAtMs).toBe(1_000);
  expect(parent.child().deadlineAtMs).toBe(1_000);
  await clock.advance(1_200);
  expect(parent.leftMs).toBe(-200);
});

test("a deadline that is not a number is refused", () => {
  expect(() => new CallContext({ deadlineAtMs: Number.NaN })).toThrow(
    "deadlineAtMs must be an instant in milliseconds on the call's clock; got NaN",
  );
  expect(() => new CallContext({ deadlineAtMs: "5s" as never })).toThrow('got "5s"');
});

test("the effect of a call is the worst of its running parts and of what was recorded", () => {
  const call = new CallContext();
  call.record("none");
  const first = call.child();
  const second = call.child();
  first.record("none");
  second.record("none");
  expect(call.effect).toBe("none");
  second.record("unknown");
  expect(call.effect).toBe("unknown");
  first.record("done");
  expect(call.effect).toBe("done");
  first.end();
  expect(call.effect).toBe("unknown");
  second.end();
  second.end();
  expect(call.effect).toBe("none");
});

test("before anything was recorded, only the running parts count", () => {
  const call = new CallContext();
  const part = call.child();
  expect(call.effect).toBe("unknown");
  part.record("none");
  expect(call.effect).toBe("none");
  part.end();
  expect(call.effect).toBe("unknown");
});

test("an abort reaches the parts, the listeners and the signal, once, with the first reason", () => {
  const call = new CallContext();
  const part = call.child();
  const heard: string[] = [];
  call.onAbort(({ message }) => heard.push(`call ${message}`));
  part.onAbort(({ message }) => heard.push(`part ${message}`));
  const { signal } = part;
  const reason = failure({ kind: "aborted" });
  call.abort(reason);
  call.abort(failure());
  expect(heard).toEqual(["part the test says no", "call the test says no"]);
  expect([call.abortReason, part.abortReason, signal.reason]).toEqual([reason, reason, reason]);
  expect(signal.aborted).toBe(true);
});

test("who comes after the abort hears of it at once", () => {
  const call = new CallContext();
  const reason = failure();
  call.abort(reason);
  const heard: unknown[] = [];
  call.onAbort((each) => heard.push(each))();
  expect(heard).toEqual([reason]);
  expect([call.child().abortReason, call.signal.reason, call.child().signal.aborted]).toEqual([
    reason,
    reason,
    true,
  ]);
});

test("a part that has ended, or that ends alone, leaves the rest untouched", () => {
  const call = new CallContext();
  const ended = call.child();
  const running = call.child();
  ended.end();
  running.abort(failure());
  expect([call.abortReason, ended.abortReason]).toEqual([undefined, undefined]);
  call.abort(failure());
  expect(ended.abortReason).toBeUndefined();
});

test("a listener that throws does not keep an abort from the others", () => {
  const call = new CallContext();
  const heard: string[] = [];
  call.onAbort(() => {
    throw new Error("first");
  });
  call.onAbort(() => heard.push("second"));
  expect(() => call.abort(failure())).not.toThrow();
  expect(heard).toEqual(["second"]);
  expect(() =>
    call.onAbort(() => {
      throw new Error("late");
    }),
  ).not.toThrow();
});

test("a forgotten listener is not called, and forgetting one of two equal ones keeps the other", () => {
  const call = new CallContext();
  let heard = 0;
  const listener = (): void => {
    heard += 1;
  };
  const forget = call.onAbort(listener);
  call.onAbort(listener);
  forget();
  call.abort(failure());
  expect(heard).toBe(1);
});

test("listeners that leave while an abort is told do not make another miss it", () => {
  const call = new CallContext();
  const heard: string[] = [];
  const forget = call.onAbort(() => {
    forget();
    heard.push("a");
  });
  call.onAbort(() => heard.push("b"));
  call.abort(failure());
  expect(heard).toEqual(["a", "b"]);
});

test("a signal is made once, and only when asked for", () => {
  const call = new CallContext();
  expect(call.signal).toBe(call.signal);
  expect(getEventListeners(call.signal, "abort")).toHaveLength(0);
});

test("work that is left running holds back whoever waits for the end, up to the outermost call", async () => {
  const call = new CallContext();
  const part = call.child();
  const heard: string[] = [];
  call.whenWorkEnds(() => heard.push("nothing runs"));
  expect(heard).toEqual(["nothing runs"]);

  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  part.leaveRunning(first.promise);
  part.leaveRunning(second.promise);
  part.end();
  call.whenWorkEnds(() => heard.push("call"));
  part.whenWorkEnds(() => heard.push("part"));
  first.resolve();
  await first.promise;
  expect(heard).toHaveLength(1);
  second.reject(new Error("late"));
  await second.promise.catch(() => {});
  await Promise.resolve();
  expect(heard.slice(1).sort()).toEqual(["call", "part"]);
});
