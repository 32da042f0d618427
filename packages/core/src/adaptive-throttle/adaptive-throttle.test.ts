import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, manual, script, watch } from "../../test/calls.ts";
import {
  type AdaptiveThrottle,
  type AdaptiveThrottleOptions,
  adaptiveThrottle,
  adaptiveThrottleDefaults,
  type Call,
  CallContext,
  execute,
  type PolicyEvent,
  pipeline,
  planOf,
  retry,
} from "../index.ts";

const failing: Call<string, string> = () => Promise.reject(failure());
/** Everybody who can be turned away is. */
const unlucky = (): number => 0;

function throttled(options: AdaptiveThrottleOptions = {}): {
  clock: VirtualClock;
  throttle: AdaptiveThrottle;
} {
  const clock = new VirtualClock();
  return { clock, throttle: adaptiveThrottle({ clock, random: unlucky, ...options }) };
}

async function times(count: number, throttle: AdaptiveThrottle, call: Call<string, string>): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await throttle(call)("", new CallContext()).catch(() => {});
  }
}

test("while the other side accepts too few, calls are turned away, and told why and when to come back", async () => {
  const { throttle } = throttled({ name: "toss" });
  await times(3, throttle, echo);
  await times(7, throttle, failing);
  const rejected = execute(throttle(echo), "");
  await expect(rejected).rejects.toMatchObject({
    code: "ADAPTIVE_THROTTLED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
    message:
      "the adaptive throttle of toss turns away 36 % of the calls: 3 of 11 requests were accepted in 2 m; " +
      "try again in 1 s",
  });
  expect(throttle.snapshot()).toEqual({
    kind: "adaptiveThrottle",
    name: "toss",
    k: 2,
    windowMs: 120_000,
    maxRejection: 0.9,
    requests: 11,
    accepts: 3,
    rejectionProbability: 5 / 12,
    rejected: 1,
  });
});

test("a refusal is an answer, so it was accepted; an abort and an inner rejection count as nothing", async () => {
  const { throttle } = throttled();
  await times(1, throttle, () => Promise.reject(failure({ kind: "refused" })));
  await times(5, throttle, () => Promise.reject(failure({ kind: "rejected" })));
  await times(5, throttle, () => Promise.reject(failure({ kind: "aborted" })));
  await times(1, throttle, () => {
    throw new Error("thrown before the first await");
  });
  expect(throttle.snapshot()).toMatchObject({ requests: 2, accepts: 1 });
});

test("what counts as not accepted can be chosen, and a broken choice is not heard", async () => {
  const { throttle } = throttled({
    isFailure: (error) => {
      const { code } = error as { code: string };
      if (code === "BROKEN") throw new Error("predicate");
      return code === "HTTP_503";
    },
  });
  await times(1, throttle, () => Promise.reject(failure({ code: "HTTP_503" })));
  await times(1, throttle, () => Promise.reject(failure({ code: "HTTP_500" })));
  await times(1, throttle, () => Promise.reject(failure({ code: "HTTP_503", kind: "refused" })));
  await times(1, throttle, () => Promise.reject(failure({ code: "BROKEN" })));
  await times(1, throttle, echo);
  expect(throttle.snapshot()).toMatchObject({ requests: 5, accepts: 2 });
});

test("a rejection is not repeated by a retry around it", async () => {
  const { clock, throttle } = throttled({ minimumRequests: 1 });
  await times(5, throttle, failing);
  const { call, contexts } = script("ok");
  const answer = watch(execute(pipeline(retry(), throttle)(call), "", { clock, idempotent: true }));
  await clock.advance(0);
  expect([(answer.error as { code: string }).code, contexts.length]).toEqual(["ADAPTIVE_THROTTLED", 0]);
});

test("the listener hears of rejections, and of the throttling once when it begins and ends; it cannot break a call", async () => {
  const events: PolicyEvent[] = [];
  const { clock, throttle } = throttled({
    window: "10s",
    minimumRequests: 2,
    onEvent: (event) => {
      events.push(event);
      throw new Error("listener");
    },
  });
  await times(2, throttle, failing);
  await times(3, throttle, echo);
  expect(events.map(({ type }) => type)).toEqual(["throttlingChanged", ...Array(3).fill("callThrottled")]);
  expect(events[0]).toEqual({
    type: "throttlingChanged",
    name: undefined,
    throttling: true,
    reason: "0 of 2 requests were accepted in 10 s",
  });
  expect(events[1]).toMatchObject({ probability: 2 / 3, retryAfterMs: 1_000 });
  await clock.advance(10_000);
  await times(3, throttle, echo);
  expect(events.slice(4)).toMatchObject([{ type: "throttlingChanged", throttling: false }]);
});

test("calls that are under way are not held against the other side", async () => {
  const { throttle } = throttled();
  const { call, calls } = manual();
  for (let index = 0; index < 100; index += 1) void watch(execute(throttle(call), ""));
  expect([calls.length, throttle.snapshot().requests]).toEqual([100, 0]);
});

test("a wall clock that jumps changes nothing, and nothing keeps the process alive", async () => {
  const { clock, throttle } = throttled();
  await times(20, throttle, failing);
  const before = throttle.snapshot();
  clock.jumpWall(-3_600_000);
  expect(throttle.snapshot()).toEqual(before);
  expect(clock.pending).toBe(0);
});

test("settings change while calls run, and what was counted stays", async () => {
  const { throttle } = throttled();
  await times(5, throttle, echo);
  await times(15, throttle, failing);
  const { requests, accepts } = throttle.snapshot();
  throttle.reconfigure({ k: 100 });
  expect(throttle.snapshot()).toMatchObject({ k: 100, requests, accepts, rejectionProbability: 0 });
  throttle.reconfigure({ maxRejection: 0.25, k: undefined });
  expect(throttle.snapshot()).toMatchObject({ k: 2, rejectionProbability: 0.25 });
  throttle.reconfigure({ window: "1m" });
  expect(throttle.snapshot()).toMatchObject({ windowMs: 60_000, requests, accepts, maxRejection: 0.25 });
  expect(() => throttle.reconfigure({ k: 0 })).toThrow("adaptiveThrottle.k must be");
  expect(() => throttle.reconfigure({ clock: {} } as never)).toThrow(
    "adaptiveThrottle.clock is not an option",
  );
  expect(throttle.snapshot()).toMatchObject({ windowMs: 60_000, k: 2, maxRejection: 0.25 });
});

test("it tells a pipeline what it is", () => {
  const { clock, throttle } = throttled({ name: "toss" });
  expect(planOf(throttle)).toMatchObject({ kind: "gate", policy: "adaptiveThrottle", name: "toss", clock });
});

test("the defaults are the published ones, and nobody is turned away by them without a reason", () => {
  expect(adaptiveThrottleDefaults).toEqual({
    k: 2,
    window: "2m",
    maxRejection: 0.9,
    minimumRequests: 10,
    retryAfter: "1s",
  });
  expect(adaptiveThrottle().snapshot()).toMatchObject({ requests: 0, rejectionProbability: 0, rejected: 0 });
});

test.each<[AdaptiveThrottleOptions | Record<string, unknown>, string]>([
  [{ k: 0.5 }, "adaptiveThrottle.k must be a number, between 1 and 100; got 0.5"],
  [{ k: Number.NaN }, "adaptiveThrottle.k must be a number, between 1 and 100; got NaN"],
  [{ k: "2" }, 'adaptiveThrottle.k must be a number, between 1 and 100; got "2"'],
  [{ maxRejection: 0 }, "adaptiveThrottle.maxRejection must be a ratio above 0 and at most 0.999; got 0"],
  [{ maxRejection: 1 }, "got 1: with 1 nothing would be let through to notice that the other side is back"],
  [{ window: 120_000 }, "adaptiveThrottle.window must be a duration"],
  [{ window: "9ms" }, "adaptiveThrottle.window must lie between 10ms and"],
  [{ minimumRequests: 0 }, "adaptiveThrottle.minimumRequests must be a whole number, at least 1; got 0"],
  [{ retryAfter: "-1s" }, "adaptiveThrottle.retryAfter must be"],
  [{ isFailure: true }, "adaptiveThrottle.isFailure must be a function; got true"],
  [{ random: 0.5 }, "adaptiveThrottle.random must be a function; got 0.5"],
  [{ clock: {} }, "adaptiveThrottle.clock.now must be a function; got undefined"],
  [{ maxRejections: 0.5 }, 'adaptiveThrottle.maxRejections is not an option; did you mean "maxRejection"?'],
  [{ onEvent: 1 }, "adaptiveThrottle.onEvent must be a function; got 1"],
])("%j is refused with its path and the fix", (options, message) => {
  expect(() => adaptiveThrottle(options as AdaptiveThrottleOptions)).toThrow(message);
});
