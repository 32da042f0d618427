import { expect, test } from "vitest";
import { Pace } from "./pace.ts";

test("a forecast is the mean gap for each one ahead, and needs four gaps of the present busy period", () => {
  const pace = new Pace();
  for (const nowMs of [0, 10, 20, 40]) {
    pace.handedOver(nowMs);
    expect(pace.forecastMs(0, nowMs)).toBeUndefined();
  }
  pace.handedOver(40);
  expect(pace.forecastMs(0, 40)).toBe(10);
  expect(pace.forecastMs(4, 40)).toBe(50);
  expect(pace.forecastMs(4, 47)).toBe(43);
  expect(pace.forecastMs(0, 90)).toBe(0);
  pace.forget();
  expect(pace.forecastMs(4, 90)).toBeUndefined();
});

test("the pace of long ago fades", () => {
  const pace = new Pace();
  for (let second = 1; second <= 20; second += 1) pace.handedOver(second * 1_000);
  for (let ms = 1; ms <= 100; ms += 1) pace.handedOver(20_000 + ms);
  expect(pace.forecastMs(0, 20_100)).toBeLessThan(3);
});
