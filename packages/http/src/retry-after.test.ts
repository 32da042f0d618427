import { expect, test } from "vitest";
import { longestRetryAfterMs, parseRetryAfterMs, retryAfterOf } from "./retry-after.ts";

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);

test.each([
  ["0", 0],
  ["120", 120_000],
  [" 3 ", 3_000],
  ["Fri, 02 Jan 2026 03:04:35 GMT", 30_000],
  ["Friday, 02-Jan-26 03:04:35 GMT", 30_000],
  ["Fri Jan  2 03:04:35 2026", 30_000],
  ["Thu, 01 Jan 2026 00:00:00 GMT", 0],
  ["99999999999999999999999999", longestRetryAfterMs],
  ["Fri, 02 Jan 2099 03:04:35 GMT", longestRetryAfterMs],
])("%j asks for %d ms", (value, ms) => {
  expect(parseRetryAfterMs(value, nowMs)).toBe(ms);
});

test.each([
  undefined,
  "",
  " ",
  "-1",
  "1.5",
  "1e3",
  "0x10",
  "soon",
  "2026-01-02T03:04:35Z",
  "Fri, 02 Jan 2026 03:04:35 KST",
  "Fri, 99 Jan 2026 03:04:35 GMT",
  "Infinity",
])("%j says nothing", (value) => {
  expect(parseRetryAfterMs(value, nowMs)).toBeUndefined();
});

test("a date is measured from the answer's own date, so that a server's wrong clock does no harm", () => {
  const date = "Wed, 01 Jan 2020 00:00:00 GMT";

  expect(parseRetryAfterMs("Wed, 01 Jan 2020 00:00:10 GMT", nowMs, date)).toBe(10_000);
  expect(parseRetryAfterMs("Fri, 02 Jan 2026 03:04:35 GMT", nowMs, "no date")).toBe(30_000);
});

test("Retry-After goes before a quota that is used up, which counts where the former says nothing", () => {
  const ratelimit = '"a";r=0;t=10';
  expect(retryAfterOf({ ratelimit, "retry-after": "2" }, 0)).toBe(2_000);
  expect(retryAfterOf({ ratelimit, "retry-after": ["2", "9"] }, 0)).toBe(2_000);
  expect(retryAfterOf({ ratelimit, "retry-after": "soon" }, 0)).toBe(10_000);
  expect(retryAfterOf({ ratelimit }, 0)).toBe(10_000);
  expect(retryAfterOf({}, 0)).toBeUndefined();
});
