import { faultKinds, seededRandom } from "@outrigger/lab";
import { expect, test } from "vitest";
import { stormSchedule } from "./schedule.ts";

const seeds = Array.from({ length: 50 }, (_, seed) => seed);

test.each(seeds)("storm %i puts each provider through every fault once, inside the storm", (seed) => {
  const { faults, killsAtMs } = stormSchedule(60_000, ["a", "b"], seededRandom(seed));
  for (const provider of ["a", "b"]) {
    const own = faults.filter((each) => each.provider === provider);
    expect(own.map(({ kind }) => kind).sort()).toEqual([...faultKinds].sort());
    expect(own.every(({ atMs }) => atMs >= 0 && atMs < 60_000)).toBe(true);
  }
  expect(killsAtMs.length).toBeGreaterThanOrEqual(5);
  expect(killsAtMs.every((atMs) => atMs > 0 && atMs < 60_000)).toBe(true);
  expect([...killsAtMs].sort((a, b) => a - b)).toEqual(killsAtMs);
});

test("unanswered cancels come right after hanging charges, whose cancels they can meet", () => {
  for (const seed of seeds) {
    const { faults } = stormSchedule(60_000, ["a"], seededRandom(seed));
    const kinds = faults.map(({ kind }) => kind);
    expect(kinds.indexOf("dropCancelAnswer")).toBe(kinds.indexOf("hangBeforeApply") + 1);
  }
});

test("the same seed gives the same storm, another seed another", () => {
  const storm = (seed: number) => stormSchedule(60_000, ["a", "b"], seededRandom(seed));
  expect(storm(7)).toEqual(storm(7));
  expect(storm(7)).not.toEqual(storm(8));
});
