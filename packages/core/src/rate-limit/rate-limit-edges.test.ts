import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, manual, silent, watch } from "../../test/calls.ts";
import {
  CallContext,
  execute,
  type PolicyEvent,
  type RateLimit,
  type RateLimitOptions,
  rateLimit,
} from "../index.ts";
import { Gcra } from "./gcra.ts";

/** Time at which these tests begin: not 0, so that an instant is told from a length of time. */
const startMs = 5_000;

/** One permit a second, and one at once, unless told otherwise. */
async function limited(
  options: Partial<RateLimitOptions> = {},
): Promise<{ clock: VirtualClock; limit: RateLimit; events: PolicyEvent[] }> {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): void => void events.push(event);
  const limit = rateLimit({ permits: 1, per: "1s", clock, onEvent, ...options });
  await clock.advance(startMs);
  return { clock, limit, events };
}

const waiting = { mode: "wait", maxWait: "10s" } as const;

test("a pause that changes nothing is none, and takes nobody's refund", () => {
  const gcra = new Gcra({ permits: 1, perMs: 1_000, burst: 2 });
  const taken = gcra.take(1, 100);
  expect([gcra.pause(100, 101), gcra.pause(101, 101), gcra.pausedForMs(101)]).toEqual([false, false, 0]);
  expect(gcra.refund(taken, 101)).toBeCloseTo(0.999, 9);
  const again = gcra.take(1, 200);
  expect([gcra.pause(500, 200), gcra.pause(500, 201), gcra.pause(400, 201)]).toEqual([true, false, false]);
  expect(gcra.pausedForMs(201)).toBe(299);
  // Taken in the very instant of the pause: the bucket is another one now.
  expect(gcra.refund(again, 300)).toBe(0);
});

test("while it is paused nothing is available, however soon the pause ends", async () => {
  const { clock, limit, events } = await limited({ permits: 2, burst: 2, name: "toss" });
  limit.drain(startMs + 100);
  expect(limit.snapshot()).toMatchObject({ available: 0, pausedForMs: 100 });
  expect(events).toEqual([{ type: "ratePaused", name: "toss", pauseMs: 100 }]);
  await clock.advance(100);
  expect(limit.snapshot()).toMatchObject({ available: 1, pausedForMs: 0 });
});

test("a call that was turned away inside gives its permit back, at any time and however it was taken", async () => {
  for (const options of [{}, waiting, { cost: () => 1 }] as const) {
    const { clock, limit } = await limited({ permits: 4, ...options });
    const rejected = limit(() => Promise.reject(failure({ kind: "rejected" })));
    for (let round = 0; round < 3; round += 1) {
      await expect(execute(rejected, "", { clock })).rejects.toMatchObject({ kind: "rejected" });
      expect(limit.snapshot()).toMatchObject({ available: 4, spent: round + 1, refunded: round + 1 });
      await clock.advance(1_500);
    }
  }
});

test("an answer that says when to come back pauses those who wait as well", async () => {
  const { clock, limit } = await limited({ permits: 2, ...waiting });
  const throttled = limit(() => Promise.reject(failure({ effect: "unknown", retryAfterMs: 3_000 })));
  await expect(execute(throttled, "", { clock })).rejects.toMatchObject({ retryAfterMs: 3_000 });
  expect(limit.snapshot().pausedForMs).toBe(3_000);
});

test("a call that is aborted already takes nothing and is not made", async () => {
  const { clock, limit } = await limited(waiting);
  const { call, calls } = manual();
  const context = new CallContext({ clock });
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  await expect(limit(call)("", context)).rejects.toBe(reason);
  expect([calls.length, limit.snapshot().spent]).toEqual([0, 0]);
});

test("who rejects rather than waits says so also where the deadline is near", async () => {
  const { clock, limit } = await limited({ cost: () => 1 });
  await limit(echo)("", new CallContext({ clock }));
  const context = new CallContext({ clock, deadlineAtMs: startMs + 10 });
  await expect(limit(echo)("", context)).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 1_000 });
});

test("while a call waits its effect is none, and open again once it is made or has left", async () => {
  const { clock, limit, events } = await limited({ ...waiting, name: "toss" });
  await limit(echo)("", new CallContext({ clock }));
  const [first, second] = [0, 1].map(() => new CallContext({ clock, operation: "pay" }));
  void watch(limit(silent)("", first as CallContext));
  const aborted = watch(limit(silent)("", second as CallContext));
  expect([first?.effect, second?.effect]).toEqual(["none", "none"]);
  await clock.advance(1_000);
  expect([first?.effect, second?.effect]).toEqual(["unknown", "none"]);
  await clock.advance(40);
  second?.abort(failure({ kind: "aborted" }));
  await clock.advance(0);
  expect([second?.effect, aborted.status]).toEqual(["unknown", "rejected"]);
  const left = { type: "queueLeft", name: "toss", operation: "pay", policy: "rateLimit" };
  expect(events).toEqual([
    { ...left, waitedMs: 1_000, outcome: "admitted" },
    { ...left, waitedMs: 1_040, outcome: "aborted" },
  ]);
});

test("nobody waits for longer than it makes sense, and is told why in whole", async () => {
  const { clock, limit } = await limited({ ...waiting, maxWait: "1s", maxWaiting: 1 });
  await limit(echo)("", new CallContext({ clock }));
  await clock.advance(400);
  const ask = (leftMs = 9_000): Promise<string> =>
    limit(echo)("", new CallContext({ clock, deadlineAtMs: clock.now() + leftMs }));
  await expect(ask(600)).rejects.toMatchObject({
    code: "WAIT_PAST_DEADLINE",
    retryAfterMs: 600,
    message: "the wait for the rate limit is 600 ms, and the call has 600 ms left",
  });
  const inTime = watch(ask(601));
  await expect(ask()).rejects.toMatchObject({
    code: "RATE_LIMITED",
    retryAfterMs: 1_600,
    message: "the rate limit is used up; try again in 1600 ms",
  });
  limit.reconfigure({ maxWait: "5s" });
  await expect(ask()).rejects.toMatchObject({
    code: "QUEUE_FULL",
    retryAfterMs: 600,
    message: "1 calls wait for the rate limit already; try again in 600 ms",
  });
  await clock.advance(600);
  expect(inTime.status).toBe("fulfilled");
});

test("a pause tells who waits past its deadline so, and who waits too long otherwise", async () => {
  for (const [untilMs, atMs, message] of [
    [2_001, 100, "the wait for the rate limit is 1901 ms, and the call has 1900 ms left"],
    [2_000, 2_000, "the wait for the rate limit is 0 ms, and the call has 0 ms left"],
  ] as const) {
    const { clock, limit, events } = await limited(waiting);
    await limit(echo)("", new CallContext({ clock }));
    const context = new CallContext({ clock, deadlineAtMs: startMs + 2_000 });
    const answer = watch(limit(silent)("", context));
    await clock.advance(100);
    limit.drain(startMs + untilMs);
    await clock.advance(atMs - 100);
    expect(answer.error).toMatchObject({ code: "WAIT_PAST_DEADLINE", message });
    expect(events.find(({ type }) => type === "queueLeft")).toMatchObject({
      waitedMs: atMs,
      outcome: "WAIT_PAST_DEADLINE",
    });
    expect(context.effect).toBe("unknown");
  }
  const { clock, limit } = await limited(waiting);
  await limit(echo)("", new CallContext({ clock }));
  const answer = watch(limit(silent)("", new CallContext({ clock, deadlineAtMs: startMs + 60_000 })));
  limit.drain(startMs + 10_001);
  await clock.advance(0);
  expect(answer.error).toMatchObject({
    code: "RATE_LIMITED",
    message: "the rate limit is paused; try again in 10001 ms",
  });
});

test("who can never have so many permits any more is told in whole", async () => {
  const { clock, limit, events } = await limited({ ...waiting, permits: 3, cost: Number });
  void watch(limit(echo)("3", new CallContext({ clock })));
  const answer = watch(limit(echo)("3", new CallContext({ clock, deadlineAtMs: startMs + 60_000 })));
  limit.reconfigure({ burst: 2 });
  await clock.advance(0);
  expect(answer.error).toMatchObject({
    code: "RATE_LIMITED",
    transient: false,
    retryAfterMs: undefined,
    message: "the rate limit was lowered to a burst of 2, less than the call costs",
  });
  expect(events.map(({ type }) => type)).toContain("rateLimited");
  expect(clock.pending).toBe(0);
});

test("who is behind one that goes away is let through at once where the permits are there", async () => {
  const { clock, limit } = await limited({ ...waiting, permits: 3, per: "3s", cost: Number });
  await limit(echo)("2", new CallContext({ clock }));
  const ahead = new CallContext({ clock });
  void watch(limit(echo)("3", ahead));
  const behind = watch(limit(echo)("1", new CallContext({ clock })));
  expect([limit.snapshot().waiting, clock.pending]).toEqual([2, 1]);
  ahead.abort(failure({ kind: "aborted" }));
  expect([limit.snapshot().waiting, clock.pending]).toEqual([0, 0]);
  await clock.advance(0);
  expect(behind.status).toBe("fulfilled");
});

test("who is behind one that a lower burst turns away is let through at once", async () => {
  const { clock, limit } = await limited({ ...waiting, permits: 3, per: "3s", cost: Number });
  await limit(echo)("2", new CallContext({ clock }));
  const tooMuch = watch(limit(echo)("3", new CallContext({ clock })));
  const behind = watch(limit(echo)("1", new CallContext({ clock })));
  limit.reconfigure({ burst: 2 });
  expect([limit.snapshot().waiting, clock.pending]).toEqual([0, 0]);
  await clock.advance(0);
  expect([tooMuch.status, behind.status]).toEqual(["rejected", "fulfilled"]);
});

test("permits that come back bring the turn of who waits forward", async () => {
  const { clock, limit } = await limited({ ...waiting, permits: 2, per: "2s", cost: Number });
  const { call, calls } = manual();
  for (const input of ["1", "1"]) void watch(limit(call)(input, new CallContext({ clock })));
  const both = watch(limit(echo)("2", new CallContext({ clock })));
  await clock.advance(500);
  calls[1]?.reject(failure({ kind: "rejected" }));
  await clock.advance(499);
  expect(both.status).toBe("waiting");
  await clock.advance(1);
  expect(both.status).toBe("fulfilled");
});
