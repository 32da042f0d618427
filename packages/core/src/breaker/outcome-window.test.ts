import fc from "fast-check";
import { expect, test } from "vitest";
import { CountWindow, TimeWindow } from "./outcome-window.ts";

test("outcomes of the last ten seconds count, and older ones are forgotten", () => {
  const window = new TimeWindow(10_000);
  window.record(true, 500);
  window.record(false, 1_500);
  expect([window.failures, window.calls, window.describe()]).toEqual([1, 2, "1 of 2 calls failed in 10 s"]);
  window.expire(9_999);
  expect([window.failures, window.calls]).toEqual([1, 2]);
  window.expire(10_000);
  expect([window.failures, window.calls]).toEqual([0, 1]);
  window.expire(11_000);
  expect([window.failures, window.calls]).toEqual([0, 0]);
});

test("of a saved window nothing comes back that is as old as a whole window by then", () => {
  const saved = (): ReturnType<TimeWindow["save"]> => {
    const window = new TimeWindow(10_000);
    window.record(true, 500);
    window.record(true, 1_500);
    return window.save(9_999);
  };
  for (const [nowMs, failures] of [
    [9_999, 2],
    [10_000, 1],
    [11_000, 0],
  ] as const) {
    const window = new TimeWindow(10_000);
    window.load(saved(), 9_999, nowMs);
    expect([nowMs, window.failures]).toEqual([nowMs, failures]);
  }
});

test("after any pause as long as the window nothing is remembered", () => {
  for (const idleMs of [10_000, 10_001, 15_000, 19_999, 20_000, 3_600_000, 30 * 86_400_000]) {
    const window = new TimeWindow(10_000);
    for (let second = 0; second < 10; second += 1) window.record(true, second * 1_000 + 999);
    expect(window.failures).toBe(10);
    window.expire(9_999 + idleMs);
    expect([window.failures, window.calls]).toEqual([0, 0]);
    window.record(false, 9_999 + idleMs);
    expect([window.failures, window.calls]).toEqual([0, 1]);
  }
});

test("an outcome is remembered for nine to ten tenths of the window, whenever it comes", () => {
  const ms = fc.integer({ min: -50_000, max: 50_000 });
  const records = fc.array(fc.tuple(fc.integer({ min: 0, max: 30_000 }), fc.boolean()), { maxLength: 60 });
  fc.assert(
    fc.property(ms, records, (startMs, steps) => {
      const window = new TimeWindow(10_000);
      const log: { atMs: number; failed: boolean }[] = [];
      let nowMs = startMs;
      for (const [waitMs, failed] of steps) {
        nowMs += waitMs;
        window.record(failed, nowMs);
        log.push({ atMs: nowMs, failed });
        const second = (atMs: number): number => Math.floor(atMs / 1_000);
        const live = log.filter(({ atMs }) => second(nowMs) - second(atMs) < 10);
        expect([window.calls, window.failures]).toEqual([
          live.length,
          live.filter((each) => each.failed).length,
        ]);
        expect(log.filter(({ atMs }) => nowMs - atMs <= 9_000).length).toBeLessThanOrEqual(window.calls);
        expect(log.filter(({ atMs }) => nowMs - atMs < 10_000).length).toBeGreaterThanOrEqual(window.calls);
      }
    }),
  );
});

test("a time that lies before the last one is taken as the last one", () => {
  const window = new TimeWindow(10_000);
  window.record(true, 20_000);
  window.record(true, 1_000);
  expect(window.failures).toBe(2);
  window.record(true, 19_500);
  window.expire(19_500);
  window.expire(29_999);
  expect(window.failures).toBe(3);
  window.expire(30_000);
  expect(window.failures).toBe(0);
});

test("the last outcomes count, however old", () => {
  const window = new CountWindow(3);
  for (const failed of [true, false, true]) window.record(failed);
  window.expire();
  expect([window.failures, window.calls, window.describe()]).toEqual([2, 3, "2 of the last 3 calls failed"]);
  window.record(false);
  expect([window.failures, window.calls]).toEqual([1, 3]);
});

test("a count window agrees with the end of a list", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.boolean(), { maxLength: 40 }),
      (size, outcomes) => {
        const window = new CountWindow(size);
        for (const failed of outcomes) window.record(failed);
        const last = outcomes.slice(-size);
        expect([window.calls, window.failures]).toEqual([last.length, last.filter(Boolean).length]);
      },
    ),
  );
});

test("a cleared window starts anew", () => {
  const time = new TimeWindow(10_000);
  const count = new CountWindow(2);
  time.record(true, 1_000);
  count.record(true);
  for (const window of [time, count]) {
    window.clear();
    expect([window.failures, window.calls]).toEqual([0, 0]);
    window.record(false, 1_000);
    window.record(false, 1_000);
    window.record(true, 1_000);
    expect(window.failures).toBe(1);
  }
  time.expire(11_000);
  expect([time.failures, time.calls]).toEqual([0, 0]);
});

test("an outcome at the very end of a tenth belongs to the next one", () => {
  const window = new TimeWindow(10_000);
  window.record(true, 500);
  window.record(true, 1_000);
  window.expire(10_999);
  expect(window.failures).toBe(1);
  window.expire(11_000);
  expect(window.failures).toBe(0);
});
