import { expect, test } from "vitest";
import { describeMove } from "./describe-move.ts";

const move = { from: 20, to: 18, cause: "queueing", latencyMs: undefined, baselineMs: undefined } as const;

test("a move is told with what caused it", () => {
  expect(describeMove({ ...move, cause: "dropped" })).toBe("20 to 18: a call timed out or was throttled");
  expect(describeMove(move)).toBe("20 to 18: other rules");
  expect(describeMove({ ...move, latencyMs: 100 })).toBe("20 to 18: the mean latency is 100 ms");
  expect(describeMove({ ...move, latencyMs: 1_500, baselineMs: 40 })).toBe(
    "20 to 18: the mean latency is 1500 ms, against 40 ms",
  );
});

test("latencies below ten milliseconds are told in tenths", () => {
  expect(describeMove({ ...move, latencyMs: 9.96, baselineMs: 0.44 })).toBe(
    "20 to 18: the mean latency is 10 ms, against 0.4 ms",
  );
  expect(describeMove({ ...move, latencyMs: 10.26, baselineMs: 1.25 })).toBe(
    "20 to 18: the mean latency is 10 ms, against 1.3 ms",
  );
});
