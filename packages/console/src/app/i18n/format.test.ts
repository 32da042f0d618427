import { expect, test } from "vitest";
import { absent, formats } from "./format.ts";

const en = formats("en");
const ko = formats("ko");

test("durations are milliseconds below a second and seconds from there", () => {
  expect([0, 12.4, 999.4, 999.5, 9_949, 9_950, 31_000].map(en.duration)).toEqual([
    "0ms",
    "12ms",
    "999ms",
    "1.0s",
    "9.9s",
    "10s",
    "31s",
  ]);
  expect([12, 1_200].map(ko.duration)).toEqual(["12ms", "1.2초"]);
});

test("a duration that was not measured is a dash, not a zero", () => {
  expect(en.duration(null)).toBe(absent);
});

test("a countdown shows zero only when it has ended", () => {
  expect([8_001, 8_000, 1, 0, -5].map(en.countdown)).toEqual(["9s", "8s", "1s", "0s", "0s"]);
  expect(ko.countdown(2_000)).toBe("2초");
});

test("counts are grouped and rates have one decimal at most", () => {
  expect(en.count(12_345)).toBe("12,345");
  expect(ko.count(12_345)).toBe("12,345");
  expect([5, 4.96, 0.25].map(en.rate)).toEqual(["5", "5", "0.3"]);
});

test("a span is in its largest unit, rounded down", () => {
  const { span } = formats("en");
  expect([-5, 9_999, 59_999, 60_000, 7_199_999, 86_400_000].map(span)).toEqual([
    "0s",
    "9s",
    "59s",
    "1m",
    "1h",
    "1d",
  ]);
  expect(formats("ko").span(7_200_000)).toBe("2시간");
});
