import {
  attemptTimeout,
  CallContext,
  deadline,
  execute,
  Failure,
  fixed,
  pipeline,
  type RetryOptions,
  retry,
} from "@outrigger/core";
import { expect, test } from "vitest";
import { VirtualClock } from "../time/virtual-clock.ts";
import { answers, fails, hangs, returns, throws } from "./outcomes.ts";
import { recordEvents } from "./record-events.ts";
import { scripted } from "./scripted.ts";

const busy = new Failure("busy", { code: "BUSY", effect: "none" });
const every100: RetryOptions = { maxRetries: 3, backoff: fixed("100ms"), jitter: "none" };

test("attempts go as written, and those beyond the script like its last one", async () => {
  const clock = new VirtualClock();
  const call = scripted([fails(busy), answers("first"), answers("then")]);
  await expect(execute(call, 1, { clock })).rejects.toBe(busy);
  expect(await execute(call, 2, { clock })).toBe("first");
  expect(await execute(call, 3, { clock, key: "k" })).toBe("then");
  expect(await execute(call, 4, { clock })).toBe("then");
  expect(call.attempts.map(({ status, input, key }) => [status, input, key])).toEqual([
    ["failed", 1, undefined],
    ["answered", 2, undefined],
    ["answered", 3, "k"],
    ["answered", 4, undefined],
  ]);
  expect([clock.pending, call.running]).toEqual([0, 0]);
});

test("an attempt takes its time, and waits and starts say what a retry did", async () => {
  const clock = new VirtualClock();
  const call = scripted([
    fails(busy, { after: "50ms" }),
    fails(busy, { after: "10ms" }),
    answers("paid", { after: "1s" }),
  ]);
  const paid = execute(retry(every100)(call), "", { clock });
  await clock.advance(1_259);
  expect([call.running, call.attempts.at(-1)]).toMatchObject([
    1,
    { attempt: 3, startedAtMs: 260, endedAtMs: undefined, aborted: false },
  ]);
  await clock.advance(1);
  expect(await paid).toBe("paid");
  expect(call.waits).toEqual([100, 100]);
  expect(call.starts).toEqual([0, 150, 260]);
  expect(call.attempts.map(({ attempt, endedAtMs }) => [attempt, endedAtMs])).toEqual([
    [1, 50],
    [2, 160],
    [3, 1_260],
  ]);
});

test("a hanging attempt stops when it is told to, and says why it was", async () => {
  const clock = new VirtualClock();
  const call = scripted([hangs(), answers("second", { after: "30ms" })]);
  const policy = pipeline(retry(every100), attemptTimeout("500ms"));
  const answer = execute(policy(call), "", { clock, idempotent: true });
  await clock.advance(630);
  expect(await answer).toBe("second");
  expect(call.attempts[0]).toMatchObject({
    aborted: true,
    abortCode: "ATTEMPT_TIMEOUT",
    endedAtMs: 500,
    status: "failed",
  });
  expect([call.waits, call.running, clock.pending]).toEqual([[100], 0, 0]);
});

test("a deaf attempt goes on after its caller was answered", async () => {
  const clock = new VirtualClock();
  const call = scripted([answers("late", { after: "2s", deaf: true }), answers("in time")]);
  const policy = pipeline(retry(every100), attemptTimeout("1s"));
  const answer = execute(policy(call), "", { clock, idempotent: true });
  await clock.advance(1_100);
  expect(await answer).toBe("in time");
  expect([call.running, call.waits]).toEqual([1, [100]]);
  await clock.advance(900);
  expect(call.running).toBe(0);
  expect(call.attempts[0]).toMatchObject({ aborted: true, status: "answered", endedAtMs: 2_000 });
});

test("an attempt that still runs when the next one starts was not waited for", async () => {
  const clock = new VirtualClock();
  const call = scripted([hangs({ deaf: true }), hangs({ deaf: true })]);
  void execute(call, "", { clock });
  await clock.advance(40);
  void execute(call, "", { clock });
  expect([call.waits, call.starts, call.running]).toEqual([[0], [0, 40], 2]);
});

test("an attempt says how far it came, as a transport does", async () => {
  const clock = new VirtualClock();
  for (const effect of ["none", "unknown", "done"] as const) {
    const answer = execute(deadline("1s")(scripted([hangs({ effect })])), "", { clock });
    const told = expect(answer).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", effect });
    await clock.advance(1_000);
    await told;
  }
});

test("a throw before the first await, plain values, undefined and thenables come out as they are", async () => {
  // biome-ignore lint/suspicious/noThenProperty: a thenable is the case under test.
  const thenable = { then: (resolve: (value: number) => void) => resolve(8) };
  const bare = scripted([throws(busy), returns(7)]);
  expect(() => bare("", new CallContext())).toThrow(busy);
  expect(bare("", new CallContext())).toBe(7);
  const through = retry({ maxRetries: 0 })(scripted([throws(busy), returns(7), returns(undefined)]));
  await expect(execute(through, "")).rejects.toBe(busy);
  expect([await execute(through, ""), await execute(through, "")]).toEqual([7, undefined]);
  expect(await execute(retry()(scripted([returns(thenable)])), "")).toBe(8);
});

test("a script without outcomes and a bare number as a time are refused with what to write", () => {
  expect(() => scripted([])).toThrow('scripted needs at least one outcome; write scripted([answers("ok")])');
  expect(() => answers("x", { after: 50 as never })).toThrow("answers.after");
  expect(() => fails(busy, { after: "soon" as never })).toThrow("fails.after");
});

test("an attempt whose call was aborted before does not start to run", async () => {
  const clock = new VirtualClock();
  const call = scripted([answers("late", { after: "1s" })]);
  let context: Parameters<typeof call>[1] | undefined;
  const take = async (_: unknown, own: Parameters<typeof call>[1]): Promise<void> => {
    context = own;
  };
  await execute(take, "", { clock });
  context?.abort(busy);
  if (context !== undefined) await expect(call("", context)).rejects.toBe(busy);
  expect([clock.pending, call.running, call.attempts[0]?.abortCode]).toEqual([0, 0, "BUSY"]);
});

test("recorded events are there by type, in order, until they are cleared", async () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  const call = scripted([fails(busy), fails(busy), answers("ok")]);
  const answer = execute(retry({ ...every100, name: "pay", onEvent: events.listen })(call), "", { clock });
  await clock.advance(200);
  expect(await answer).toBe("ok");
  expect(events.types).toEqual(["retryScheduled", "retryScheduled"]);
  expect(events.of("retryScheduled").map(({ retry, waitMs }) => [retry, waitMs])).toEqual([
    [1, 100],
    [2, 100],
  ]);
  expect([events.of("breakerOpened"), events.all.length]).toEqual([[], 2]);
  events.clear();
  expect(events.all).toEqual([]);
});
