import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";

afterEach(() => vi.useRealTimers());

test("a timer of the system clock never fires early, fractions included", async () => {
  for (const delayMs of [0, 0.4, 1.7, 5.5, 12]) {
    const startMs = systemClock.now();
    const tookMs = await new Promise<number>((resolve) => {
      systemClock.setTimer(delayMs, () => resolve(systemClock.now() - startMs));
    });
    expect(tookMs).toBeGreaterThanOrEqual(delayMs);
  }
});

test("a cancelled timer does not fire, and cancelling again does nothing", async () => {
  let fired = 0;
  const timer = systemClock.setTimer(1, () => {
    fired += 1;
  });
  timer.cancel();
  timer.cancel();
  await new Promise<void>((resolve) => systemClock.setTimer(10, resolve));
  expect(fired).toBe(0);
});

test("a timer fires once, at a delay that is longer than Node's timers take", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  let fired = 0;
  const dayMs = 86_400_000;
  systemClock.setTimer(60 * dayMs, () => {
    fired += 1;
  });
  vi.advanceTimersByTime(60 * dayMs - 1);
  expect([fired, vi.getTimerCount()]).toEqual([0, 1]);
  vi.advanceTimersByTime(1);
  expect([fired, vi.getTimerCount()]).toEqual([1, 0]);
});

test("faked timers of the machine have a wheel of their own, and the real ones go on after them", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const seen: string[] = [];
  systemClock.setTimer(60_000, () => seen.push("faked"));
  systemClock.setTimer(600_000, () => seen.push("never"));
  vi.advanceTimersByTime(60_001);
  vi.useRealTimers();
  await new Promise<void>((resolve) => systemClock.setTimer(1, resolve));
  expect(seen).toEqual(["faked"]);
});

test("a timer that is never due is never armed", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const timer = systemClock.setTimer(Number.POSITIVE_INFINITY, () => {});
  expect(vi.getTimerCount()).toBe(0);
  expect(() => timer.cancel()).not.toThrow();
});

test("monotonic time goes forward in milliseconds, and wall time is the time of day", () => {
  const firstMs = systemClock.now();
  expect(systemClock.now()).toBeGreaterThanOrEqual(firstMs);
  expect(Math.abs(systemClock.wallNow() - Date.now())).toBeLessThan(1_000);
});
