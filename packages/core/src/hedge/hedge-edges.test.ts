import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure, manual, watch } from "../../test/calls.ts";
import { CallContext, hedge, type LoadBudget, loadBudget, type PolicyEvent, planOf } from "../index.ts";

/** Time at which these tests begin: not 0, so that an instant is told from a length of time. */
const startMs = 5_000;
const idempotent = true;

async function clockAtStart(): Promise<VirtualClock> {
  const clock = new VirtualClock();
  await clock.advance(startMs);
  return clock;
}

/** A budget that allows everything and writes down what it is told. */
function told(): { budget: LoadBudget; log: string[] } {
  const log: string[] = [];
  const budget: LoadBudget = {
    name: undefined,
    ratio: 1,
    began: () => void log.push("began"),
    succeeded: () => void log.push("succeeded"),
    failed: () => void log.push("failed"),
    reserve: () => ({ refund: () => void log.push("refund") }),
  };
  return { budget, log };
}

test("a hedge tells after how long it was sent, and its losers why they were stopped", async () => {
  const clock = await clockAtStart();
  const events: PolicyEvent[] = [];
  const policy = hedge({
    delay: "100ms",
    budget: told().budget,
    onEvent: (event) => void events.push(event),
  });
  const { call, calls } = manual();
  const answer = watch(policy(call)("", new CallContext({ clock, idempotent, operation: "map" })));
  await clock.advance(100);
  expect(events).toEqual([
    { type: "hedgeStarted", name: undefined, operation: "map", hedge: 1, afterMs: 100 },
  ]);
  calls[1]?.resolve("ok");
  await clock.advance(0);
  expect(answer.value).toBe("ok");
  expect(calls[0]?.context.abortReason).toMatchObject({
    message: "another call for the same answer was faster",
    effect: "unknown",
  });
});

test("a refused hedge bothers nobody where nobody listens", async () => {
  const clock = await clockAtStart();
  const budget: LoadBudget = { ...told().budget, reserve: () => undefined };
  const policy = hedge({ delay: "10ms", budget });
  const { call, calls } = manual();
  const answer = watch(policy(call)("", new CallContext({ clock, idempotent })));
  await clock.advance(20);
  expect(policy.snapshot()).toMatchObject({ refused: 1, started: 0 });
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect(answer.value).toBe("ok");
});

test("an abort of the whole is answered by the hedge itself, with the worst effect, and leaves no timer", async () => {
  const clock = await clockAtStart();
  const policy = hedge({ delay: "100ms", maxHedges: 3, budget: told().budget });
  const { call, calls } = manual();
  const context = new CallContext({ clock, idempotent });
  const answer = watch(policy(call)("", context));
  await clock.advance(100);
  for (const each of calls) each.context.record("none");
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  expect(clock.pending).toBe(0);
  // Neither call obeys, and still the caller is answered.
  await clock.advance(0);
  expect(answer.error).toBe(reason);
  expect(calls.map((each) => each.context.abortReason)).toEqual([reason, reason]);
});

test.each([
  ["a success", undefined, ["began", "succeeded"]],
  ["a failure that may pass", { transient: true }, ["began", "failed"]],
  ["a failure that will not pass", { transient: false }, ["began"]],
  ["a refusal", { kind: "refused" }, ["began"]],
  ["a rejection of ours", { kind: "rejected", transient: true }, ["began"]],
] as const)("the budget is told of %s as what it is", async (_, init, log) => {
  const clock = await clockAtStart();
  const recording = told();
  const { call, calls } = manual();
  void watch(
    hedge({ delay: "1s", budget: recording.budget })(call)("", new CallContext({ clock, idempotent })),
  );
  if (init === undefined) calls[0]?.resolve("ok");
  else calls[0]?.reject(failure(init));
  await clock.advance(0);
  expect(recording.log).toEqual(log);
});

test("a call that shares its budget with a policy around it begins once", async () => {
  const clock = await clockAtStart();
  const { budget, log } = told();
  const context = new CallContext({ clock, idempotent });
  context.countedIn = budget;
  const { call, calls } = manual();
  void watch(hedge({ delay: "1s", budget })(call)("", context));
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect(log).toEqual(["succeeded"]);
});

test.each([
  ["none", ["began", "refund"]],
  ["unknown", ["began"]],
] as const)("a hedge that was rejected with effect %s takes its room accordingly", async (effect, log) => {
  const clock = await clockAtStart();
  const recording = told();
  const { call, calls } = manual();
  void watch(
    hedge({ delay: "1s", budget: recording.budget })(call)("", new CallContext({ clock, idempotent })),
  );
  await clock.advance(1_000);
  calls[1]?.reject(failure({ kind: "rejected", effect }));
  await clock.advance(0);
  expect(recording.log).toEqual(log);
});

test("our own rejection of the first call is told when no other call got any further", async () => {
  const clock = await clockAtStart();
  const { call, calls } = manual();
  const answer = watch(
    hedge({ delay: "1s", budget: told().budget })(call)("", new CallContext({ clock, idempotent })),
  );
  const first = failure({ kind: "rejected", code: "FIRST" });
  calls[0]?.reject(first);
  await clock.advance(0);
  expect(answer.error).toBe(first);
});

test("once a call has answered, the effect of the whole is that of no part any more", async () => {
  const clock = await clockAtStart();
  const { call, calls } = manual();
  const context = new CallContext({ clock, idempotent });
  void watch(hedge({ delay: "1s", budget: told().budget })(call)("", context));
  calls[0]?.context.record("none");
  expect(context.effect).toBe("none");
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect(context.effect).toBe("unknown");
});

test("a refusal counts as an answer, with its own time, for how long calls take", async () => {
  const clock = await clockAtStart();
  const policy = hedge({ percentile: 0.5, budget: loadBudget() });
  for (let index = 0; index < 100; index += 1) {
    const { call, calls } = manual();
    const answer = watch(policy(call)("", new CallContext({ clock, idempotent })));
    await clock.advance(40);
    if (index % 2 === 0) calls[0]?.resolve("ok");
    else calls[0]?.reject(failure({ kind: "refused" }));
    await clock.advance(0);
    expect(answer.status).not.toBe("waiting");
    if (index < 98) expect(policy.snapshot().delayMs).toBeNull();
  }
  // The hundredth is enough.
  const { call } = manual();
  void watch(policy(call)("", new CallContext({ clock, idempotent })));
  const { delayMs } = policy.snapshot();
  expect(delayMs).toBeGreaterThan(35);
  expect(delayMs).toBeLessThan(45);
});

test("a change keeps what it leaves out, and what excludes each other takes each other's place", () => {
  const policy = hedge({ percentile: 0.9, minDelay: "5ms", budget: loadBudget() });
  const plan = (): unknown => planOf(policy);
  policy.reconfigure({ maxHedges: 3 });
  expect(plan()).toMatchObject({ maxHedges: 3, delayMs: undefined, percentile: 0.9 });
  policy.reconfigure({ delay: "20ms" });
  expect(plan()).toMatchObject({ maxHedges: 3, delayMs: 20, percentile: undefined });
  policy.reconfigure({ maxHedges: 2 });
  expect(plan()).toMatchObject({ maxHedges: 2, delayMs: 20 });
  policy.reconfigure({ minDelay: "1ms" });
  expect(plan()).toMatchObject({ maxHedges: 2, delayMs: undefined, percentile: 0.95 });
});
