import { expect, test } from "vitest";
import { RampUp } from "./ramp-up.ts";

test("at a share of a half, every second call goes through after the first", () => {
  const ramp = new RampUp(0);
  expect(ramp.share(9, 4)).toBe(0.5);
  expect(Array.from({ length: 8 }, () => ramp.admit(9, 4))).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
});

test("those who are turned away are told places that lie as far as possible from those before them", () => {
  const ramp = new RampUp(0);
  expect(ramp.admit(1_000, 0)).toBe(true);
  const waits: number[] = [];
  for (let call = 0; call < 5; call += 1) {
    expect(ramp.admit(1_000, 0)).toBe(false);
    waits.push(Math.round(ramp.retryAfterMs(1_000, 0)));
  }
  expect(waits).toEqual([618, 236, 854, 472, 90]);
  expect(Math.round(ramp.retryAfterMs(1_000, 500))).toBe(45);
  expect(ramp.retryAfterMs(1_000, 1_500)).toBe(0);
});

test("a ramp-up that was configured away, or whose time is over, lets everybody through", () => {
  const ramp = new RampUp(100);
  expect([
    ramp.share(1_000, 100),
    ramp.share(1_000, 1_100),
    ramp.share(1_000, 5_000),
    ramp.share(0, 100),
  ]).toEqual([0.1, 1, 1, 1]);
});
