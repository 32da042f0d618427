import { expect, test } from "vitest";
import { RateLine } from "./rate-line.ts";

const never = Number.POSITIVE_INFINITY;

function line(told: string[]): {
  line: RateLine;
  come: (name: string, times?: { latestAtMs?: number; deadlineAtMs?: number }) => void;
} {
  const rate = new RateLine({ permits: 1, perMs: 100, burst: 1 }, 10);
  rate.take(1, 0);
  return {
    line: rate,
    come: (name, { latestAtMs = never, deadlineAtMs = never } = {}) =>
      void rate.wait({
        cost: 1,
        sinceMs: 0,
        latestAtMs,
        deadlineAtMs,
        granted: (_, nowMs) => told.push(`${name} at ${nowMs}`),
        dropped: (readyAtMs, nowMs) => told.push(`${name} dropped at ${nowMs}, ready at ${readyAtMs}`),
      }),
  };
}

test("when the timer comes late, whose deadline has passed is not let through, and takes no permit", () => {
  const told: string[] = [];
  const { line: rate, come } = line(told);
  come("late", { deadlineAtMs: 150 });
  come("next", { deadlineAtMs: 400 });
  rate.advance(150);
  expect(told).toEqual(["late dropped at 150, ready at 150", "next at 150"]);
});

test("a pause tells those at once whose turn would come too late, counting only those who stay ahead of them", () => {
  const told: string[] = [];
  const { line: rate, come } = line(told);
  come("a", { latestAtMs: 150 });
  come("b", { latestAtMs: 250 });
  come("c", { latestAtMs: 320 });
  come("d", { latestAtMs: 350 });
  rate.pause(250, 10);
  expect(told).toEqual(["a dropped at 10, ready at 250", "c dropped at 10, ready at 350"]);
  expect([rate.waiting, rate.readyAtMs(1)]).toEqual([2, 450]);
  rate.advance(250);
  rate.advance(350);
  expect(told.slice(2)).toEqual(["b at 250", "d at 350"]);
});

test("permits that come back go to who waits first", () => {
  const told: string[] = [];
  const rate = new RateLine({ permits: 1, perMs: 100, burst: 2 }, 10);
  rate.take(1, 0);
  const unused = rate.take(1, 0);
  rate.wait({
    cost: 1,
    sinceMs: 10,
    latestAtMs: never,
    deadlineAtMs: never,
    granted: (_, nowMs) => told.push(`at ${nowMs}`),
    dropped: () => told.push("dropped"),
  });
  expect(unused === undefined ? 0 : rate.refund(unused, 20)).toBe(1);
  expect(told).toEqual(["at 20"]);
});
