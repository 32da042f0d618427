import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure, watch } from "../../test/calls.ts";
import { execute, fixed, retry, retryThrottle } from "../index.ts";

test("from a full bucket of 10, a total outage gets exactly 4 retries", () => {
  const throttle = retryThrottle({ maxTokens: 10, tokenRatio: 0.1 });
  let retries = 0;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    throttle.failed?.();
    if (throttle.reserve(0) !== undefined) retries += 1;
  }
  expect(retries).toBe(4);
  expect(throttle.snapshot()).toEqual({
    kind: "retryThrottle",
    name: undefined,
    tokens: 0,
    maxTokens: 10,
    refused: 96,
  });
});

test("one failure in eleven attempts is what a ratio of 0.1 bears; one in ten wears it out", () => {
  const after = (successes: number): number => {
    const throttle = retryThrottle();
    for (let round = 0; round < 1_000; round += 1) {
      throttle.failed?.();
      for (let success = 0; success < successes; success += 1) throttle.succeeded?.();
    }
    return throttle.snapshot().tokens;
  };
  expect(after(10)).toBe(10);
  expect(after(9)).toBe(0.9);
});

test("a retry pays for every failed attempt and earns by every success", async () => {
  const clock = new VirtualClock();
  const throttle = retryThrottle({ maxTokens: 4, tokenRatio: 0.5 });
  const policy = retry({ backoff: fixed("0ms"), budget: throttle });
  const answer = watch(
    execute(
      policy(() => Promise.reject(failure())),
      "",
      { clock },
    ),
  );
  await clock.advance(10);
  // 4 tokens: 3 after the first failure, which is more than half; 2 after the second, which is not.
  expect(answer.status).toBe("rejected");
  expect([throttle.snapshot().tokens, policy.snapshot().scheduled]).toEqual([2, 1]);
  await execute(
    policy(async () => "ok"),
    "",
    { clock },
  );
  expect(throttle.snapshot().tokens).toBe(2.5);
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => retryThrottle({ maxTokens: 0 })).toThrow(
    "retryThrottle.maxTokens must be a number between 0.001 and 1000; got 0",
  );
  expect(() => retryThrottle({ tokenRatio: Number.NaN })).toThrow("retryThrottle.tokenRatio");
  expect(() => retryThrottle({ ratio: 1 } as never)).toThrow("retryThrottle.ratio is not an option");
  expect(() => retryThrottle({ name: "" })).toThrow("retryThrottle.name must be");
});
