import { expect, test } from "vitest";
import { type BreakerMove, type BreakerState, breakerTable, stepBreaker } from "./breaker-states.ts";

const states: readonly BreakerState[] = ["closed", "open", "halfOpen"];
const moves: readonly BreakerMove[] = [
  "thresholdReached",
  "openTimeElapsed",
  "probesPassed",
  "probesFailed",
  "probesOverdue",
];

test("every pair of state and move leads where the table says, or nowhere", () => {
  const all = Object.fromEntries(
    states.map((state) => [state, Object.fromEntries(moves.map((move) => [move, stepBreaker(state, move)]))]),
  );
  expect(all).toEqual({
    closed: {
      thresholdReached: "open",
      openTimeElapsed: "closed",
      probesPassed: "closed",
      probesFailed: "closed",
      probesOverdue: "closed",
    },
    open: {
      thresholdReached: "open",
      openTimeElapsed: "halfOpen",
      probesPassed: "open",
      probesFailed: "open",
      probesOverdue: "open",
    },
    halfOpen: {
      thresholdReached: "halfOpen",
      openTimeElapsed: "halfOpen",
      probesPassed: "closed",
      probesFailed: "open",
      probesOverdue: "halfOpen",
    },
  });
});

test("every state can be reached from every other", () => {
  for (const start of states) {
    const reached = new Set<BreakerState>([start]);
    for (const state of reached) for (const next of Object.values(breakerTable[state])) reached.add(next);
    expect([...reached].sort()).toEqual(["closed", "halfOpen", "open"]);
  }
});
