import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure, manual, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  CallContext,
  circuitBreaker,
  deadline,
  execute,
  type Failover,
  type FailoverOptions,
  type Failure,
  failover,
  failoverDefaults,
  loadBudget,
  type PolicyEvent,
  pipeline,
} from "../index.ts";

const failing = (error: unknown) => (): Promise<string> => Promise.reject(error);

function pair(error: unknown, options: FailoverOptions = {}): Failover<string, string> {
  return failover(
    [
      { name: "toss", call: failing(error) },
      { name: "kakao", call: echo },
    ],
    options,
  );
}

test("the first that answers is the answer, and the others are not asked", async () => {
  const { call, calls } = manual();
  const pay = failover([
    { name: "toss", call: echo },
    { name: "kakao", call },
  ]);
  await expect(execute(pay, "paid")).resolves.toBe("paid");
  expect(calls).toHaveLength(0);
  expect(pay.snapshot()).toEqual({
    kind: "failover",
    name: undefined,
    targets: [
      { name: "toss", tried: 1, answered: 1 },
      { name: "kakao", tried: 0, answered: 0 },
    ],
  });
});

test.each([
  ["certainly had no effect", failure(), true],
  ["was rejected by our own policies", failure({ kind: "rejected" }), true],
  ["failed for good without effect", failure({ transient: false }), true],
  ["was refused", failure({ kind: "refused" }), false],
  ["was aborted", failure({ kind: "aborted" }), false],
  ["may have taken effect", failure({ effect: "unknown" }), false],
  ["took effect", failure({ effect: "done" }), false],
  ["threw an error without facts", new Error("x"), false],
  ["made a mistake", new TypeError("x is not a function"), false],
])("after a call that %s, the next is asked only when that is safe", async (_, error, goesOn) => {
  // An idempotency key is no protection: another provider does not know it.
  const answer = execute(pair(error), "ok", { idempotent: true, key: "k" });
  if (goesOn) await expect(answer).resolves.toBe("ok");
  else await expect(answer).rejects.toBe(error);
});

test("reads may go on after a maybe, where that is said and the call is idempotent", async () => {
  expect(failoverDefaults.acceptUnknown).toBe(false);
  const error = failure({ effect: "unknown" });
  const read = pair(error, { acceptUnknown: true });
  await expect(execute(read, "ok", { idempotent: true })).resolves.toBe("ok");
  await expect(execute(read, "ok")).rejects.toBe(error);
  await expect(
    execute(pair(failure({ effect: "done" }), { acceptUnknown: true }), "", { idempotent: true }),
  ).rejects.toMatchObject({ effect: "done" });
});

test("when all fail, the last failure is thrown with the worst effect", async () => {
  const last = failure({ code: "LAST" });
  const read = failover(
    [
      { name: "a", call: failing(failure({ effect: "unknown" })) },
      { name: "b", call: failing(last) },
    ],
    { acceptUnknown: true },
  );
  await expect(execute(read, "", { idempotent: true })).rejects.toMatchObject({
    code: "LAST",
    effect: "unknown",
    cause: last,
  });
});

test("all of them spend one deadline, and none is asked when it has passed", async () => {
  const clock = new VirtualClock();
  const unsent = (_: string, context: CallContext): Promise<string> => {
    context.record("none");
    return deaf("", context);
  };
  const { call, calls } = manual();
  const events: PolicyEvent[] = [];
  const pay = failover(
    [
      { name: "a", call: pipeline(attemptTimeout("600ms"))(unsent) },
      { name: "b", call: pipeline(attemptTimeout("600ms"))(unsent) },
      { name: "c", call },
    ],
    { onEvent: (event) => void events.push(event) },
  );
  const answer = watch(execute(pipeline(deadline("1s"))(pay), "", { clock }));
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "none" });
  expect([calls.length, clock.pending]).toEqual([0, 0]);
  expect(events[0]).toMatchObject({ type: "failedOver", from: "a", to: "b" });
});

test("what an earlier one may have done is not forgotten while a later one runs", async () => {
  const clock = new VirtualClock();
  const { call, calls } = manual();
  const read = failover(
    [
      { name: "a", call: failing(failure({ effect: "unknown" })) },
      { name: "b", call },
    ],
    { acceptUnknown: true },
  );
  const answer = watch(execute(pipeline(deadline("1s"))(read), "", { clock, idempotent: true }));
  await clock.advance(0);
  calls[0]?.context.record("none");
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "unknown" });
});

test("no other is tried at the deadline or later", async () => {
  const events: PolicyEvent[] = [];
  const error = failure();
  const pay = pair(error, { onEvent: (event) => void events.push(event) });
  const context = new CallContext({ clock: new VirtualClock(), deadlineAtMs: 0 });
  await expect(pay("", context)).rejects.toBe(error);
  expect(events).toMatchObject([{ type: "failoverRefused", why: "pastDeadline" }]);
});

test("an open circuit costs no budget: switching away from a provider that is down is not extra load", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget({ ratio: 0, minPerSecond: 1, window: "1s" });
  const breaker = circuitBreaker({ minimumCalls: 1, clock });
  const pay = failover(
    [
      { name: "toss", call: breaker(failing(failure())) },
      { name: "kakao", call: echo },
    ],
    { budget },
  );
  for (let call = 0; call < 100; call += 1) {
    await expect(execute(pay, "paid", { clock })).resolves.toBe("paid");
  }
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 0, refused: 0 });
  expect(breaker.snapshot().state).toBe("open");
});

test("a call that went out and failed is followed only while the budget has room", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 0 });
  const pay = pair(failure(), { budget, name: "pay", onEvent: (event) => void events.push(event) });
  const answers = Array.from({ length: 100 }, () => watch(execute(pay, "paid", { clock })));
  await clock.advance(0);
  expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(20);
  expect(events.filter((event) => event.type === "failoverRefused")[0]).toMatchObject({
    name: "pay",
    from: "toss",
    why: "budgetExhausted",
  });
});

test("a next one that our own policies turn away gives its room back", async () => {
  const budget = loadBudget();
  const pay = failover(
    [
      { name: "a", call: failing(failure()) },
      { name: "b", call: failing(failure({ kind: "rejected" })) },
    ],
    { budget },
  );
  await execute(pay, "").catch(() => {});
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 1 });
});

test("what is not tried says why", async () => {
  const why = async (error: Failure): Promise<unknown> => {
    const events: PolicyEvent[] = [];
    const onEvent = (event: PolicyEvent): void => void events.push(event);
    await execute(pair(error, { onEvent }), "").catch(() => {});
    return events.map((event) => (event.type === "failoverRefused" ? event.why : event.type));
  };
  expect(await why(failure({ effect: "unknown" }))).toEqual(["notSafe"]);
  expect(await why(failure({ kind: "refused" }))).toEqual([]);
  expect(await why(failure())).toEqual(["failedOver"]);
});

test("an abort ends it: no other is asked, whatever the one that runs answers with", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { call, calls } = manual();
  const other = manual();
  const pay = failover([
    { name: "a", call },
    { name: "b", call: other.call },
  ]);
  const answer = watch(execute(pay, "", { clock, signal: controller.signal }));
  controller.abort();
  calls[0]?.reject(failure());
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED" });
  expect(other.calls).toHaveLength(0);
  await expect(execute(pay, "", { signal: AbortSignal.abort() })).rejects.toMatchObject({ effect: "none" });
});

test("wrong options are refused with their path and the fix", () => {
  const target = { name: "a", call: echo };
  expect(() => failover([])).toThrow("failover needs an array of at least one target; got an array");
  expect(() => failover("toss" as never)).toThrow('got "toss"');
  expect(() => failover([echo as never])).toThrow("failover[0] must be an object; got a function");
  expect(() => failover([{ call: echo } as never])).toThrow("failover[0].name must be a non-empty string");
  expect(() => failover([{ name: "a" } as never])).toThrow("failover[0].call must be a function");
  expect(() => failover([target, target])).toThrow('failover[1].name must differ from the others; got "a"');
  expect(() => failover([target], { budget: 1 as never })).toThrow(
    "failover.budget.reserve must be a function",
  );
  expect(() => failover([target], { acceptUnknown: 1 as never })).toThrow(
    "failover.acceptUnknown must be true",
  );
  expect(() => failover([target], { when: 1 } as never)).toThrow("failover.when is not an option");
});
