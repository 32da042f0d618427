import { expect, test } from "vitest";
import { rateLimitsOf, usedUpForMs } from "./rate-limit.ts";

test("quotas are read by name, from both headers", () => {
  const headers = {
    ratelimit: '"burst";r=0;t=10, "day";r=7;t=3600',
    "ratelimit-policy": '"burst";q=100;w=60;qu="requests", "month";q=5;w=9999999999',
  };
  expect(rateLimitsOf(headers)).toEqual([
    { policy: "burst", remaining: 0, resetMs: 10_000, quota: 100, windowMs: 60_000 },
    { policy: "day", remaining: 7, resetMs: 3_600_000, quota: undefined, windowMs: undefined },
    { policy: "month", remaining: undefined, resetMs: undefined, quota: 5, windowMs: 7 * 86_400_000 },
  ]);
  expect(usedUpForMs(headers)).toBe(10_000);
});

test.each([
  ['"a";r=0;t=10', 10_000],
  ["a;r=0;t=10", 10_000],
  ['"a, b;r=9";r=0;t=1', 1_000],
  ['"a\\"b"; r=0; t=2', 2_000],
  ['"a";r=0;t=10,"b";r=0;t=20', 20_000],
  ['"a";r=1;t=10', undefined],
  ['"a";r=0', undefined],
  ['"a";r=0;t=99999999999', 7 * 86_400_000],
  ['"a";r=0;t=1e9', undefined],
  ['"a";r=0;t=-1', undefined],
  ['"a";r=-1;t=10', undefined],
  ['"a";r=0;t=10,', undefined],
  ['"a";r=0;t=10;', undefined],
  ['"a;r=0;t=10', undefined],
  ["limit=10, remaining=0, reset=10", undefined],
  ["", undefined],
  [`"${"a".repeat(2_000)}";r=0;t=10`, undefined],
  [['"a";r=0;t=10', '"b";r=0;t=5'], 10_000],
] as const)("%j asks to wait for %s", (ratelimit, waitMs) => {
  expect(usedUpForMs({ ratelimit })).toBe(waitMs);
});

test("a field that is malformed leaves the other as it is", () => {
  expect(rateLimitsOf({ ratelimit: "?", "ratelimit-policy": '"a";q=1' })).toMatchObject([
    { policy: "a", quota: 1, remaining: undefined },
  ]);
  expect(rateLimitsOf({})).toEqual([]);
});
