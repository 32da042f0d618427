import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure, manual, silent, watch } from "../../test/calls.ts";
import { CallContext, deadline, execute, type PolicyEvent, pipeline } from "../index.ts";

function observed(): { events: PolicyEvent[]; onEvent: (event: PolicyEvent) => void } {
  const events: PolicyEvent[] = [];
  return { events, onEvent: (event) => void events.push(event) };
}

test("a call that does not answer ends at its deadline, not before, and is told to stop", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const { events, onEvent } = observed();
  const answer = watch(execute(deadline({ total: "1s", name: "toss", onEvent })(call), "", { clock }));
  await clock.advance(999);
  expect([answer.status, calls[0]?.context.leftMs]).toEqual(["waiting", 1]);
  await clock.advance(1);
  expect(answer.error).toMatchObject({
    code: "DEADLINE_EXCEEDED",
    effect: "unknown",
    kind: "failed",
    transient: true,
    message: "the call did not end within its deadline of 1 s",
  });
  expect(calls[0]?.context.abortReason).toBe(answer.error);
  expect(events).toEqual([{ type: "deadlineExceeded", name: "toss", effect: "unknown" }]);
  expect(clock.pending).toBe(0);
});

test("the effect of an exceeded deadline is what the call had reached", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const answer = watch(execute(deadline("1s")(call), "", { clock }));
  await clock.advance(10);
  calls[0]?.context.record("none");
  await clock.advance(990);
  expect(answer.error).toMatchObject({ effect: "none" });
});

test("the caller is answered on time although the work does not stop, and its late end is reported", async () => {
  const clock = new VirtualClock();
  for (const [end, outcome] of [
    ["resolve", "success"],
    ["reject", "failure"],
  ] as const) {
    const { call, calls } = manual();
    const { events, onEvent } = observed();
    const answer = watch(execute(deadline({ total: "1s", onEvent })(call), "", { clock }));
    await clock.advance(1_500);
    expect(answer.status).toBe("rejected");
    calls[0]?.[end]("late");
    await clock.advance(0);
    expect(events[1]).toEqual({ type: "lateResult", name: undefined, outcome, lateMs: 500 });
    expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  }
});

test("work that stops when told is not reported as late", async () => {
  const clock = new VirtualClock();
  const { events, onEvent } = observed();
  const policy = deadline({ total: "1s", onEvent });
  const wrapping = (_: string, context: CallContext): Promise<string> =>
    new Promise((_resolve, reject) => {
      context.onAbort((reason) => reject(new Error("aborted", { cause: reason })));
    });
  void watch(execute(policy(silent), "", { clock }));
  void watch(execute(policy(wrapping), "", { clock }));
  await clock.advance(2_000);
  expect(events.map(({ type }) => type)).toEqual(["deadlineExceeded", "deadlineExceeded"]);
});

test("a call that ends in time keeps its result, and its timer is gone", async () => {
  const clock = new VirtualClock();
  expect(await execute(deadline("1s")(echo), "in time", { clock })).toBe("in time");
  const no = failure();
  await expect(
    execute(
      deadline("1s")(() => Promise.reject(no)),
      "",
      { clock },
    ),
  ).rejects.toBe(no);
  const throws = (): never => {
    throw no;
  };
  await expect(execute(deadline("1s")(throws), "", { clock })).rejects.toBe(no);
  expect(clock.pending).toBe(0);
});

test("nothing is called when the deadline has already passed", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const { events, onEvent } = observed();
  const context = new CallContext({ clock, deadlineAtMs: 0 });
  await expect(deadline({ total: "1s", onEvent })(call)("", context)).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    effect: "none",
  });
  expect(calls).toHaveLength(0);
  expect(events).toEqual([{ type: "deadlineExceeded", name: undefined, effect: "none" }]);
});

test("the nearest of several deadlines counts, and only its own policy reports it", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const outer = observed();
  const inner = observed();
  const policy = pipeline(
    deadline({ total: "5s", onEvent: outer.onEvent }),
    deadline({ total: "2s", onEvent: inner.onEvent }),
  );
  const answer = watch(policy(call)("", new CallContext({ clock, deadlineAtMs: 3_000 })));
  await clock.advance(0);
  expect(calls[0]?.context.deadlineAtMs).toBe(2_000);
  await clock.advance(2_000);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect([outer.events.length, inner.events.length]).toEqual([0, 1]);
  expect(clock.pending).toBe(0);
});

test("an abort by the caller is an abort, not a deadline", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { events, onEvent } = observed();
  const inner = watch<string>(new Promise(() => {}));
  const policy = deadline({ total: "1s", onEvent });
  const answer = watch(
    execute(
      (input: string, context) => {
        const promise = policy(deaf)(input, context);
        promise.catch((error: unknown) => Object.assign(inner, { status: "rejected", error }));
        return promise;
      },
      "",
      { clock, signal: controller.signal },
    ),
  );
  await clock.advance(10);
  controller.abort();
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED", kind: "aborted" });
  expect(inner.error).toBe(answer.error);
  expect(clock.pending).toBe(0);
  await clock.advance(5_000);
  expect(events).toEqual([]);
});

test("a call that was aborted before it began is not made", async () => {
  const { call, calls } = manual();
  const context = new CallContext();
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  await expect(deadline("1s")(call)("", context)).rejects.toBe(reason);
  expect(calls).toHaveLength(0);
});

test("a listener that throws changes nothing", async () => {
  const clock = new VirtualClock();
  const onEvent = (): never => {
    throw new Error("listener");
  };
  const answer = watch(execute(deadline({ total: "1s", onEvent })(silent), "", { clock }));
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => deadline(5_000 as never)).toThrow("deadline.total must be a duration with a unit");
  expect(() => deadline("0ms")).toThrow("deadline.total must lie between 1ms and");
  expect(() => deadline({} as never)).toThrow("deadline.total must be a duration with a unit");
  expect(() => deadline({ totl: "1s" } as never)).toThrow(
    'deadline.totl is not an option; did you mean "total"?',
  );
  expect(() => deadline(null as never)).toThrow("deadline.total must not be null; write a value");
});
