import fc from "fast-check";
import { expect, test } from "vitest";
import { type Candidate, chooseIndex, orderOf, sharesOf } from "./choose-provider.ts";

const healths = [0, 0.1, 0.5, 1];
const priorities = [1, 2];
const weights = [1, 3];

/** Every candidate that the grid holds. */
const grid: Candidate[] = priorities.flatMap((priority) =>
  weights.flatMap((weight) => healths.map((health) => ({ priority, weight, health }))),
);

function everyThree(visit: (candidates: readonly Candidate[]) => void): void {
  for (const a of grid) for (const b of grid) for (const c of grid) visit([a, b, c]);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

test("shares add up to one, whoever is ill", () => {
  everyThree((candidates) => {
    const shares = sharesOf(candidates);
    expect(sum(shares)).toBeCloseTo(1, 9);
    expect(shares.every((share) => share >= 0 && share <= 1 + 1e-9)).toBe(true);
  });
  expect(sharesOf([])).toEqual([]);
  expect(chooseIndex([], 0)).toBeUndefined();
});

test("whoever is down gets nothing while anybody is not", () => {
  everyThree((candidates) => {
    if (candidates.every(({ health }) => health === 0)) return;
    const shares = sharesOf(candidates);
    for (const [index, { health }] of candidates.entries()) {
      expect(shares[index] === 0).toBe(health === 0 || isCovered(candidates, index));
    }
  });
});

/** A member of an earlier priority is wholly healthy, so nothing reaches this one. */
function isCovered(candidates: readonly Candidate[], index: number): boolean {
  const { priority } = candidates[index] as Candidate;
  return candidates.some((each) => each.priority < priority && each.health === 1);
}

test("where all are down, all that stand in the first priority are asked by weight", () => {
  const down = (priority: number, weight: number): Candidate => ({ priority, weight, health: 0 });
  expect(sharesOf([down(1, 1), down(1, 3), down(2, 9)])).toEqual([0.25, 0.75, 0]);
});

test("within a priority calls are split by weight times health", () => {
  expect(
    sharesOf([
      { priority: 1, weight: 3, health: 1 },
      { priority: 1, weight: 1, health: 1 },
    ]),
  ).toEqual([0.75, 0.25]);
  // A tenth of its weight, and the healthy one takes the rest: nothing goes to the next priority.
  const shares = sharesOf([
    { priority: 1, weight: 1, health: 0.1 },
    { priority: 1, weight: 1, health: 1 },
    { priority: 2, weight: 1, health: 1 },
  ]);
  expect(shares).toEqual([expect.closeTo(0.1 / 1.1), expect.closeTo(1 / 1.1), 0]);
});

test("a priority that recovers alone hands on what it cannot take yet", () => {
  const shares = sharesOf([
    { priority: 1, weight: 1, health: 0.3 },
    { priority: 2, weight: 1, health: 1 },
  ]);
  expect(shares).toEqual([expect.closeTo(0.3), expect.closeTo(0.7)]);
});

test("who gets healthier never gets less, and nobody else in its priority more", () => {
  const candidate = fc.record({
    priority: fc.integer({ min: 1, max: 3 }),
    weight: fc.integer({ min: 1, max: 10 }),
    health: fc.constantFrom(0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1),
  });
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 2, maxLength: 4 }), fc.nat(), (candidates, pick) => {
      const index = pick % candidates.length;
      const better = candidates.map((each, at) => (at === index ? { ...each, health: 1 } : each));
      const before = sharesOf(candidates)[index] as number;
      const after = sharesOf(better)[index] as number;
      expect(after).toBeGreaterThanOrEqual(before - 1e-9);
    }),
  );
});

test("a hundred even draws fall on each candidate as often as its share says", () => {
  everyThree((candidates) => {
    const shares = sharesOf(candidates);
    const drawn = candidates.map(() => 0);
    for (let draw = 0; draw < 100; draw += 1) {
      const index = chooseIndex(candidates, (draw + 0.5) / 100) as number;
      drawn[index] = (drawn[index] as number) + 0.01;
    }
    for (const [index, share] of shares.entries()) {
      expect(Math.abs((drawn[index] as number) - share)).toBeLessThan(0.0101);
    }
  });
});

test("the order holds each candidate once, and those that are down behind all others", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...grid), { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999999, noNaN: true })),
      (grid, draws) => {
        const candidates = grid.map((each) => ({ ...each }));
        const order = orderOf(candidates, () => draws.next().value as number);
        expect([order.length, new Set([...order, ...candidates]).size]).toEqual(
          Array(2).fill(candidates.length),
        );
        const states = order.map(({ health }) => health > 0);
        expect(states.lastIndexOf(true)).toBeLessThan(
          states.includes(false) ? states.indexOf(false) : states.length,
        );
      },
    ),
  );
});

test("a draw at the very end falls on somebody who gets calls", () => {
  const candidates = [
    { priority: 1, weight: 1, health: 0.1 },
    { priority: 1, weight: 7, health: 0.1 },
    { priority: 2, weight: 1, health: 0 },
  ];
  expect(chooseIndex(candidates, 1 - Number.EPSILON / 2)).toBe(1);
});
