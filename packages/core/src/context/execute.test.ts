import { getEventListeners } from "node:events";
import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure, manual, script, silent, watch } from "../../test/calls.ts";
import { concurrencyLimit } from "../concurrency/concurrency-limit.ts";
import { pipeline } from "../pipeline/pipeline.ts";
import { retry } from "../retry/retry.ts";
import { CallContext } from "./call-context.ts";
import { execute, executeIn, tryExecute } from "./execute.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a call gets its input and a context made of the options", async () => {
  const clock = new VirtualClock();
  let seen: CallContext | undefined;
  const call = async (input: number, context: CallContext): Promise<number> => {
    seen = context;
    return input + 1;
  };
  expect(await execute(call, 1, { key: "k", idempotent: true, clock, deadlineAtMs: 900 })).toBe(2);
  expect(seen).toMatchObject({ key: "k", idempotent: true, clock, deadlineAtMs: 900, attempt: 1 });
});

test("a call that throws at once, or gives back no promise, is handled like any other", async () => {
  const throws = (): never => {
    throw failure({ code: "AT_ONCE" });
  };
  const { signal } = new AbortController();
  await expect(execute(throws, "")).rejects.toMatchObject({ code: "AT_ONCE" });
  await expect(execute(throws, "", { signal })).rejects.toMatchObject({ code: "AT_ONCE" });
  await expect(execute((() => 7) as never, "", { signal })).resolves.toBe(7);
  await expect(execute((() => undefined) as never, "", { signal })).resolves.toBeUndefined();
  // biome-ignore lint/suspicious/noThenProperty: a thenable is the case under test.
  const thenable = { then: (resolve: (value: number) => void) => resolve(8) };
  await expect(execute((() => thenable) as never, "", { signal })).resolves.toBe(8);
});

test("a caller's abort ends the call at once with the effect it had reached, and tells the work to stop", async () => {
  const controller = new AbortController();
  let context: CallContext | undefined;
  const answer = watch(
    execute(
      (_: string, own) => {
        context = own;
        own.record("none");
        return new Promise(() => {});
      },
      "",
      { signal: controller.signal },
    ),
  );
  const why = new Error("the customer left");
  controller.abort(why);
  await tick();
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED", effect: "none", kind: "aborted", cause: why });
  expect(context?.abortReason).toBe(answer.error);
});

test("a call whose caller has already gone is not made", async () => {
  let calls = 0;
  const call = async (): Promise<void> => {
    calls += 1;
  };
  await expect(execute(call, "", { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "CALL_ABORTED",
    effect: "none",
  });
  expect(calls).toBe(0);
});

test("a long-lived signal collects no listeners, however calls end", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [echo, async () => Promise.reject(failure()), () => "no promise" as never];
  for (let round = 0; round < 3_000; round += 1) {
    await execute(calls[round % 3] ?? echo, "", { signal }).catch(() => {});
    if (getEventListeners(signal, "abort").length > 0) break;
  }
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  const left = watch(execute(deaf, "", { signal }));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  controller.abort();
  await tick();
  expect(left.status).toBe("rejected");
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("a call that aborts itself before it returns is an abort, not a crash", async () => {
  const controller = new AbortController();
  const call = async (): Promise<string> => {
    controller.abort();
    return "too late";
  };
  await expect(execute(call, "", { signal: controller.signal })).rejects.toMatchObject({
    code: "CALL_ABORTED",
  });
  await expect(
    execute(call, "", { signal: AbortSignal.any([controller.signal]), deadlineAtMs: 1e12 }),
  ).rejects.toMatchObject({ code: "CALL_ABORTED" });
});

test("what a call does after its caller left is nobody's unhandled rejection", async () => {
  const controller = new AbortController();
  const { call, calls } = manual();
  const answer = watch(execute(call, "", { signal: controller.signal }));
  controller.abort();
  calls[0]?.reject(new Error("late"));
  await tick();
  // Vitest fails the run on an unhandled rejection.
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED" });
});

test("a deadline given with the call is kept, without any policy", async () => {
  const clock = new VirtualClock();
  const answer = watch(execute(silent, "", { clock, deadlineAtMs: 500 }));
  await clock.advance(499);
  expect(answer.status).toBe("waiting");
  await clock.advance(1);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "unknown" });
  expect(clock.pending).toBe(0);
  await expect(execute(silent, "", { clock, deadlineAtMs: 500 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    effect: "none",
  });
});

test("a deadline that is not a number is a rejection that names it", async () => {
  await expect(execute(echo, "", { deadlineAtMs: Number.NaN })).rejects.toThrow("deadlineAtMs must be");
});

test("policies compose with the first one outermost", async () => {
  const trace: string[] = [];
  const tracing =
    (name: string) =>
    <I, O>(next: (input: I, context: CallContext) => Promise<O>) =>
    (input: I, context: CallContext): Promise<O> => {
      trace.push(name);
      return next(input, context);
    };
  await execute(pipeline(tracing("a"), tracing("b"), tracing("c"))(echo), "");
  expect(trace).toEqual(["a", "b", "c"]);
  expect(pipeline()(echo)).toBe(echo);
});

test("what is not a policy is refused by its place in the pipeline", () => {
  expect(() => pipeline(tracingless, undefined as never)).toThrow(
    "pipeline[1] must be a function; got undefined",
  );
});

const tracingless = <T>(next: T): T => next;

test("who would rather look than catch gets a result, also for an error that is no failure", async () => {
  const reset = new Error("reset");
  const full = concurrencyLimit(1);
  void execute(full(manual().call), "");
  for (const policy of [pipeline(), pipeline(retry({ maxRetries: 0 }))]) {
    expect(await tryExecute(policy(echo), "hello")).toEqual({ ok: true, value: "hello" });
    const failed = await tryExecute(policy(script(reset).call), "");
    expect(failed).toMatchObject({
      ok: false,
      failure: { code: "CALL_FAILED", effect: "unknown", kind: "failed", message: "reset", cause: reset },
    });
  }
  const rejected = await tryExecute(pipeline(full)(echo), "");
  expect(rejected).toMatchObject({ ok: false, failure: { code: "LIMIT_REACHED", effect: "none" } });
  const controller = new AbortController();
  controller.abort();
  const aborted = await tryExecute(pipeline(full)(echo), "", { signal: controller.signal });
  expect(aborted).toMatchObject({ ok: false, failure: { code: "CALL_ABORTED" } });
});

test("a context in the caller's hands aborts the call, and says when work that its caller has left has ended", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { call, calls } = manual();
  const context = new CallContext({ clock, key: "k" });
  const left = watch(executeIn(context, call, "", controller.signal));
  controller.abort();
  await tick();
  expect(left.error).toMatchObject({ code: "CALL_ABORTED" });
  let ended = false;
  context.whenWorkEnds(() => {
    ended = true;
  });
  expect([ended, context.isOutlived]).toEqual([false, true]);
  calls[0]?.resolve("late");
  await tick();
  expect([ended, context.isOutlived]).toEqual([true, false]);

  const other = new CallContext({ clock });
  const ending = watch(executeIn(other, silent, ""));
  other.abort(failure({ code: "CLOSED" }));
  await tick();
  expect(ending.error).toMatchObject({ code: "CLOSED" });
});
