import { circuitBreaker, execute, pipeline, rateLimit } from "@outrigger/core";
import { answers, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { costs, pauses, right, usage, waits, wrong } from "./rate-limit.ts";

test("a burst goes through, and the rest is told when to come back", usage);
test("who waits is let through in order, and who would wait too long is told at once", waits);
test("a call may cost several permits", costs);
test("an answer that says when to come back pauses everybody", pauses);
test("a burst as large as the rate sends twice what a provider with fixed windows allows", wrong);
test("burst and permits together stay within what it allows", right);

test("a call that was not made gives its permit back", async () => {
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ clock });
  breaker.force("open", { reason: "a drill" });
  const limit = rateLimit({ permits: 10, per: "1s", clock });
  const call = pipeline(limit, breaker)(scripted([answers("ok")]));
  await expect(execute(call, 1, { clock })).rejects.toMatchObject({ code: "BREAKER_OPEN" });
  expect(limit.snapshot()).toMatchObject({ available: 10, refunded: 1 });
});

test("after a pause there is one permit, not a burst", async () => {
  const clock = new VirtualClock();
  const limit = rateLimit({ permits: 10, per: "1s", clock });
  limit.drain(1_000);
  await clock.advance(1_000);
  expect(limit.snapshot().available).toBeCloseTo(1);
});

test("a full line and a near deadline are told at once, an abort frees the place", async () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  const limit = rateLimit({
    permits: 1,
    per: "1s",
    mode: "wait",
    maxWait: "1m",
    maxWaiting: 1,
    clock,
    onEvent: events.listen,
  });
  const call = limit(scripted([answers("ok")]));
  await execute(call, 1, { clock });
  const hurried = execute(call, 2, { clock, deadlineAtMs: clock.now() + 500 });
  await expect(hurried).rejects.toMatchObject({ code: "WAIT_PAST_DEADLINE", retryAfterMs: 1_000 });
  const caller = new AbortController();
  const waiting = execute(call, 3, { clock, signal: caller.signal });
  await expect(execute(call, 4, { clock })).rejects.toMatchObject({
    code: "QUEUE_FULL",
    retryAfterMs: 1_000,
  });
  caller.abort();
  await expect(waiting).rejects.toMatchObject({ code: "CALL_ABORTED", effect: "none" });
  expect(events.of("queueLeft")).toMatchObject([{ policy: "rateLimit", outcome: "aborted" }]);
  expect(limit.snapshot()).toMatchObject({ waiting: 0, aborted: 1 });
  expect(clock.pending).toBe(0);
});

test("options of the waiting mode are refused without it", () => {
  expect(() => rateLimit({ permits: 1, per: "1s", maxWait: "1s" })).toThrow(
    'rateLimit.maxWait counts only with the mode "wait"; got mode "reject"',
  );
});
